// A certificate's fingerprint as people compare it: whole byte pairs, and a line ends between two of them only.

import { html } from "../vendor/lit.js";
import { plain } from "./words.js";

const PAIR = /^[0-9A-F]{2}$/;

/** The first `pairs` of `3F:9A:...`, with an ellipsis where there are more. */
export function fingerprint(text, pairs) {
  const all = plain(text, 100).split(":");
  if (!all.every((pair) => PAIR.test(pair))) return "–";
  const shown = all.slice(0, pairs);
  const end = all.length > pairs ? "…" : "";
  return html`<span class="pairs">${shown.map((pair, n) => html`${pair}${n < shown.length - 1 ? html`:<wbr />` : end}`)}</span>`;
}
