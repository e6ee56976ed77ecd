// Joins the gate display to its lane. Output only: whatever is pressed here does nothing.

import "../../components/gate-display.js";
import { LaneClock } from "../../components/lane-clock.js";
import { LaneLink } from "../../components/link.js";
import { verdictOf } from "../../components/screen.js";
import { play } from "../../sounds/synth.js";

const ONE_SCAN_MS = 400; // its `decision` and its `state` are one event to the ear

const screen = document.querySelector("gate-display");
const clock = new LaneClock();
let sounded = { verdict: null, at: -Infinity };
let shown = null;

function sound(verdict) {
  const now = performance.now();
  if (sounded.verdict === verdict && now - sounded.at < ONE_SCAN_MS) return;
  sounded = { verdict, at: now };
  play(verdict);
}

const ears = {
  message(message) {
    if (message.t === "state") {
      clock.hear(message);
      const verdict = verdictOf(message);
      if (verdict !== null && verdict !== shown) sound(verdict);
      shown = verdict;
      screen.state = message;
      screen.lost = null;
      document.documentElement.lang = message.lang ?? message.languages?.[0] ?? "en";
    } else if (message.t === "decision" && message.verdict && screen.lost === null) {
      sound(message.verdict);
    }
  },
  lost(heardAt) {
    shown = null;
    screen.lost ??= clock.at(heardAt);
  },
};

for (const kind of ["contextmenu", "keydown", "keyup", "pointerdown", "click", "dragstart", "selectstart", "touchstart", "wheel"]) {
  addEventListener(kind, (event) => event.preventDefault(), { capture: true, passive: false });
}
const theme = new URLSearchParams(location.search).get("theme");
if (theme === "dark") document.documentElement.dataset.theme = "dark";

new LaneLink("/ws/display", ears).start();
