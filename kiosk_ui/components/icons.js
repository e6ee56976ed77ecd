// Marks of the verdicts (96 px grid, one colour and `--knock`) and icons (24 px, 2 px line). Drawings only.

import { html, svg } from "../vendor/lit.js";

const MARKS = {
  go: svg`<circle cx="48" cy="48" r="46" fill="currentColor"/><path d="M26 49.5 42 65.5 71 33.5" fill="none" stroke="var(--knock, #fff)" stroke-width="10.5" stroke-linecap="square" stroke-linejoin="miter"/>`,
  go_attention: svg`<path d="M48 6.5 93 87H3Z" fill="currentColor" stroke="currentColor" stroke-width="6" stroke-linejoin="round"/><path d="M42.4 34h11.2l-1.9 27.5h-7.4Z" fill="var(--knock, #fff)"/><circle cx="48" cy="72.5" r="6" fill="var(--knock, #fff)"/>`,
  stop_used: svg`<g fill="none" stroke="currentColor"><circle cx="44" cy="44" r="37.5" stroke-width="9"/><path d="M18 18 62 62" stroke-width="9"/></g><circle cx="71" cy="71" r="29" fill="var(--knock, #fff)"/><circle cx="71" cy="71" r="24" fill="currentColor"/><path d="M71 56.5V71l9.5 6.5" fill="none" stroke="var(--knock, #fff)" stroke-width="5.6" stroke-linecap="square"/>`,
  stop: svg`<path d="M29.4 2h37.2L94 29.4v37.2L66.6 94H29.4L2 66.6V29.4Z" fill="currentColor"/><g fill="none" stroke="var(--knock, #fff)" stroke-linecap="round"><path d="M35.4 29V50" stroke-width="7"/><path d="M44.2 21.5V50" stroke-width="7"/><path d="M53 22.5V50" stroke-width="7"/><path d="M61.6 30V54" stroke-width="6.6"/><path d="M25 47.5 35.5 63" stroke-width="7.4"/></g><path d="M31.9 46h33v14.5c0 9.6-6.6 16.5-15.6 16.5-6.6 0-10.8-2.6-14-7.4L28.5 60l3.4-4.5Z" fill="var(--knock, #fff)"/>`,
  see_staff: svg`<circle cx="48" cy="22" r="18" fill="currentColor"/><path d="M12 70c0-16 15-25 36-25s36 9 36 25v1H12Z" fill="currentColor"/><rect x="2" y="78" width="92" height="13" fill="currentColor"/>`,
  wait: svg`<rect x="16" y="4" width="64" height="9" fill="currentColor"/><rect x="16" y="83" width="64" height="9" fill="currentColor"/><path d="M22 13h52c0 17-9 27-19 35 10 8 19 18 19 35H22c0-17 9-27 19-35-10-8-19-18-19-35Z" fill="currentColor"/><path d="M30.5 20h35c-1.6 5-4.2 9-7.4 12.5H38c-3.3-3.5-5.9-7.5-7.5-12.5Z" fill="var(--knock, #fff)"/><path d="M46 50h4v9c8 4 13.5 9.5 15.6 17H30.4C32.5 68.5 38 63 46 59Z" fill="var(--knock, #fff)"/>`,
  out_of_order: svg`<path d="M6 90V52h14v38Z" fill="currentColor"/><path d="M76 90V52h14v38Z" fill="currentColor"/><rect x="0" y="22" width="96" height="28" fill="currentColor"/><g fill="var(--knock, #fff)"><path d="M8 26h13L11 46H4V34Z" transform="translate(0 0)"/><path d="M33 26h13L36 46H23Z"/><path d="M58 26h13L61 46H48Z"/><path d="M83 26h9v8l-6 12H73Z"/></g><rect x="0" y="84" width="30" height="6" fill="currentColor"/><rect x="66" y="84" width="30" height="6" fill="currentColor"/>`,
  emergency: svg`<circle cx="58.5" cy="13.5" r="9" fill="currentColor"/><g fill="none" stroke="currentColor" stroke-linejoin="round" stroke-linecap="round"><path d="M50.5 31 41.5 53.5" stroke-width="15.5"/><path d="M50 28.5 30.5 30 22 44" stroke-width="7.6"/><path d="M54.5 31 63 45.5 77.5 45" stroke-width="7.6"/><path d="M40.5 56 32 73 11.5 77" stroke-width="9.4"/><path d="M43.5 55.5 59.5 66.5 56 90" stroke-width="9.4"/></g>`,
  lost: svg`<g fill="none" stroke="currentColor" stroke-width="8"><rect x="7" y="13" width="82" height="55" rx="5"/><path d="M33 86h30M48 68v18"/></g><path d="M36 29 60 53M60 29 36 53" stroke="currentColor" stroke-width="8" fill="none"/>`,
};

