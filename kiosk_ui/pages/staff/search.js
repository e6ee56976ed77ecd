// <staff-search>: a ticket by its number; a person by name is <staff-byname>.

import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { html, nothing } from "../../vendor/lit.js";
import "./byname.js";

const SIGNS = Array.from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
const LENGTH = 9;

export class StaffSearch extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    number: { state: true },
    people: { state: true },
  };

  constructor() {
    super();
    this.number = "";
    /** By name instead of by number. */
    this.people = false;
  }

  render() {
    const say = this.file.staff;
    return html`<main class="scroll search">
      ${this.page.session.role === "technician" ? nothing : this.#choice(say)}
      ${this.people ? html`<staff-byname .file=${this.file} .page=${this.page}></staff-byname>` : this.#byNumber(say)}
    </main>`;
  }

  #choice(say) {
    return html`<div class="seg" role="group" aria-label=${say.search}>
      ${[false, true].map((people) => html`<button type="button" aria-pressed=${this.people === people} @click=${() => (this.people = people)}>${icon(people ? "user" : "ticket")}<span>${people ? say.by_name : say.number}</span></button>`)}
    </div>`;
  }

  #byNumber(say) {
    const full = this.#plainNumber().length === LENGTH;
    return html`<form class="number" @submit=${(event) => this.#lookUp(event)}>
        <label class="field"><span>${say.number}</span><span class="with-key">
          <input class="input big mono" name="number" aria-label=${say.number} placeholder="ZDK4-SE1E-0" .value=${this.number} maxlength="13" autocapitalize="characters" autocomplete="off" spellcheck="false" @input=${(event) => this.#set(event.target.value)} />
          <button type="button" tabindex="-1" class="icb" aria-label=${say.delete} @click=${() => this.#set(this.#plainNumber().slice(0, -1))}>${icon("backspace")}</button></span></label>
        <p class="small muted">${say.number_hint}</p>
        <div class="signs" role="group" aria-label=${say.number}>
          ${SIGNS.map((sign) => html`<button type="button" tabindex="-1" @click=${() => this.#set(this.number + sign)}>${sign}</button>`)}
        </div>
        <div class="two">
          <button type="submit" name="mode" value="inspect" class="btn" ?disabled=${!full}>${icon("eye")}${say.inspect}</button>
          <button type="submit" name="mode" value="admit" class="btn primary" ?disabled=${!full}>${icon("check")}${say.admit}</button>
        </div>
      </form>`;
  }

  #plainNumber() {
    return this.number.toUpperCase().replace(/[^0-9A-Z]/g, "").slice(0, LENGTH);
  }

  #set(text) {
    this.number = text;
    const all = this.#plainNumber();
    this.number = [all.slice(0, 4), all.slice(4, 8), all.slice(8)].filter(Boolean).join("-");
  }

  async #lookUp(event) {
    event.preventDefault();
    if (this.#plainNumber().length !== LENGTH) return;
    await this.page.scan({ number: this.number, mode: event.submitter?.value ?? "inspect" });
  }
}
customElements.define("staff-search", StaffSearch);
