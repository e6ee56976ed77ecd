// <demo-decisions> and <demo-journal>: the newest rows as tables. At most as many rows as the server sends, capped.

import { html, nothing } from "../vendor/lit.js";
import { LightElement } from "./light.js";
import { verdictChip } from "./verdict-chip.js";
import { clockAt, plain } from "./words.js";

const MAX_ROWS = 12;

const ms = (value) => (Number.isFinite(value) ? (value < 10 ? value.toFixed(1) : String(Math.round(value))) : "–");
const ticket = (row) => plain(row.ticket_number ?? row.number ?? "", 14) || "–";
const reason = (row) => [plain(row.reason, 20), plain(row.detail, 20)].filter(Boolean).join(" · ") || "–";

export class DemoDecisions extends LightElement {
  static properties = { rows: { attribute: false }, file: { attribute: false } };

  constructor() {
    super();
    this.rows = [];
    this.file = null;
  }

  render() {
    if (!this.file) return nothing;
    const { demo } = this.file;
    const rows = (Array.isArray(this.rows) ? this.rows : []).slice(0, MAX_ROWS);
    if (!rows.length) return html`<p class="empty">${demo.no_decisions}</p>`;
    return html`<table class="decisions">
      <colgroup><col class="chip" /><col /><col class="wide" /><col class="n" /><col class="n" /><col class="n" /><col class="n" /><col class="n" /></colgroup>
      <thead>
        <tr>
          <th colspan="2">${demo.reason}</th><th class="wide">${demo.ticket}</th>
          <th class="n">${demo.read}</th><th class="n">${demo.decide}</th><th class="n">${demo.commit}</th>
          <th class="n">${demo.pin}</th><th class="n">${demo.total}</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(({ latency = {}, ...row }) => html`<tr>
          <td class="chip">${verdictChip(row.verdict, this.file)}</td>
          <td class="text">${reason(row)}</td>
          <td class="mono wide">${ticket(row)}</td>
          <td class="n">${ms(latency?.decode_ms)}</td><td class="n">${ms(latency?.decide_ms)}</td>
          <td class="n">${ms(latency?.commit_ms)}</td><td class="n">${ms(latency?.pin_ms)}</td>
          <td class="n total">${ms(latency?.total_ms)}</td>
        </tr>`)}
      </tbody>
    </table>`;
  }
}
customElements.define("demo-decisions", DemoDecisions);

export class DemoJournal extends LightElement {
  static properties = { rows: { attribute: false }, state: { attribute: false }, file: { attribute: false } };

  constructor() {
    super();
    this.rows = [];
    /** Newest `state` message: its time zone, and the plate that marks rows of the gate's own chain. */
    this.state = null;
    this.file = null;
  }

  render() {
    if (!this.file) return nothing;
    const { demo } = this.file;
    const rows = (Array.isArray(this.rows) ? this.rows : []).slice(0, MAX_ROWS);
    if (!rows.length) return html`<p class="empty">${demo.no_journal}</p>`;
    return html`<table class="journal">
      <thead>
        <tr><th>${demo.time}</th><th class="n">${demo.seq}</th><th>${demo.kind}</th><th>${demo.ticket}</th><th>${demo.hash}</th></tr>
      </thead>
      <tbody>
        ${rows.map((row) => html`<tr data-kind=${plain(row.kind, 12)}>
          <td>${Number.isFinite(row.at) ? clockAt(row.at, this.state?.tz, this.file) : "–"}</td>
          <td class="n">${row.event === "" ? html`<span class="own">${plain(this.state?.gate?.short, 3)}</span>` : nothing}${plain(row.seq, 10)}</td>
          <td class="text"><b>${plain(row.kind, 12)}</b> ${row.reason ? reason(row) : nothing}</td>
          <td class="mono">${ticket(row)}</td>
          <td class="mono hash">${plain(row.hash, 64).slice(0, 8)}</td>
        </tr>`)}
      </tbody>
    </table>`;
  }
}
customElements.define("demo-journal", DemoJournal);
