// The line to the lane: one WebSocket at a time, reconnected with a growing pause, judged by silence alone.
// Knows nothing of what the messages mean.

/** Signs of life come each second. Silence longer than this and the page must not be believed: 2 s less a frame or two. */
export const STALE_MS = 1900;
const PAUSE_MS = [200, 400, 800, 1600, 3000];

export class LaneLink {
  /**
   * @param {string} path WebSocket path on this host.
   * @param {{message: (m: object) => void, lost: (heardAt: number) => void}} ears `lost` may be called again
   *   while the silence lasts; it is given the `performance.now()` of the last word.
   */
  constructor(path, ears) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.url = `${scheme}//${location.host}${path}`;
    this.ears = ears;
    this.socket = null;
    this.tries = 0;
    this.n = 0;
    this.silence = 0;
    /** `performance.now()` of the last word from the lane. */
    this.heardAt = 0;
    this.lost = false;
    this.retry = 0;
  }

  start() {
    this.#open();
  }

  /** For good: nothing more is heard or tried. */
  stop() {
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.ears = { message() {}, lost() {} };
    this.#drop();
    this.stopped = true;
  }

  #open() {
    if (this.stopped) return;
    clearTimeout(this.retry);
    this.#drop();
    // Reconnecting must not postpone the word that the lane is lost; after it, each new line gets its own time.
    if (this.lost || !this.silence) this.#listen();
    this.n = 0;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      this.#take(event.data);
    };
    socket.onclose = () => {
      if (socket === this.socket) this.#again();
    };
  }

  #take(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      this.#again(); // half a message is no message: start afresh
      return;
    }
    if (message.n !== this.n + 1) {
      this.#again(); // something was lost on the way: a new line begins with the whole state
      return;
    }
    this.n = message.n;
    this.tries = 0;
    this.lost = false;
    this.heardAt = performance.now();
    this.#listen();
    if (message.t !== "alive") this.ears.message(message);
  }

  #listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.lost = true;
      this.ears.lost(this.heardAt);
      this.#again();
    }, STALE_MS);
  }

  #again() {
    this.#drop();
    clearTimeout(this.retry);
    const pause = PAUSE_MS[Math.min(this.tries, PAUSE_MS.length - 1)];
    this.tries += 1;
    this.retry = setTimeout(() => this.#open(), pause * (0.8 + 0.4 * Math.random()));
  }

  #drop() {
    const old = this.socket;
    this.socket = null;
    if (old && old.readyState < WebSocket.CLOSING) old.close();
  }
}
