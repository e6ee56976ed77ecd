// <gate-display>: the whole screen people pass. Give it `state` messages and tell it when the lane is lost.
// Output only; which words belong to a state is screen.js, looks are pages/display/display.css.

import { html, nothing } from "../vendor/lit.js";
import { ARROW, icon, mark } from "./icons.js";
import { idlePicture } from "./idle-picture.js";
import { LightElement, fitTexts } from "./light.js";
import { pairPanel } from "./pair-panel.js";
import { idleScreen, lostScreen, verdictOf, verdictScreen } from "./screen.js";
import "./gate-way.js";

export class GateDisplay extends LightElement {
  static properties = { state: { attribute: false }, lost: { attribute: false } };

  constructor() {
    super();
    /** Newest `state` message; null before the first. */
    this.state = null;
    /** `null` = the lane is heard; otherwise `HH:MM:SS` of the last word from it, or "" if there never was one. */
    this.lost = null;
    this.resized = new ResizeObserver(() => fitTexts(this));
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
    this.removeAttribute("data-pair");
    if (this.lost !== null) return this.#verdict(lostScreen(this.state, this.lost));
    if (this.state === null) return this.#blank();
    const verdict = verdictOf(this.state);
    const screen = verdict === null ? this.#idle(idleScreen(this.state)) : this.#verdict(verdictScreen(this.state, verdict));
    // An emergency leaves room for nothing else; any other verdict makes room and stays whole beside it.
    const pairing = Boolean(this.state.pair) && this.dataset.verdict !== "emergency";
    this.toggleAttribute("data-pair", pairing);
    return html`${screen}${pairing ? pairPanel(this.state) : nothing}`;
  }

  updated() {
    const word = this.querySelector(".v-word");
    if (word) word.style.setProperty("--em", word.dataset.em);
    this.querySelector("gate-way")?.count(this.state?.window_ms, this.state?.window_end);
    fitTexts(this);
  }

  #screen(name, options) {
    this.dataset.verdict = name;
    this.dataset.way = options.way === "up" ? "up" : options.way ? "side" : "none";
    this.dataset.lines = String(options.lines ?? 1);
    this.toggleAttribute("data-test", Boolean(options.test));
  }

  #blank() {
    this.#screen("idle", {});
    return html`<main class="idle"></main>`;
  }

  #verdict(s) {
    this.#screen(s.name, { way: s.way, lines: s.word.lines.length, test: s.test });
    return html`<main class="v" role="status" aria-live="assertive" lang=${s.lang}>
        <div class="v-mark">${mark(s.name)}</div>
        <div class="v-text">
          <h1 class="v-word" data-em=${s.word.em} data-fit="0.4">${s.word.lines.map((line) => html`<span>${line}</span>`)}</h1>
          ${s.detail.length
            ? html`<p class="v-detail" data-fit="0.42">${s.detail.map((part) => html`<span><bdi>${part}</bdi></span>`)}</p>`
            : nothing}
        </div>
        ${s.caseNumber || s.where
          ? html`<div class="v-case" data-fit="0.5">
              ${s.caseNumber ? html`<span>${s.caseNumber}</span>` : nothing}
              ${s.where ? html`<span class="to">${ARROW}<bdi>${s.where}</bdi></span>` : nothing}
            </div>`
          : nothing}
        ${s.why ? html`<p class="v-why">${s.why}</p>` : nothing}
        ${s.way ? html`<gate-way class="way" data-dir=${s.way} .way=${s.way}></gate-way>` : nothing}
      </main>
      ${s.hazard ? html`<div class="hazard"></div>` : nothing}
      <footer class="strip">
        <span class="strip-alts" data-fit="0.5"
          >${s.others.map((other) => html`<span class="strip-alt" lang=${other.lang}>${other.text}</span>`)}</span
        >
        ${s.test ? html`<span class="strip-test" lang=${s.lang}>${s.test}</span>` : nothing}
        ${s.plate ? html`<span class="strip-gate"><span class="plate">${s.plate}</span></span>` : nothing}
      </footer>`;
  }

  #idle(s) {
    this.#screen("idle", {});
    return html`<main class="idle" data-hint=${s.hint ?? nothing}>
        <header class="idle-top" lang=${s.lang}>
          ${s.plate ? html`<span class="plate">${s.plate}</span>` : nothing}
          <span class="idle-name"><bdi>${s.gateName}</bdi>${s.eventName ? html`<small><bdi>${s.eventName}</bdi></small>` : nothing}</span>
        </header>
        <div class="idle-say">${s.say.map(({ lang, text }) => html`<p lang=${lang}>${text}</p>`)}</div>
        <div class="idle-pic">${idlePicture(s.hint)}</div>
      </main>
      <footer class="strip" lang=${s.lang}>
        <span class="status ${s.status.warn ? "warn" : ""}" data-parts=${s.status.rest.length} data-fit="0.5"
          >${icon(s.status.icon)}<span><b>${s.status.main}</b>${s.status.rest.map((part) => ` · ${part.replaceAll(" ", "\u00a0")}`)}</span></span
        >
        ${s.demo ? html`<span class="demo-mark">${s.demo}</span>` : nothing}
        <span class="clock">${s.time}</span>
      </footer>`;
  }
}
customElements.define("gate-display", GateDisplay);
