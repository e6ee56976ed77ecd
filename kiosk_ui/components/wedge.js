// A keyboard reader (or a person's keys): a fast burst that ends with Enter is a code, a lone key is a command.

const BURST_MS = 60;
const LEAST = 6;

export class Wedge {
  /** @param {{code: (text: string) => void, key: (name: string) => boolean}} ears `key` says whether it took the key */
  constructor(ears) {
    this.ears = ears;
    this.text = "";
    this.last = 0;
    this.lone = 0;
    this.heard = (event) => this.#hear(event);
  }

  start() {
    document.addEventListener("keydown", this.heard);
  }

  stop() {
    document.removeEventListener("keydown", this.heard);
    clearTimeout(this.lone);
  }

  #hear(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const typing = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    if (typing) {
      if (event.key === "Escape" && this.ears.key("Escape")) event.preventDefault();
      return;
    }
    const now = event.timeStamp; // when the key was struck: a page that hung handles a burst late
    if (now - this.last > BURST_MS * 4) this.text = "";
    this.last = now;
    if (event.key === "Enter" || event.key === "Tab") {
      const text = this.text;
      this.text = "";
      if (text.length >= LEAST) {
        clearTimeout(this.lone);
        event.preventDefault();
        this.ears.code(text);
      } else if (event.key === "Enter" && event.target === document.body && this.ears.key("Enter")) event.preventDefault();
      return;
    }
    if (event.key.length === 1) {
      if (event.key === " " && event.target instanceof HTMLButtonElement && !this.text) return; // presses the button
      this.text += event.key;
      clearTimeout(this.lone);
      if (this.text.length === 1) {
        const key = event.key;
        this.lone = setTimeout(() => {
          if (this.text.length > 1) return;
          this.text = "";
          this.ears.key(key);
        }, BURST_MS);
      }
      if (event.key === " " || event.key === "/" || event.key === "'") event.preventDefault(); // no scrolling, no quick find
      return;
    }
    if (this.ears.key(event.key)) event.preventDefault();
  }
}