const ICONS = {
  online: svg`<path d="M3 9.5a13 13 0 0 1 18 0M6.5 13.5a8 8 0 0 1 11 0"/><circle cx="12" cy="18" r="1.8" fill="currentColor" stroke="none"/>`,
  local: svg`<path d="M4 20V9l8-6 8 6v11Z"/><path d="M9 20v-6h6v6"/>`,
  relay: svg`<path d="M2 17h5l9-8M17 17h5"/><circle cx="7" cy="17" r="1.3" fill="currentColor"/><circle cx="17" cy="17" r="1.3" fill="currentColor"/>`,
  lamp: svg`<path d="M9 21h6M10 18h4M12 2a6.5 6.5 0 0 1 3.5 12l-.5 1.5H9L8.5 14A6.5 6.5 0 0 1 12 2Z"/>`,
  bell: svg`<path d="M5 17h14l-2-3V9.5a5 5 0 0 0-10 0V14ZM10 20h4"/>`,
  torch: svg`<path d="M8 3h8v4l-2 3v11h-4V10L8 7Z"/><path d="M8 7h8M12 13v2"/>`,
  users: svg`<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20c0-4.5 2.5-6.5 6.5-6.5s6.5 2 6.5 6.5M16 5a3.5 3.5 0 0 1 0 6.5M18 14c2.5.8 3.5 2.8 3.5 6"/>`,
  camera: svg`<path d="M3 7h4l2-3h6l2 3h4v13H3Z"/><circle cx="12" cy="13" r="4"/>`,
  sync: svg`<path d="M7 4v16M7 4 3.5 7.5M7 4l3.5 3.5M17 20V4M17 20l-3.5-3.5M17 20l3.5-3.5"/>`,
  clock: svg`<circle cx="12" cy="12" r="9"/><path d="M12 6.5V12h4.5"/>`,
  alert: svg`<path d="M12 3.5 22 20.5H2Z"/><path d="M12 9.5v5M12 16.3v2"/>`,
  ticket: svg`<path d="M3 6h18v4a2 2 0 0 0 0 4v4H3v-4a2 2 0 0 0 0-4Z"/><path d="M14 6v12" stroke-dasharray="2 2.5"/>`,
  check: svg`<path d="m4 12.5 5.5 5.5L20 6.5"/>`,
  store: svg`<ellipse cx="12" cy="5.5" rx="8" ry="3"/><path d="M4 5.5v13c0 1.7 3.6 3 8 3s8-1.3 8-3v-13M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3"/>`,
  scan: svg`<path d="M3 8V3h5M16 3h5v5M21 16v5h-5M8 21H3v-5"/><path d="M7 12h10"/>`,
  search: svg`<circle cx="10.5" cy="10.5" r="6.5"/><path d="m15.5 15.5 5.5 5.5"/>`,
  lane: svg`<path d="M5 21V7M19 21V7M5 12h5M19 12h-5M3 21h18"/><path d="M9 4h6"/>`,
  chart: svg`<path d="M3 3v18h18M7 15l4-5 3 3 6-7"/>`,
  flip: svg`<path d="M4 10a8 8 0 0 1 14-3l2 2M20 14a8 8 0 0 1-14 3l-2-2"/><path d="M20 4v5h-5M4 20v-5h5"/>`,
  keyboard: svg`<rect x="2.5" y="6" width="19" height="12" rx="1.5"/><path d="M5.5 10h2M9.2 10h2M12.8 10h2M16.5 10h2M7 14h10"/>`,
  key: svg`<circle cx="7.5" cy="16.5" r="4.5"/><path d="m11 13 9.5-9.5M16 8l3 3"/>`,
  undo: svg`<path d="M8 5 4 9l4 4"/><path d="M4 9h10a6 6 0 0 1 0 12H9"/>`,
  back: svg`<path d="m15 4-8 8 8 8"/>`,
  close: svg`<path d="m5 5 14 14M19 5 5 19"/>`,
  eye: svg`<path d="M2 12s3.5-6.5 10-6.5S22 12 22 12s-3.5 6.5-10 6.5S2 12 2 12Z"/><circle cx="12" cy="12" r="3"/>`,
  open: svg`<path d="M4 21V6M20 21V6M4 12l4 5M20 12l-4 5M12 3v10M8.5 9.5 12 13l3.5-3.5"/>`,
  pause: svg`<path d="M8 5v14M16 5v14"/>`,
  barrier: svg`<path d="M5 21V12M19 21V12M2 6h20v6H2ZM8 6l-2 6M14 6l-2 6M20 6l-2 6"/>`,
  plus: svg`<path d="M12 4v16M4 12h16"/>`,
  minus: svg`<path d="M4 12h16"/>`,
  backspace: svg`<path d="M8 5h13v14H8l-6-7Z"/><path d="m11.5 9 6 6M17.5 9l-6 6"/>`,
  user: svg`<circle cx="12" cy="8" r="4"/><path d="M4 21c0-5 3.5-7 8-7s8 2 8 7"/>`,
  ok: svg`<circle cx="12" cy="12" r="9.5"/><path d="m7.5 12.3 3.2 3.2 5.8-6.5"/>`,
  fail: svg`<path d="M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8Z"/><path d="m9 9 6 6M15 9l-6 6"/>`,
  info: svg`<circle cx="12" cy="12" r="9.5"/><path d="M12 11v6M12 6.8v2"/>`,
  download: svg`<path d="M12 3v12M7 10.5l5 5 5-5M4 20.5h16"/>`,
  handover: svg`<path d="M3 8h14M13 4l4 4-4 4M21 16H7M11 12l-4 4 4 4"/>`,
  lock: svg`<rect x="4.5" y="10.5" width="15" height="10.5" rx="1.5"/><path d="M8 10.5V7a4 4 0 0 1 8 0v3.5"/>`,
  moon: svg`<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5Z"/>`,
  hand: svg`<path d="M7 12V6.5a1.5 1.5 0 0 1 3 0V11M10 11V4.5a1.5 1.5 0 0 1 3 0V11M13 11V5.5a1.5 1.5 0 0 1 3 0V12M16 12V8.5a1.5 1.5 0 0 1 3 0V15c0 4-2.5 6.5-6 6.5-3 0-4.5-1.5-6-4L4 13.5a1.6 1.6 0 0 1 3-1.5"/>`,
  star: svg`<path d="m12 3 2.7 6 6.3.6-4.8 4.2 1.5 6.4L12 16.8 6.3 20.2l1.5-6.4L3 9.6 9.3 9Z"/>`,
  exit: svg`<path d="M3 8h14M13 4l4 4-4 4M21 16H7M11 12l-4 4 4 4"/>`,
  chevron: svg`<path d="m9 4 8 8-8 8"/>`,
  hub: svg`<rect x="3" y="4" width="18" height="7"/><rect x="3" y="13" width="18" height="7"/><path d="M7 7.5h2M7 16.5h2"/>`,
};

/** The silhouette of a verdict, or of the lost screen. */
export function mark(name) {
  return html`<svg class="i" viewBox="0 0 96 96" aria-hidden="true" focusable="false">${MARKS[name]}</svg>`;
}

/** A line icon of 24 px, drawn in the current colour. */
export function icon(name) {
  return html`<svg class="i" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linejoin="round" aria-hidden="true" focusable="false">${ICONS[name]}</svg>`;
}

/** The open head of a way arrow. */
export const ARROW_HEAD = html`<svg viewBox="0 0 62 100" aria-hidden="true" focusable="false"><path d="M8 6 52 50 8 94" fill="none" stroke="currentColor" stroke-width="17" /></svg>`;

/** A whole arrow, for a line of text. */
export const ARROW = html`<svg class="i" viewBox="0 0 96 96" aria-hidden="true" focusable="false"><path d="M4 48h76" stroke="currentColor" stroke-width="15" fill="none" /><path d="M50 12 86 48 50 84" stroke="currentColor" stroke-width="15" fill="none" /></svg>`;
