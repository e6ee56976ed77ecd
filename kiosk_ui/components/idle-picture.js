// The invitation of the idle screen: a phone over the reader. The code on the phone is a drawing, not a ticket.

import { html, svg } from "../vendor/lit.js";

const CODE = (
  "1fca17f 104ea41 174cb5d 175825d 174df5d 105f041 1fd557f 0013000 0c4cf68 108d91d 06d6234 152ba47 04f2885 053289f " +
  "1defd0d 031976a 1ffe7f5 0016d15 1fc6357 104d916 17411f0 174afd0 175a163 1055295 1fc4437"
).split(" ");

const CODE_PATH = CODE.map((row, y) =>
  [...Number.parseInt(row, 16).toString(2).padStart(25, "0")]
    .map((bit, x) => (bit === "1" ? `M${x} ${y}h1v1h-1z` : ""))
    .join(""),
).join("");

const SUN = svg`<g class="pic-sun" fill="none" stroke="currentColor" stroke-width="9">
  <circle cx="308" cy="66" r="19" fill="currentColor" />
  <path d="M308 16v18M308 98v18M258 66h18M340 66h18M273 31l12 12M331 89l12 12M343 31l-12 12M285 89l-12 12" />
</g>`;

/** @param {string | null} hint what the visitor should do differently. */
export function idlePicture(hint) {
  return html`<svg class="pic" viewBox="0 0 360 430" preserveAspectRatio="xMidYMax meet" aria-hidden="true" focusable="false">
    <defs>
      <linearGradient id="beam" x1="0" y1="1" x2="0" y2="0">
        <stop offset="0" class="beam-near" />
        <stop offset="1" class="beam-far" />
      </linearGradient>
    </defs>
    <path d="M128 322 72 150h216l-56 172Z" fill="url(#beam)" />
    <g class="pic-phone">
      <g transform="rotate(-9 180 150)">
        <rect x="106" y="18" width="148" height="262" rx="24" class="pic-ink" />
        <rect x="114" y="26" width="132" height="246" rx="17" class="pic-screen" />
        <rect x="160" y="32" width="40" height="9" rx="4.5" class="pic-print" />
        <rect x="130" y="58" width="64" height="9" class="pic-print" />
        <rect x="130" y="73" width="42" height="7" class="pic-faint" />
        <svg x="130" y="98" width="100" height="100" viewBox="0 0 25 25">
          <path d=${CODE_PATH} class="pic-print" shape-rendering="crispEdges" />
        </svg>
        <rect x="130" y="214" width="100" height="7" class="pic-faint" />
        <rect x="130" y="229" width="70" height="7" class="pic-faint" />
      </g>
    </g>
    ${hint === "unread" ? SUN : ""}
    <path d="M40 340h280l26 90H14Z" class="pic-ink" />
    <path d="M40 340 66 314h228l26 26Z" class="pic-ink" />
    <path d="M58 338 80 319h200l22 19Z" class="pic-glass" />
    <path d="M112 336 124 321h112l12 15Z" class="pic-light" />
    <circle cx="180" cy="382" r="15" class="pic-ring" />
    <rect x="174" y="376" width="12" height="12" class="pic-dot" />
  </svg>`;
}
