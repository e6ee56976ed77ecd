// <demo-pins>: relay, lamp, buzzer and inputs as they are this moment (`Actuator.snapshot()`).

import { html, nothing } from "../vendor/lit.js";
import { icon } from "./icons.js";
import { LightElement } from "./light.js";
import { fill, plain } from "./words.js";

// The eight colours of a three-colour lamp: [red, green, blue] -> word.
const COLOURS = { "000": "dark", "100": "red", "010": "green", "001": "blue", "110": "amber", "111": "white" };
const MAX_ROWS = 8;

export class DemoPins extends LightElement {
  static properties = { pins: { attribute: false }, file: { attribute: false } };

  constructor() {
    super();
    this.pins = {};
    this.file = null;
  }

  render() {
    if (!this.file) return nothing;
    const { demo } = this.file;
    const { relay = {}, lamp = [], buzzer = false, inputs = {}, pulses = {} } = this.pins ?? {};
    const code = [0, 1, 2].map((i) => (lamp[i] ? "1" : "0")).join("");
    const colour = COLOURS[code] ?? "white";
    const inputRows = Object.entries(inputs).slice(0, MAX_ROWS);
    return html`<div class="pins">
      ${Object.entries(relay).slice(0, MAX_ROWS).map(
        ([lane, on]) =>
          html`<div class="pin" data-on=${on ? "yes" : "no"}>
            <span class="pin-led">${icon("relay")}</span>
            <div>
              <b>${demo.relay} · <bdi>${plain(lane, 12)}</bdi></b>
              <span class="pin-note">${fill(demo.pulses, { n: plain(pulses[lane] ?? 0, 8) })}</span>
            </div>
            <span class="pin-state">${on ? demo.closed : demo.open}</span>
          </div>`,
      )}
      <div class="pin" data-on=${code === "000" ? "no" : "yes"} data-lamp=${colour}>
        <span class="pin-led">${icon("lamp")}</span><b>${demo.lamp}</b>
        <span class="pin-state">${demo[colour]}</span>
      </div>
      <div class="pin" data-on=${buzzer ? "yes" : "no"}>
        <span class="pin-led">${icon("bell")}</span><b>${demo.buzzer}</b>
        <span class="pin-state">${buzzer ? demo.sounding : demo.silent}</span>
      </div>
      <div class="pin inputs">
        <span class="pin-led">${icon("sync")}</span><b>${demo.inputs}</b>
        <span class="pin-inputs">
          ${inputRows.length
            ? inputRows.map(([name, on]) => html`<span class="input" data-on=${on ? "yes" : "no"}><bdi>${plain(name, 14)}</bdi></span>`)
            : demo.no_inputs}
        </span>
      </div>
    </div>`;
  }
}
customElements.define("demo-pins", DemoPins);
