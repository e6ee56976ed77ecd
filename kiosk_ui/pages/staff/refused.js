// <staff-refused>: people whom the unattended gate turned away, newest first.

import { LightElement } from "../../components/light.js";
import { verdictChip } from "../../components/verdict-chip.js";
import { whyLine } from "../../components/verdict-panel.js";
import { clockAt, plain } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";

export class StaffRefused extends LightElement {
  static properties = { file: { attribute: false }, page: { attribute: false }, rows: { attribute: false } };

  render() {
    const say = this.file.staff;
    return html`<main class="scroll">
      ${this.rows.length
        ? this.rows.map(
            (row) => html`<button type="button" class="li denial" @click=${() => this.page.show({ ...row, t: "denial", old: true })}>
              ${verdictChip(row.verdict, this.file)}
              <span class="grow stack"><span class="strong">${whyLine(row, this.file)}</span>
                <span class="small muted"><span class="mono">${plain(row.ticket_number ?? "–", 16)}</span> · ${clockAt(row.at, this.page.zone, this.file)}</span>
                ${row.case ? html`<span><span class="chip mono">${plain(row.case, 12)}</span></span>` : nothing}</span>
            </button>`,
          )
        : html`<p class="muted empty">${say.denied_empty}</p>`}
    </main>`;
  }
}
customElements.define("staff-refused", StaffRefused);
