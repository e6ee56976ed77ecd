// <demo-camera>: what the reader sees, with the found code outlined.

import { html, nothing, svg } from "../vendor/lit.js";
import { LightElement } from "./light.js";
import { plain } from "./words.js";

const JPEG = /^[A-Za-z0-9+/=]+$/;

export class DemoCamera extends LightElement {
  static properties = { preview: { attribute: false }, input: { attribute: false }, file: { attribute: false } };

  constructor() {
    super();
    /** Newest `preview` message. */
    this.preview = null;
    /** Health of the input, from the `demo` message. */
    this.input = {};
    this.file = null;
  }

  render() {
    if (!this.file) return nothing;
    const { demo } = this.file;
    const p = this.preview;
    const shown = p && typeof p.jpeg === "string" && JPEG.test(p.jpeg);
    const corners = shown ? points(p.corners) : null;
    const words = !shown ? demo.no_picture : corners ? demo.found : demo.searching;
    return html`<div class="camera">
      ${shown ? html`<img src=${`data:image/jpeg;base64,${p.jpeg}`} alt=${demo.camera} />` : nothing}
      ${corners ? outline(corners, p.size) : nothing}
      <p class="camera-says"><b>${words}</b>${figures(this.input, demo).map((part) => html`<span>${part}</span>`)}</p>
    </div>`;
  }
}
customElements.define("demo-camera", DemoCamera);

function points(corners) {
  const good = Array.isArray(corners) && corners.length >= 3 && corners.length <= 8;
  return good && corners.every((c) => Array.isArray(c) && c.length === 2 && c.every(Number.isFinite)) ? corners : null;
}

function outline(corners, size) {
  const [width, height] = Array.isArray(size) && size.every(Number.isFinite) ? size : [1280, 720];
  const knob = Math.max(width, height) / 90;
  return html`<svg class="outline" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMidYMid meet" aria-hidden="true">
    <polygon points=${corners.map((c) => c.join(",")).join(" ")} stroke-width=${knob / 2} />
    ${corners.map(([x, y]) => svg`<rect x=${x - knob} y=${y - knob} width=${knob * 2} height=${knob * 2} />`)}
  </svg>`;
}

function figures(input, demo) {
  const parts = [];
  const name = plain(input?.input ?? input?.name ?? "", 20);
  if (name) parts.push(name);
  if (Number.isFinite(input?.fps)) parts.push(demo.fps.replace("{n}", input.fps.toFixed(1)));
  if (Number.isFinite(input?.decode_ms)) parts.push(demo.decode.replace("{n}", input.decode_ms.toFixed(1)));
  return parts;
}
