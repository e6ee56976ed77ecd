// <staff-byname>: people of a name, asked of the server and masked; a name in full only with a reason, which is logged.
// Names stay in this element: it is gone with the view, and nothing of them is kept.

import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { fill, plain } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";

const LEAST = 3;
const REASONS = ["lost_phone", "check", "helped", "safety"];
/** Codes of the gate that have a sentence of their own. */
const SAID = { sync_away: "name_away", unreachable: "name_unreachable", not_allowed: "name_off", too_short: "name_short", busy: "name_busy", not_found: "name_gone", bad_number: "number_wrong" };

export class StaffByName extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    name: { state: true },
    people: { state: true },
    more: { state: true },
    person: { state: true },
    full: { state: true },
    asking: { state: true },
    busy: { state: true },
    sentence: { state: true },
  };

  constructor() {
    super();
    this.name = "";
    this.people = null;
    this.more = false;
    /** The one that was tapped. */
    this.person = null;
    /** The name in full, once it was asked for. */
    this.full = "";
    this.asking = false;
    this.busy = false;
    this.sentence = "";
  }

  render() {
    const say = this.file.staff;
    return html`${this.person ? this.#one(say) : this.#all(say)}
      ${this.busy ? html`<p class="note" role="status">${say.name_asking}</p>` : nothing}
      ${this.sentence ? html`<p class="note warn" role="status">${icon("info")}<span>${this.sentence}</span></p>` : nothing}`;
  }

  #all(say) {
    return html`<form class="byname" @submit=${(event) => this.#find(event)}>
        <label class="field"><span>${say.name}</span><input class="input" name="name" maxlength="60" autocomplete="off" spellcheck="false" .value=${this.name} @input=${(event) => (this.name = event.target.value)} /></label>
        <button class="btn wide" ?disabled=${this.busy}>${icon("search")}${say.look_up}</button>
        <p class="small muted">${say.name_note}</p>
      </form>
      ${(this.people ?? []).map(
        (person) => html`<button type="button" class="li person" @click=${() => this.#take(person)}>
          <span class="grow stack"><bdi class="strong">${plain(person.masked, 40)}</bdi><span class="small muted"><span class="mono">${plain(person.number, 16)}</span> <bdi>${plain(person.product, 40)}</bdi></span></span>
          ${this.#state(say, person)}<span class="muted">${icon("chevron")}</span>
        </button>`,
      )}
      ${this.more ? html`<p class="small muted">${say.name_more}</p>` : nothing}`;
  }

  #state(say, person) {
    return person.state === "valid" ? nothing : html`<span class="chip bad">${say.states[person.state] ?? plain(person.state, 16)}</span>`;
  }

  #one(say) {
    const { person } = this;
    return html`<section class="card one" aria-label=${say.person}>
        <p class="who"><bdi>${plain(this.full || person.masked, 60)}</bdi> ${this.#state(say, person)}</p>
        <p class="small muted"><span class="mono">${plain(person.number, 16)}</span> <bdi>${plain(person.product, 40)}</bdi></p>
        ${this.full ? html`<p class="small muted">${say.name_logged}</p>` : nothing}
      </section>
      ${this.asking
        ? html`<h2>${say.name_why}</h2><div class="two">${REASONS.map((name) => html`<button type="button" class="btn" ?disabled=${this.busy} @click=${() => this.#reveal(name)}>${say.look_reasons[name]}</button>`)}</div>`
        : html`<div class="two">
            <button type="button" class="btn" @click=${() => this.page.scan({ number: person.number, mode: "inspect" })}>${icon("eye")}${say.inspect}</button>
            <button type="button" class="btn primary" @click=${() => this.page.scan({ number: person.number, mode: "admit" })}>${icon("check")}${say.admit}</button>
          </div>
          ${this.full ? nothing : html`<button type="button" class="btn wide" @click=${() => (this.asking = true)}>${icon("user")}${say.name_show}</button>`}`}
      <button type="button" class="btn wide" @click=${() => (this.asking ? (this.asking = false) : this.#take(null))}>${icon("back")}${say.back}</button>`;
  }

  #take(person) {
    this.person = person;
    this.full = "";
    this.asking = false;
    this.sentence = "";
  }

  async #find(event) {
    event.preventDefault();
    const name = this.name.trim();
    this.people = null;
    this.more = false;
    this.sentence = "";
    if (Array.from(name.replace(/[^\p{L}\p{N}]/gu, "")).length < LEAST) {
      this.sentence = this.file.staff.name_short;
      return;
    }
    const body = await this.#ask("search", { name });
    if (!body) return;
    this.people = Array.isArray(body.people) ? body.people : [];
    this.more = Boolean(body.more);
    if (!this.people.length) this.sentence = this.file.staff.nobody;
  }

  async #reveal(reason) {
    const { event, number } = this.person;
    const body = await this.#ask("search/reveal", { event, number, reason });
    if (!body || this.person?.number !== number) return;
    this.full = body.name;
    this.asking = false;
  }

  /** The body of a good answer; otherwise null, and the sentence says why. */
  async #ask(path, question) {
    this.busy = true;
    this.sentence = "";
    const answer = await this.page.api.post(path, question);
    this.busy = false;
    if (answer.ok && answer.body.ok) return answer.body;
    const say = this.file.staff;
    if (answer.ok) this.sentence = fill(say[SAID[answer.body.code]] ?? say.name_unreachable, { n: answer.body.wait_s });
    else if (answer.status === 422) this.sentence = say.name_short;
    else this.page.tell(answer);
    return null;
  }
}
customElements.define("staff-byname", StaffByName);
