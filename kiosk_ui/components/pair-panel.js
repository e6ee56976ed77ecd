// What a phone needs to pair, on the gate's screen while it is offered: a code to scan, the address, the code, the certificate.

import { html, nothing } from "../vendor/lit.js";
import { fingerprint } from "./fingerprint.js";
import { houseLanguages } from "./screen.js";
import { plain, wordsFor } from "./words.js";

const QUIET = 4;
const PAIRS = 8; // of 32: its beginning is what people compare
const CELLS = /^[01]{21,80}$/;

/** @param {object} state of the lane, with `pair` */
export function pairPanel(state) {
  const { pair } = state;
  const file = wordsFor(houseLanguages(state)[0]);
  const say = file.pairing;
  const code = plain(pair.code, 12);
  return html`<aside class="pair" lang=${file.lang} role="status">
    ${picture(pair.qr)}
    <div class="pair-text">
      <h2>${say.pair}</h2>
      ${pair.url ? html`<p class="pair-how">${say.pair_how}</p><p class="pair-url">${plain(pair.host, 60)}<wbr />/staff</p>` : html`<p>${say.pair_off}</p>`}
      <p class="pair-code">${code}</p>
      ${pair.fingerprint ? html`<p class="pair-check">${say.pair_check} <b>${fingerprint(pair.fingerprint, PAIRS)}</b></p>` : nothing}
    </div>
  </aside>`;
}

function picture(rows) {
  if (!Array.isArray(rows) || !rows.length || !rows.every((row) => CELLS.test(row))) return nothing;
  const size = rows.length + 2 * QUIET;
  const cells = rows.flatMap((row, y) => Array.from(row, (cell, x) => (cell === "1" ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : "")));
  return html`<svg class="pair-qr" viewBox="0 0 ${size} ${size}" aria-hidden="true" focusable="false" shape-rendering="crispEdges">
    <rect width=${size} height=${size} fill="#fff" /><path d=${cells.join("")} fill="#000" />
  </svg>`;
}
