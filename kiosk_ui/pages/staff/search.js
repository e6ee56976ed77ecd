// <staff-search>: a ticket by its number, a person by name where a server can be asked.

import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { plain } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";

const SIGNS = Array.from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ");
const LENGTH = 9;

export class StaffSearch extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    number: { state: true },
    name: { state: true },
    people: { state: true },
    sentence: { state: true },
    revealed: { state: true },
  };

  constructor() {
    super();
    this.number = "";
    this.name = "";
    this.people = null;
    this.sentence = "";
    this.revealed = new Set();
  }

  render() {
    const say = this.file.staff;
    const full = this.#plainNumber().length === LENGTH;
    return html`<main class="scroll search">
      <form class="number" @submit=${(event) => this.#lookUp(event)}>
        <label class="field"><span>${say.number}</span>
          <input class="input big mono" name="number" placeholder="ZDK4-SE1E-0" .value=${this.number} maxlength="13" autocapitalize="characters" autocomplete="off" spellcheck="false" @input=${(event) => this.#set(event.target.value)} /></label>
        <p class="small muted">${say.number_hint}</p>
        <div class="signs" aria-label=${say.number}>
          ${SIGNS.map((sign) => html`<button type="button" tabindex="-1" @click=${() => this.#set(this.number + sign)}>${sign}</button>`)}
          <button type="button" tabindex="-1" class="x" aria-label=${say.delete} @click=${() => this.#set(this.#plainNumber().slice(0, -1))}>${icon("backspace")}</button>
        </div>
        <div class="two">
          <button type="submit" name="mode" value="inspect" class="btn" ?disabled=${!full}>${icon("eye")}${say.inspect}</button>
          <button type="submit" name="mode" value="admit" class="btn primary" ?disabled=${!full}>${icon("check")}${say.admit}</button>
        </div>
      </form>
      ${this.page.session.role === "technician" ? nothing : this.#byName(say)}
    </main>`;
  }

  #byName(say) {
    return html`<form class="byname" @submit=${(event) => this.#find(event)}>
      <label class="field"><span>${say.name}</span><input class="input" name="name" maxlength="60" autocomplete="off" .value=${this.name} @input=${(event) => (this.name = event.target.value)} /></label>
      <button class="btn wide">${icon("search")}${say.look_up}</button>
      <p class="small muted">${say.name_note}</p>
      ${this.sentence ? html`<p class="note warn" role="status">${this.sentence}</p>` : nothing}
      ${this.people ? this.people.map((person) => html`<div class="li"><span class="grow"><bdi>${plain(person.masked, 40)}</bdi> <span class="muted small mono">${plain(person.number ?? "", 16)}</span></span></div>`) : nothing}
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

  async #find(event) {
    event.preventDefault();
    const say = this.file.staff;
    this.people = null;
    if (Array.from(this.name.trim()).length < 3) {
      this.sentence = say.name_short;
      return;
    }
    const answer = await this.page.api.post("search", { name: this.name.trim() }, { wait: 9000 });
    if (answer.ok && answer.body.ok) {
      this.people = answer.body.people;
      this.sentence = this.people.length ? "" : say.nobody;
    } else if (answer.ok) this.sentence = answer.body.code === "sync_away" ? say.name_away : say.name_off;
    else this.sentence = answer.status === 0 ? say.lost : (say.say[answer.code] ?? say.say.other);
  }
}
customElements.define("staff-search", StaffSearch);
