// <staff-scan>: the camera, what a scan does, and the last one.

import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { clockAt, fill, plain } from "../../components/words.js";
import { verdictChip } from "../../components/verdict-chip.js";
import { html, nothing } from "../../vendor/lit.js";
import { fromRow } from "./page.js";
import "../../components/phone-camera.js";

const MODES = [
  ["admit", "check"],
  ["inspect", "eye"],
  ["exit", "exit"],
];
const MOST = 50;

export class StaffScan extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    mode: { attribute: false },
    count: { attribute: false },
    opens: { attribute: false },
    asking: { attribute: false },
    rows: { state: true },
    listing: { state: true },
    grouping: { state: true },
  };

  constructor() {
    super();
    this.rows = [];
    this.listing = false;
    this.grouping = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.refresh();
  }

  /** The last scans, asked of the gate: also those before a new login. */
  async refresh() {
    const answer = await this.page.api.get("recent");
    if (answer.ok) this.rows = answer.body.mine.map(fromRow);
  }

  updated(changed) {
    if (changed.has("asking") && changed.get("asking")) this.refresh();
  }

  render() {
    const say = this.file.staff;
    return html`<main class="scan-body">
      <phone-camera .file=${this.file} .active=${!this.listing} .extras=${this.#extras(say)} @code=${(event) => this.page.scan({ text: event.detail.text })}></phone-camera>
      <div class="scan-foot">
        ${this.grouping ? this.#group(say) : nothing}
        <div class="seg" role="group" aria-label=${say.scan}>
          ${MODES.map(([name, drawing]) => html`<button type="button" aria-pressed=${this.mode === name} @click=${() => (this.page.mode = name)}>${icon(drawing)}<span>${say[name]}</span></button>`)}
        </div>
        ${this.#last(say)}
      </div>
      ${this.listing ? this.#list(say) : nothing}
    </main>`;
  }

  #extras(say) {
    const many = this.count > 1;
    return html`
      <button type="button" class="tool" aria-label=${say.type_number} @click=${() => this.page.go("search")}>${icon("keyboard")}</button>
      <button type="button" class="tool" aria-label=${`${say.group}: ${fill(say.people, { n: this.count })}`} aria-pressed=${many} @click=${() => (this.grouping = !this.grouping)}>${many ? html`<b>${this.count}</b>` : icon("users")}</button>
      <button type="button" class="tool" aria-label=${say.open_too} aria-pressed=${this.opens} @click=${() => (this.page.opens = !this.opens)}>${icon("open")}</button>
    `;
  }

  #group(say) {
    const set = (n) => (this.page.count = Math.min(MOST, Math.max(1, n)));
    return html`<div class="stepper" role="group" aria-label=${say.group}>
      <button type="button" class="btn" aria-label=${say.fewer} @click=${() => set(this.count - 1)}>${icon("minus")}</button>
      <output>${fill(say.people, { n: this.count })}</output>
      <button type="button" class="btn" aria-label=${say.more} @click=${() => set(this.count + 1)}>${icon("plus")}</button>
    </div>`;
  }

  #last(say) {
    const row = this.rows[0];
    return html`<button type="button" class="last" @click=${() => (this.listing = true)}>
      ${row ? html`${verdictChip(row.verdict, this.file)}<span class="grow nowrap">${describe(row, this.file, this.page.zone)}</span>` : html`<span class="grow muted">${say.none_yet}</span>`}
      <span class="muted">${icon("chevron")}</span><span class="hidden">${say.last}</span>
    </button>`;
  }

  #list(say) {
    return html`<section class="overlay" aria-label=${say.last}>
      <header class="top"><button type="button" class="icb" aria-label=${say.back} @click=${() => (this.listing = false)}>${icon("back")}</button><h1 class="grow">${say.last}</h1></header>
      <div class="scroll">
        ${this.rows.length ? this.rows.map((row) => html`<button type="button" class="li" @click=${() => this.page.show({ ...row, old: true })}>${verdictChip(row.verdict, this.file)}<span class="grow">${describe(row, this.file, this.page.zone)}</span>${row.ended === "annulled" ? html`<span class="chip">${say.undone}</span>` : nothing}</button>`) : html`<p class="muted">${say.none_yet}</p>`}
      </div>
    </section>`;
  }
}

/** Number and time of one scan. */
export function describe(row, file, zone) {
  return html`<span class="strong mono">${plain(row.ticket_number ?? "–", 16)}</span> <span class="muted small">${clockAt(row.at, zone, file)}</span>`;
}
customElements.define("staff-scan", StaffScan);
