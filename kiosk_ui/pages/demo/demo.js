// Joins the demo page to its lane.

import "../../components/demo-page.js";
import { LaneLink } from "../../components/link.js";

const KEPT_DECISIONS = 12;

const page = document.querySelector("demo-page");
const wanted = new URLSearchParams(location.search);
page.lang = wanted.get("lang") ?? "";
if (wanted.get("theme") === "dark") document.documentElement.dataset.theme = "dark";

const hear = {
  state: (message) => (page.state = message),
  preview: (message) => (page.preview = message),
  pins: (message) => (page.pins = message),
  decision(message) {
    // Shown at once; the next `demo` message brings the lane's own list.
    page.demo = { ...page.demo, decisions: [message, ...(page.demo.decisions ?? [])].slice(0, KEPT_DECISIONS) };
  },
  demo(message) {
    page.demo = message;
    if (message.pins) page.pins = message.pins;
  },
};

new LaneLink("/ws/demo", {
  message(message) {
    page.lost = false;
    hear[message.t]?.(message);
  },
  lost() {
    page.lost = true;
    page.preview = null;
  },
}).start();
