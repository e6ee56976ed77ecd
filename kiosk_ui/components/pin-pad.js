// <pin-pad>: digits by thumb or keyboard. Fires `pin` with the digits when they change; shows how many, never which.

import { html } from "../vendor/lit.js";
import { icon } from "./icons.js";
import { LightElement } from "./light.js";
import { fill } from "./words.js";

const MAX = 12;
const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "delete"];

export class PinPad extends LightElement {
  static properties = { file: { attribute: false }, value: { attribute: false }, label: { attribute: false } };

  constructor() {
    super();
    this.value = "";
    this.label = "";
  }

  render() {
    const say = this.file.staff;
    const dots = Array.from({ length: Math.max(6, this.value.length) }, (_, i) => html`<i class=${i < this.value.length ? "f" : ""}></i>`);
    return html`<div class="pin" role="group" aria-label=${this.label || say.pin}>
      <div class="dots" role="status" aria-label=${fill(say.digits, { n: this.value.length })}>${dots}</div>
      <div class="pad">
        ${KEYS.map((key) => {
          const name = key === "clear" ? say.cancel : key === "delete" ? say.delete : key;
          return html`<button type="button" class=${key.length > 1 ? "x" : ""} aria-label=${name} @click=${() => this.press(key)}>
            ${key === "clear" ? icon("close") : key === "delete" ? icon("backspace") : key}
          </button>`;
        })}
      </div>
    </div>`;
  }

  press(key) {
    if (key === "clear") this.#set("");
    else if (key === "delete") this.#set(this.value.slice(0, -1));
    else if (/^[0-9]$/.test(key)) this.#set((this.value + key).slice(0, MAX));
  }

  #set(value) {
    this.value = value;
    this.dispatchEvent(new CustomEvent("pin", { detail: value, bubbles: true }));
  }
}
customElements.define("pin-pad", PinPad);
