// <phone-camera>: the phone's own camera, reading all the time. Fires `code` {text, at} once for each presentation.

import { html, nothing } from "../vendor/lit.js";
import { reader } from "./decoder.js";
import { icon } from "./icons.js";
import { LightElement } from "./light.js";

const PAUSE_MS = 60;
/** A code that was out of view for so long is a new presentation. */
const GONE_MS = 1200;

export class PhoneCamera extends LightElement {
  static properties = {
    file: { attribute: false },
    active: { attribute: false },
    extras: { attribute: false },
    problem: { state: true },
    crowd: { state: true },
    torch: { state: true },
    zoom: { state: true },
  };

  constructor() {
    super();
    this.active = false;
    this.problem = "";
    this.crowd = false;
    this.torch = null;
    this.zoom = null;
    this.facing = "environment";
    this.stream = null;
    this.turn = 0;
    this.seen = new Map();
    this.lock = null;
    this.shown = () => document.visibilityState === "visible" && this.active && this.start();
  }

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("visibilitychange", this.shown);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("visibilitychange", this.shown);
    this.stop();
  }

  updated(changed) {
    if (changed.has("active")) this.active ? this.start() : this.stop();
  }

  render() {
    const say = this.file.staff;
    return html`<div class="cam">
      <video playsinline muted aria-hidden="true"></video>
      <svg class="frame" viewBox="0 0 100 100" aria-hidden="true" focusable="false">
        <path d="M3 22V11a8 8 0 0 1 8-8h11M78 3h11a8 8 0 0 1 8 8v11M97 78v11a8 8 0 0 1-8 8H78M22 97H11a8 8 0 0 1-8-8V78" />
      </svg>
      <p class="cam-hint" role="status">
        ${this.problem ? say[this.problem] : this.crowd ? say.one_code : say.hold}
      </p>
      ${this.problem === "camera_ask" ? html`<button type="button" class="btn primary cam-start" @click=${() => this.start()}>${icon("camera")}${say.camera_start}</button>` : nothing}
      <div class="tools">
        ${this.extras ?? nothing}
        ${this.zoom ? this.#tool("plus", say.zoom, this.zoom.on, () => this.#zoom()) : nothing}
        ${this.stream ? this.#tool("flip", say.flip, null, () => this.#flip()) : nothing}
        ${this.torch === null ? nothing : this.#tool("torch", say.torch, this.torch, () => this.#torch())}
      </div>
    </div>`;
  }

  #tool(name, label, pressed, act) {
    return html`<button type="button" class="tool" aria-label=${label} aria-pressed=${pressed ?? nothing} @click=${act}>${icon(name)}</button>`;
  }

  async start() {
    if (this.stream?.active) return;
    if (!navigator.mediaDevices?.getUserMedia) {
      this.problem = window.isSecureContext ? "camera_none" : "insecure";
      return;
    }
    const turn = ++this.turn;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: this.facing, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
      if (turn !== this.turn) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      this.stream = stream;
    } catch (error) {
      this.problem = error.name === "NotAllowedError" ? "camera_denied" : error.name === "NotFoundError" ? "camera_none" : "camera_ask";
      return;
    }
    this.problem = "";
    const video = this.querySelector("video");
    video.srcObject = this.stream;
    await video.play().catch(() => (this.problem = "camera_ask"));
    this.#abilities();
    this.#stayAwake();
    this.#read(turn, video);
  }

  stop() {
    this.turn += 1;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.torch = null;
    this.zoom = null;
    this.lock?.release().catch(() => {});
    this.lock = null;
  }

  async #read(turn, video) {
    let read;
    try {
      read = await reader();
    } catch {
      this.problem = "camera_none";
      return;
    }
    while (turn === this.turn) {
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && video.videoWidth) {
        const at = performance.now();
        let texts = [];
        try {
          texts = await read(video);
        } catch {
          texts = []; // one frame that cannot be read says nothing about the next
        }
        if (turn === this.turn) this.#found(texts, at);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Two codes in view: neither, until one is alone. */
  #found(texts, at) {
    const now = performance.now();
    const fresh = texts.filter((text) => !this.seen.has(text));
    for (const [text, last] of this.seen) if (now - last > GONE_MS && !texts.includes(text)) this.seen.delete(text);
    this.crowd = new Set(texts).size > 1;
    if (!this.crowd && fresh.length) this.dispatchEvent(new CustomEvent("code", { detail: { text: fresh[0], at } }));
    if (!this.crowd || !fresh.length) for (const text of texts) this.seen.set(text, now);
  }

  #abilities() {
    const track = this.stream?.getVideoTracks()[0];
    const can = track?.getCapabilities?.() ?? {};
    this.torch = can.torch ? false : null;
    this.zoom = can.zoom?.max > 1 ? { on: false, near: Math.min(can.zoom.max, 2), far: can.zoom.min ?? 1 } : null;
  }

  async #apply(settings) {
    const track = this.stream?.getVideoTracks()[0];
    try {
      await track?.applyConstraints({ advanced: [settings] });
    } catch {
      // The camera said it can and then would not: the button simply changes nothing.
    }
  }

  async #torch() {
    await this.#apply({ torch: !this.torch });
    this.torch = !this.torch;
  }

  async #zoom() {
    await this.#apply({ zoom: this.zoom.on ? this.zoom.far : this.zoom.near });
    this.zoom = { ...this.zoom, on: !this.zoom.on };
  }

  #flip() {
    this.facing = this.facing === "environment" ? "user" : "environment";
    this.stop();
    this.start();
  }

  async #stayAwake() {
    try {
      this.lock = await navigator.wakeLock?.request("screen");
    } catch {
      this.lock = null; // on low battery the phone may sleep all the same
    }
  }
}
customElements.define("phone-camera", PhoneCamera);
