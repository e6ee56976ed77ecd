// <demo-display>: the gate's own page inside the demo's, drawn as large as a small gate screen and made smaller as a whole:
// in a window of a card's size the page would have less room than any screen it is made for.

import { html } from "../vendor/lit.js";
import { LightElement } from "./light.js";

const WIDE = 800;
const HIGH = 480;

export class DemoDisplay extends LightElement {
  static properties = { label: { attribute: false } };

  constructor() {
    super();
    this.label = "";
    this.resized = new ResizeObserver(() => this.#fit());
  }

  connectedCallback() {
    super.connectedCallback();
    this.resized.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.resized.disconnect();
  }

  render() {
    return html`<iframe src="/" title=${this.label} tabindex="-1" loading="eager"></iframe>`;
  }

  #fit() {
    const frame = this.querySelector("iframe");
    const scale = Math.min(this.clientWidth / WIDE, this.clientHeight / HIGH);
    if (!frame || !scale) return;
    frame.style.inlineSize = `${this.clientWidth / scale}px`;
    frame.style.blockSize = `${this.clientHeight / scale}px`;
    frame.style.transform = `scale(${scale})`;
  }
}
customElements.define("demo-display", DemoDisplay);
