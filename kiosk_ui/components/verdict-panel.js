// A verdict as large as a phone allows: the same mark, colour and word as on the gate's screen, and why.

import { html, nothing } from "../vendor/lit.js";
import { mark } from "./icons.js";
import { clock, fill, pick, plain } from "./words.js";

const NAMES = new Set(["GO", "GO_ATTENTION", "STOP_USED", "STOP", "SEE_STAFF", "WAIT", "OUT_OF_ORDER", "EMERGENCY"]);

/** `14:03 at Gate 2` of a first use; empty when nobody used it. */
export function firstUse(use, file) {
  if (!use) return "";
  const time = clock(use.time ?? "", file);
  const gate = use.short ? fill(file.gate, { gate: plain(use.short, 4) }) : plain(use.gate ?? "", 16);
  return fill(file.staff.at_gate, { time, gate });
}

/** The line under the word: why, and what to do. */
export function whyLine(answer, file) {
  const why = file.why;
  if (answer.reason === "already_redeemed" && answer.detail !== "day") return file.staff.used_ask;
  const detail = plain(answer.detail ?? "", 40);
  const text = why[`${answer.reason}.${detail}`] ?? why[answer.reason] ?? plain(answer.reason, 40);
  if (answer.go_to && why["product.go_to"]) {
    const gate = fill(file.gate, { gate: plain(answer.go_to.short, 4) });
    return fill(why["product.go_to"], { gate });
  }
  return fill(text, { ask: "" }).trim(); // whoever reads this is the staff to be asked
}

/** @param {object} answer of POST /scans @param {object} file the words */
export function verdictPanel(answer, file) {
  const name = NAMES.has(answer.verdict) ? answer.verdict : "SEE_STAFF";
  const word = file.verdict[name];
  const lines = word.lines.map((line) => fill(line, { gate: "" }));
  const when = name === "STOP_USED" ? firstUse(answer.first_use, file) : "";
  return html`<div class="verdict" data-verdict=${name.toLowerCase()} role="alert">
    <div class="mark">${mark(name.toLowerCase())}</div>
    <div class="w" data-fit="0.4"><span>${lines.map((line) => html`<span class="line">${line}</span>`)}</span></div>
    ${when ? html`<div class="d">${when}</div>` : nothing}
    <div class="y">${answer.test ? html`<b>${file.test}</b> ` : nothing}${whyLine(answer, file)}</div>
  </div>`;
}

/** Product, number, uses and what staff should look at. */
export function factsOf(answer, file) {
  const say = file.staff;
  const max = answer.uses;
  const uses = max === null || max === undefined ? "" : fill(max ? say.uses : say.uses_free, { n: answer.entries + (answer.admitted ? answer.count : 0), max });
  const attention = (answer.attention ?? []).map((word) => file.attention[word]).filter(Boolean);
  const row = (name, value) => (value ? html`<div class="fact"><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>` : nothing);
  return html`<dl class="facts">
    ${row(say.product, pick(answer.product, file.lang))}
    ${row(say.ticket, answer.ticket_number ? html`<span class="mono">${plain(answer.ticket_number, 16)}</span>` : "")}
    ${row(say.group, answer.count > 1 ? fill(say.people, { n: answer.count }) : "")}
    ${row(say.case, plain(answer.case ?? "", 16))}
    ${uses ? html`<div class="fact"><dt></dt><dd>${uses}</dd></div>` : nothing}
  </dl>
    ${attention.map((text) => html`<div class="note warn">${text}</div>`)}
    ${pick(answer.text, file.lang) ? html`<div class="note"><bdi>${pick(answer.text, file.lang)}</bdi></div>` : nothing}`;
}
