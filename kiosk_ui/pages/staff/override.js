// <staff-override>: reason and PIN on one screen; a second person where the ticket or the limit asks for one.

import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { fill, plain } from "../../components/words.js";
import { firstUse } from "../../components/verdict-panel.js";
import { html, nothing } from "../../vendor/lit.js";
import "../../components/pin-pad.js";

// Where the organiser's policy names none. `other` is a reason in one's own words.
const REASONS = ["paid_at_door", "staff_error", "medical", "came_out", "family", "not_opened", "guest", "safety", "other"];

export class StaffOverride extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    answer: { attribute: false },
    reason: { state: true },
    other: { state: true },
    pin: { state: true },
    second: { state: true },
    secondPin: { state: true },
    needs: { state: true },
    error: { state: true },
    busy: { state: true },
  };

  constructor() {
    super();
    this.reason = "";
    this.other = "";
    this.pin = "";
    this.second = "";
    this.secondPin = "";
    this.needs = "";
    this.error = "";
    this.busy = false;
  }

  willUpdate(changed) {
    if (changed.has("answer") && this.answer?.second_person) this.needs = "second_person";
  }

  render() {
    const say = this.file.staff;
    const verdict = this.file.verdict[this.answer.verdict]?.lines.join(" ").replace("{gate}", "") ?? "";
    const named = this.page.session.gate.reasons?.[this.answer.event] ?? [];
    return html`<header class="top">
        <button type="button" class="icb" aria-label=${say.back} @click=${() => (this.page.overriding = null)}>${icon("back")}</button>
        <div class="grow"><h1>${say.override}</h1><p class="sub">${verdict} ${firstUse(this.answer.first_use, this.file)}</p></div>
        <span class="plate">${plain(this.page.session.gate.gate?.short, 4)}</span>
      </header>
      <main class="scroll override">
        <fieldset class="reasons"><legend>${say.why_admit}</legend>
          ${(named.length ? named : REASONS).map((name) => html`<label class="reason"><input type="radio" name="reason" value=${name} .checked=${this.reason === name} @change=${() => (this.reason = name)} /><span>${this.#word(name)}</span></label>`)}
        </fieldset>
        ${this.reason === "other" ? html`<label class="field"><span>${say.reason}</span><input class="input" maxlength="120" .value=${this.other} @input=${(event) => (this.other = event.target.value)} /></label>` : nothing}
        <div class="pins">
          <div class="pin-for"><h2>${fill(say.your_pin, { name: plain(this.page.session.name, 30) })}</h2>
            <pin-pad .file=${this.file} .label=${say.pin} .value=${this.pin} @pin=${(event) => (this.pin = event.detail)}></pin-pad></div>
          ${this.needs ? this.#second(say) : nothing}
        </div>
        ${this.error ? html`<p class="error" role="alert">${icon("alert")}${this.error}</p>` : nothing}
        <p class="muted small center">${say.record_note}</p>
      </main>
      <div class="acts"><button type="button" class="btn primary wide" ?disabled=${this.busy || !this.#complete()} @click=${() => this.#send()}>${icon("key")}${say.on_record}</button></div>`;
  }

  #second(say) {
    return html`<div class="pin-for"><h2>${say.second}</h2>
      <p class="small muted">${this.needs === "limit" ? say.limit_note : say.second_note}</p>
      <label class="field"><span>${say.staff_id}</span><input class="input" maxlength="40" autocapitalize="none" autocomplete="off" .value=${this.second} @input=${(event) => (this.second = event.target.value)} /></label>
      <pin-pad .file=${this.file} .label=${say.second} .value=${this.secondPin} @pin=${(event) => (this.secondPin = event.detail)}></pin-pad></div>`;
  }

  #word(name) {
    const say = this.file.staff;
    return name === "other" ? say.other : (say.reasons[name] ?? plain(name.replaceAll("_", " "), 40));
  }

  #complete() {
    const why = this.reason && (this.reason !== "other" || this.other.trim());
    return why && this.pin.length >= 6 && (!this.needs || (this.second.trim() && this.secondPin.length >= 6));
  }

  async #send() {
    this.busy = true;
    this.error = "";
    const body = {
      do: "override",
      ref: this.answer.ref,
      reason: this.reason === "other" ? this.other.trim() : this.reason,
      pin: this.pin,
      open: Boolean(this.answer.t === "denial" || this.page.opens),
    };
    if (this.needs) Object.assign(body, { second: this.second.trim().toLowerCase(), second_pin: this.secondPin });
    const answer = await this.page.api.act("commands", body);
    this.busy = false;
    this.pin = "";
    this.secondPin = "";
    if (answer.ok) {
      this.page.overriding = null;
      this.page.show(answer.body);
      return;
    }
    if (answer.code === "second_person" || answer.code === "limit") this.needs = answer.code;
    const say = this.file.staff.say;
    this.error = answer.status === 0 ? this.file.staff.no_answer : fill(say[answer.code] ?? say.other, { n: answer.wait });
  }
}
customElements.define("staff-override", StaffOverride);
