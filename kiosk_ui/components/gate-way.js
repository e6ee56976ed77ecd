// <gate-way>: a long arrow toward the lane. While a passage window runs, its shaft drains from the tail and the number
// counts whole seconds; without a window it is solid. The lane's side is physical: nothing here mirrors with a language.

import { html, nothing } from "../vendor/lit.js";
import { ARROW_HEAD } from "./icons.js";
import { LightElement } from "./light.js";

const SAME_MS = 250; // a repeated state says the same end again, give or take the way it came

export class GateWay extends LightElement {
  static properties = {
    way: { attribute: false },
    seconds: { state: true },
  };

  constructor() {
    super();
    this.way = "right";
    this.total = 0; // ms of the whole window
    this.seconds = null;
    this.end = null; // performance.now() at which the window closes
    this.run = null;
    this.tick = 0;
  }

  /** The window has `left` of `total` ms to go; null = there is no window. */
  count(total, left) {
    const counting = Number.isFinite(total) && Number.isFinite(left) && total > 0;
    const end = counting ? performance.now() + Math.max(0, Math.min(left, total)) : null;
    if (counting && this.end !== null && Math.abs(end - this.end) < SAME_MS && this.total === total) return;
    if (!counting && this.end === null && this.seconds === null) return;
    this.end = end;
    this.total = counting ? total : 0;
    this.#second();
    this.updateComplete.then(() => this.#drain());
  }

  #drain() {
    this.run?.cancel();
    this.run = null;
    const shaft = this.querySelector(".way-left");
    if (this.end === null || !shaft) return;
    const left = Math.max(0, this.end - performance.now());
    const axis = this.way === "up" ? "scaleY" : "scaleX";
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.run = shaft.animate([{ transform: `${axis}(${left / this.total})` }, { transform: `${axis}(0)` }], {
      duration: Math.max(1, left),
      easing: still ? `steps(${Math.max(1, Math.ceil(left / 1000))})` : "linear",
      fill: "forwards",
    });
  }

  #second() {
    clearTimeout(this.tick);
    if (this.end === null) {
      this.seconds = null;
      return;
    }
    const left = Math.max(0, this.end - performance.now());
    this.seconds = Math.ceil(left / 1000);
    if (left > 0) this.tick = setTimeout(() => this.#second(), (left % 1000 || 1000) + 5);
  }

  updated(changed) {
    if (changed.has("way")) this.#drain();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.tick);
    this.run?.cancel();
    this.run = null;
    this.end = null;
  }

  render() {
    return html`${this.seconds === null ? nothing : html`<span class="way-s">${this.seconds}</span>`}
      <div class="way-shaft"><div class="way-left"></div></div>
      <div class="way-head">${ARROW_HEAD}</div>`;
  }
}
customElements.define("gate-way", GateWay);
