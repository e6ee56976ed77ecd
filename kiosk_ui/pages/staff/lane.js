// <staff-lane>: how the lane is, and the orders one may give it. Each order asks for a reason before it acts.

import { icon, mark } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { age, fill, plain } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";

const REASONS = {
  open_once: ["pram", "goods", "helped", "test"],
  disable: ["cleaning", "crowd", "fault", "test"],
  out_of_order: ["fault", "cleaning", "crowd", "test"],
  enable: ["cleaning", "fault", "crowd", "test"],
};
const LOOKS = { idle: ["go", "ready"], disabled: ["wait", "stopped"], out_of_order: ["out_of_order", "out"], emergency: ["emergency", "emergency"] };

export class StaffLane extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    lane: { attribute: false },
    pins: { attribute: false },
    lost: { attribute: false },
    asking: { state: true },
    to: { state: true },
    done: { state: true },
  };

  constructor() {
    super();
    this.asking = "";
    this.to = "";
    this.done = "";
  }

  render() {
    const say = this.file.staff;
    const state = this.lost ? "" : (this.lane?.lane ?? "");
    const [look, word] = LOOKS[state] ?? ["wait", "busy"];
    const stopped = state === "disabled" || state === "out_of_order";
    if (this.asking) return this.#ask(say);
    return html`<main class="scroll lane">
      ${state ? html`<div class="lanepic" data-verdict=${look} role="status">${mark(look)}<div><b>${say[word]}</b><span>${this.done}</span></div></div>` : nothing}
      <button type="button" class="btn primary big" ?disabled=${this.lost || state !== "idle"} @click=${() => (this.asking = "open_once")}>${icon("open")}${say.open_once}</button>
      <div class="two">
        ${stopped
          ? html`<button type="button" class="btn" ?disabled=${this.lost} @click=${() => (this.asking = "enable")}>${icon("check")}${say.enable}</button>`
          : html`<button type="button" class="btn" ?disabled=${this.lost} @click=${() => (this.asking = "disable")}>${icon("pause")}${say.disable}</button>`}
        <button type="button" class="btn" ?disabled=${this.lost || state === "out_of_order"} @click=${() => (this.asking = "out_of_order")}>${icon("barrier")}${say.out_of_order}</button>
      </div>
      <dl class="card kv">
        ${this.#row(say.mode, this.file.status[this.lane?.mode] ?? "–")}
        ${this.#row(say.list_age, Number.isFinite(this.lane?.data_age_s) ? age(this.lane.data_age_s, this.file) : "–")}
        ${this.#row(say.clock, this.file.tech.clocks[this.lane?.clock] ?? "–")}
        ${this.#row(say.queue, plain(this.lane?.sync?.queue ?? "–", 8))}
        ${Object.entries(this.pins?.inputs ?? {}).map(([name, on]) => this.#row(this.file.tech.tests[name.split(".")[0]] ?? plain(name, 20), on ? this.file.tech.on : this.file.tech.off))}
      </dl>
    </main>`;
  }

  #row(name, value) {
    return html`<div><dt>${name}</dt><dd>${value}</dd></div>`;
  }

  #ask(say) {
    const gates = this.page.session.gate.neighbours ?? [];
    return html`<main class="scroll ask" role="dialog" aria-label=${say[this.asking]}>
      <h2>${say[this.asking]}: ${say.reason}</h2>
      ${this.asking === "out_of_order" && gates.length
        ? html`<fieldset class="seg-set"><legend>${say.send_to}</legend><div class="seg">
            ${["", ...gates].map((short) => html`<button type="button" aria-pressed=${this.to === short} @click=${() => (this.to = short)}>${short ? fill(this.file.gate, { gate: plain(short, 4) }) : say.nowhere}</button>`)}
          </div></fieldset>`
        : nothing}
      <div class="two">
        ${REASONS[this.asking].map((name) => html`<button type="button" class="btn" @click=${() => this.#send(name)}>${say.lane_reasons[name]}</button>`)}
      </div>
      <button type="button" class="btn wide" @click=${() => (this.asking = "")}>${icon("back")}${say.cancel}</button>
    </main>`;
  }

  async #send(reason) {
    const what = this.asking;
    const body = { do: what, reason, dir: this.lane?.direction ?? "entry" };
    if (what === "out_of_order" && this.to) body.to = { short: this.to };
    this.asking = "";
    this.done = "";
    const answer = await this.page.command(body);
    if (answer.ok) this.done = `${this.file.staff[what]}: ${this.file.staff.done}`;
  }
}
customElements.define("staff-lane", StaffLane);
