// The lane's own time of day, carried on while the lane is silent. The browser's clock and zone are not asked: a kiosk
// has neither right.

/** Remembers what time the lane said it was. */
export class LaneClock {
  #seconds = null; // of the day, where the lane is
  #heard = 0; // performance.now() when it was said

  /** @param {{now?: number, time?: string}} state `now` Unix ms, `time` `HH:MM` of the event's zone. */
  hear(state) {
    const match = /^(\d{1,2}):(\d{2})$/.exec(state.time ?? "");
    if (!match) return;
    const second = Number.isFinite(state.now) ? Math.floor(state.now / 1000) % 60 : 0;
    this.#seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + second;
    this.#heard = performance.now();
  }

  /** `HH:MM:SS` at `when` (a `performance.now()`); empty when the lane never said. */
  at(when) {
    if (this.#seconds === null) return "";
    const total = Math.floor(this.#seconds + Math.max(0, when - this.#heard) / 1000) % 86400;
    return [total / 3600, (total / 60) % 60, total % 60].map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
  }
}
