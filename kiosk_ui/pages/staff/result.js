// <staff-result>: the verdict of one scan, its facts, and what may follow: next, undo, override.

import { icon } from "../../components/icons.js";
import { LightElement, fitTexts } from "../../components/light.js";
import { fill } from "../../components/words.js";
import { factsOf, verdictPanel } from "../../components/verdict-panel.js";
import { html, nothing } from "../../vendor/lit.js";

const UNDO_MS = 120_000;

export class StaffResult extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    answer: { attribute: false },
    lost: { attribute: false },
    undone: { state: true },
    late: { state: true },
  };

  constructor() {
    super();
    this.undone = false;
    this.late = false;
    this.timer = 0;
  }

  willUpdate(changed) {
    if (!changed.has("answer")) return;
    this.undone = this.answer.ended === "annulled";
    const left = this.answer.old ? UNDO_MS - (Date.now() - this.answer.at) : UNDO_MS;
    this.late = left <= 0;
    clearTimeout(this.timer);
    if (!this.late) this.timer = setTimeout(() => (this.late = true), left);
  }

  updated() {
    fitTexts(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.timer);
  }

  render() {
    const say = this.file.staff;
    const answer = this.answer;
    const undo = answer.admitted && answer.dir !== "exit" && !this.undone && !this.late;
    const override = !answer.admitted && answer.ref && !answer.ended && ["attendant", "supervisor"].includes(this.page.session.role) && answer.verdict !== "EMERGENCY";
    // What lets nobody in now must not look like what does: an answer that was only asked for, or was taken back.
    const past = answer.inspected || this.undone;
    return html`<main class="res ${past ? "past" : ""}">
      ${answer.inspected ? html`<p class="note warn">${icon("eye")}${say.inspected}</p>` : nothing}
      ${this.undone ? html`<p class="note warn">${icon("undo")}${say.undone}</p>` : nothing}
      ${verdictPanel(answer, this.file)}
      <div class="below">
        ${factsOf(answer, this.file)}
      </div>
      <div class="acts">
        ${undo ? html`<button type="button" class="btn" @click=${() => this.#undo()} ?disabled=${this.lost}>${icon("undo")}${say.undo}</button>` : nothing}
        ${override ? html`<button type="button" class="btn" @click=${() => (this.page.overriding = answer)} ?disabled=${this.lost}>${icon("key")}${say.override}<kbd>F2</kbd></button>` : nothing}
        <button type="button" class="btn primary ${undo || override ? "" : "wide"}" @click=${() => this.page.go("scan")}>${icon("scan")}${say.next}</button>
      </div>
      <span class="hidden" role="status">${fill(say.people, { n: answer.count ?? 1 })}</span>
    </main>`;
  }

  async #undo() {
    const answer = await this.page.command({ do: "undo", ref: this.answer.ref });
    if (answer.ok) this.undone = true;
  }
}
customElements.define("staff-result", StaffResult);
