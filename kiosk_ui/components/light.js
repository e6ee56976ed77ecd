// What all our elements share: they render into the page itself, so that one style sheet per page and the tokens hold.

import { LitElement } from "../vendor/lit.js";

export class LightElement extends LitElement {
  createRenderRoot() {
    return this;
  }
}

/**
 * Shrinks texts that would not fit their box. Words carry their width and normally need no measuring; this holds the
 * layout when a font or a server-given name is wider than expected. Call after rendering and after a resize.
 */
export function fitTexts(root) {
  const boxes = [...root.querySelectorAll("[data-fit]")];
  for (const box of boxes) box.style.setProperty("--fit", "1");
  const ratios = boxes.map((box) => (box.scrollWidth > box.clientWidth ? box.clientWidth / box.scrollWidth : 1));
  boxes.forEach((box, i) => {
    const least = Number(box.dataset.fit) || 0.5; // below this an ellipsis is the smaller evil
    if (ratios[i] < 1) box.style.setProperty("--fit", String(Math.max(least, ratios[i] * 0.985)));
  });
}
