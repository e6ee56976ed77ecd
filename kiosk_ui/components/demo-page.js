// <demo-page>: everything of a demo gate on one page: what it sees, shows, drives, decides, writes and sends.

import { html, nothing } from "../vendor/lit.js";
import { icon } from "./icons.js";
import { LightElement } from "./light.js";
import { houseLanguages } from "./screen.js";
import { age, clock, fill, known, pick, plain, wordsFor } from "./words.js";
import "./demo-camera.js";
import "./demo-display.js";
import "./demo-pins.js";
import "./demo-tables.js";

export class DemoPage extends LightElement {
  static properties = {
    state: { attribute: false },
    demo: { attribute: false },
    pins: { attribute: false },
    preview: { attribute: false },
    lost: { attribute: false },
    lang: { attribute: false },
  };

  constructor() {
    super();
    this.state = null;
    this.demo = {};
    this.pins = {};
    this.preview = null;
    this.lost = false;
    this.lang = "";
  }

  render() {
    const file = wordsFor(known(this.lang) ? this.lang : houseLanguages(this.state)[0]);
    const { demo: say } = file;
    const data = this.demo ?? {};
    return html`${this.#header(file)}
      <main class="grid" lang=${file.lang}>
        <section class="card seeing">
          <header><h2>${say.camera}</h2><span class="end">${plain(data.input?.source ?? "", 40)}</span></header>
          <demo-camera .preview=${this.preview} .input=${data.input} .file=${file}></demo-camera>
        </section>
        <section class="card showing">
          <header><h2>${say.display}</h2><a class="end" href="/" target="_blank" rel="noopener">${say.open_display}</a></header>
          <demo-display .label=${say.display}></demo-display>
        </section>
        <section class="card driving">
          <header><h2>${say.pins}</h2></header>
          <demo-pins .pins=${this.pins} .file=${file}></demo-pins>
        </section>
        <section class="card deciding">
          <header><h2>${say.decisions}</h2><span class="end">${say.latency_unit}</span></header>
          <demo-decisions .rows=${data.decisions} .file=${file}></demo-decisions>
        </section>
        <section class="card writing">
          <header><h2>${say.journal}</h2><span class="end">${fill(say.journal_note, { gate: plain(this.state?.gate?.short, 3) })}</span></header>
          <demo-journal .rows=${data.journal} .state=${this.state} .file=${file}></demo-journal>
        </section>
        <section class="card sending">
          <header><h2>${say.sync}</h2></header>
          ${this.#sync(file, data.sync ?? {})}
        </section>
      </main>`;
  }

  #header(file) {
    const gate = this.state?.gate ?? {};
    const mode = ["online", "hub", "local"].includes(this.state?.mode) ? this.state.mode : null;
    return html`<header class="bar" lang=${file.lang}>
      ${gate.short ? html`<span class="plate">${plain(gate.short, 4)}</span>` : nothing}
      <div class="titles">
        <h1><bdi>${pick(gate.name, file.lang)}</bdi></h1>
        <p><bdi>${pick(gate.event_name, file.lang)}</bdi></p>
      </div>
      <span class="tag">${file.demo.title}</span>
      ${this.lost
        ? html`<span class="mode bad" role="status">${icon("alert")}${file.demo.lost}</span>`
        : mode
          ? html`<span class="mode ${mode === "local" ? "warn" : ""}">${icon(mode)}${file.status[mode]}</span>`
          : nothing}
      <span class="now">${clock(this.state?.time ?? "", file)}</span>
    </header>`;
  }

  #sync(file, sync) {
    const say = file.demo;
    const mode = ["online", "hub", "local"].includes(sync.mode) ? sync.mode : null;
    const fresh = Number.isFinite(sync.data_age_s) ? fill(say.age, { age: age(sync.data_age_s, file) }) : file.status.no_list;
    const error = plain(sync.last_error ?? "", 80);
    const row = (name, value, warn) => html`<div class="fact ${warn ? "warn" : ""}"><dt>${name}</dt><dd>${value}</dd></div>`;
    return html`<dl class="facts">
      ${row(say.mode, mode ? file.status[mode] : "–", mode === "local")}
      ${row(say.queue, plain(sync.queue ?? "–", 8), sync.queue > 0 && mode === "local")}
      ${row(say.data_age, fresh, !Number.isFinite(sync.data_age_s))}
      ${row(say.last_error, html`<bdi>${error || say.none}</bdi>`, Boolean(error))}
    </dl>`;
  }
}
customElements.define("demo-page", DemoPage);
