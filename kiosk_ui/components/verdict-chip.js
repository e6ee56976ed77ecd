// A verdict, small: the same mark, colour and word as on the gate's screen.

import { html } from "../vendor/lit.js";
import { mark } from "./icons.js";
import { plain } from "./words.js";

const NAMES = new Set(["go", "go_attention", "stop_used", "stop", "see_staff", "wait", "out_of_order", "emergency"]);

/** @param {unknown} verdict a verdict of the lane @param {object} file the language's words */
export function verdictChip(verdict, file) {
  const name = plain(verdict).toLowerCase();
  if (!NAMES.has(name)) return html`<span class="vc">${plain(verdict, 16)}</span>`;
  const word = file.verdict[String(verdict)].lines.map((line) => line.replace("{gate}", "")).join(" ");
  return html`<span class="vc" data-verdict=${name}>${mark(name)}<span>${word}</span></span>`;
}
