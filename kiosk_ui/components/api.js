// The local API for our pages: one call, one answer, never a thrown error. Knows no words and no screens.

const WAIT_MS = 6000;

/** A key that makes an act idempotent: sent again, it gives the same answer again. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Api {
  constructor() {
    /** Of the session; sent with everything that changes something. */
    this.csrf = "";
  }

  /**
   * @param {string} method @param {string} path below /api/v1/ @param {object} [body]
   * @returns {Promise<{ok: boolean, status: number, body: any, code: string, wait: number}>} status 0 = no answer
   */
  async call(method, path, body, { wait = WAIT_MS } = {}) {
    const headers = { accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (method !== "GET") headers["x-gate-csrf"] = this.csrf;
    let answer;
    try {
      answer = await fetch(`/api/v1/${path}`, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store",
        credentials: "same-origin",
        signal: AbortSignal.timeout(wait),
      });
    } catch {
      return { ok: false, status: 0, body: null, code: "away", wait: 0 };
    }
    let parsed = null;
    try {
      parsed = await answer.json();
    } catch {
      parsed = null;
    }
    if (parsed?.csrf) this.csrf = parsed.csrf;
    return {
      ok: answer.ok && parsed !== null,
      status: answer.status,
      body: parsed,
      code: answer.ok ? "" : String(parsed?.error?.code ?? "other"),
      wait: Number(answer.headers.get("retry-after")) || 0,
    };
  }

  get(path) {
    return this.call("GET", path);
  }

  post(path, body, options) {
    return this.call("POST", path, body, options);
  }

  /** An act with a key: one lost answer is asked for once more before anybody is told that nothing is known. */
  async act(path, body, options) {
    const whole = { key: newKey(), ...body };
    let answer = await this.post(path, whole, options);
    if (answer.status === 0) answer = await this.post(path, whole, options);
    return { ...answer, sent: whole };
  }
}
