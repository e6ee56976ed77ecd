// <tech-people>: local staff, and the phones that are paired.

import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { clockAt, plain } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";

const ROLES = ["attendant", "supervisor", "technician"];

export class TechPeople extends LightElement {
  static properties = { file: { attribute: false }, page: { attribute: false }, staff: { state: true }, phones: { state: true }, shown: { state: true } };

  constructor() {
    super();
    this.staff = [];
    this.phones = [];
    this.shown = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
  }

  async #load() {
    const [staff, phones] = await Promise.all([this.page.api.get("tech/staff"), this.page.api.get("tech/phones")]);
    if (staff.ok) this.staff = staff.body.staff;
    if (phones.ok) this.phones = phones.body.phones;
  }

  render() {
    const say = this.file.tech;
    const roles = this.file.staff.roles;
    return html`<main class="papers">
      <section class="card"><h2>${say.staff}</h2>
        ${this.staff.map((person) => html`<div class="pinrow"><span class="mono">${plain(person.id, 40)}</span><span class="grow"><bdi>${plain(person.name, 40)}</bdi></span><span>${roles[person.role]}</span><span class="chip">${person.local ? say.local : say.organiser}</span>
          ${person.local ? html`<button type="button" class="btn mini" aria-label=${`${say.remove}: ${plain(person.id, 40)}`} @click=${() => this.#end("staff", person.id)}>${icon("close")}</button>` : nothing}</div>`)}
        <form class="add" @submit=${(event) => this.#add(event)}>
          <label class="field"><span>${this.file.staff.staff_id}</span><input class="input" name="id" pattern="[a-z0-9][a-z0-9\\-]*" maxlength="40" required autocapitalize="none" autocomplete="off" /></label>
          <label class="field"><span>${say.name}</span><input class="input" name="name" maxlength="60" required autocomplete="off" /></label>
          <label class="field"><span>${say.role}</span><select class="input" name="role">${ROLES.map((role) => html`<option value=${role}>${roles[role]}</option>`)}</select></label>
          <label class="field"><span>${this.file.staff.pin}</span><input class="input" name="pin" type="password" inputmode="numeric" pattern="[0-9]{6,12}" required autocomplete="new-password" /></label>
          <button class="btn primary">${icon("plus")}${say.add}</button>
        </form></section>
      <section class="card"><h2>${say.phones}</h2>
        ${this.phones.map((phone) => html`<div class="pinrow"><span class="mono">${plain(phone.id, 16)}</span><span class="grow"><bdi>${plain(phone.name, 40)}</bdi></span><span>${clockAt(phone.seen, this.page.session.gate.tz, this.file)}</span>
          <button type="button" class="btn mini" aria-label=${`${say.remove}: ${plain(phone.id, 16)}`} @click=${() => this.#end("phones", phone.id)}>${icon("close")}</button></div>`)}
        <button type="button" class="btn" @click=${() => this.#pair()}>${icon("plus")}${this.file.staff.pair_show}</button>
        ${this.shown ? html`<p class="note" role="status">${this.shown}</p>` : nothing}
      </section></main>`;
  }

  async #add(event) {
    event.preventDefault();
    const form = event.target;
    const answer = await this.page.api.call("PUT", "tech/staff", Object.fromEntries(new FormData(form)));
    if (answer.ok) {
      form.reset();
      this.#load();
    } else this.page.tell(answer);
  }

  async #end(what, id) {
    const answer = await this.page.api.call("DELETE", `tech/${what}/${encodeURIComponent(id)}`);
    if (!answer.ok) this.page.tell(answer);
    this.#load();
  }

  async #pair() {
    const answer = await this.page.command({ do: "pair" });
    if (answer.ok) this.shown = this.file.staff.pair_shown;
  }
}
customElements.define("tech-people", TechPeople);
