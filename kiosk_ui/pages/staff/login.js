// <staff-login>: pairing by the code on the gate's screen, then staff id and PIN.

import { LightElement } from "../../components/light.js";
import { fill, pick, plain } from "../../components/words.js";
import { icon } from "../../components/icons.js";
import { LANGUAGES, wordsFor } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";
import "../../components/pin-pad.js";

export class StaffLogin extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    session: { attribute: false },
    lost: { attribute: false },
    code: { state: true },
    staff: { state: true },
    pin: { state: true },
    error: { state: true },
    busy: { state: true },
  };

  constructor() {
    super();
    const hash = new URLSearchParams(location.hash.slice(1));
    this.code = (hash.get("pair") ?? "").slice(0, 20);
    if (this.code) history.replaceState(null, "", location.pathname + location.search);
    this.staff = null;
    this.pin = "";
    this.error = "";
    this.busy = false;
  }

  render() {
    const { staff: say } = this.file;
    const gate = this.session?.gate?.gate ?? {};
    return html`<main class="door">
      <header class="top">
        <span class="plate">${plain(gate.short, 4) || "?"}</span>
        <div class="grow"><h1><bdi>${pick(gate.name, this.file.lang) || say.title}</bdi></h1></div>
        ${LANGUAGES.map((lang) => html`<button type="button" class="lang" lang=${lang} aria-pressed=${this.file.lang === lang} @click=${() => this.page.setPref("lang", lang)}>${wordsFor(lang).short}</button>`)}
      </header>
      ${this.lost ? html`<div class="lost" role="alert"><b>${say.lost}</b></div>` : nothing}
      ${this.session?.paired ? this.#login(say) : this.#pair(say)}
      ${this.error ? html`<p class="error" role="alert">${icon("alert")}${this.error}</p>` : nothing}
    </main>`;
  }

  #pair(say) {
    const own = this.session?.gate?.own_ca;
    return html`<form class="sheet-form" @submit=${(event) => this.#send(event, () => this.#doPair())}>
      <h2>${say.pair_title}</h2>
      <p>${say.pair_how}</p>
      <label class="field"><span>${say.pair_code}</span>
        <input class="input big" name="code" .value=${this.code} maxlength="20" autocapitalize="characters" autocomplete="off" spellcheck="false" @input=${(event) => (this.code = event.target.value)} /></label>
      <button class="btn primary wide" ?disabled=${this.busy}>${icon("check")}${say.pair_do}</button>
      ${own ? html`<p class="small muted">${say.install} <a class="link" href="/gate-ca.crt">${say.trust}</a></p>` : nothing}
    </form>`;
  }

  #login(say) {
    const staff = this.staff ?? this.page.prefs.last ?? "";
    return html`<form class="sheet-form login" @submit=${(event) => this.#send(event, () => this.#doLogin())}>
      <div class="who">
        <label class="field"><span>${say.staff_id}</span>
          <input class="input" name="staff" .value=${staff} maxlength="40" autocapitalize="none" autocomplete="username" spellcheck="false" @input=${(event) => (this.staff = event.target.value)} /></label>
        <button class="btn primary wide" ?disabled=${this.busy}>${icon("key")}${say.login}</button>
      </div>
      <pin-pad .file=${this.file} .value=${this.pin} @pin=${(event) => (this.pin = event.detail)}></pin-pad>
    </form>`;
  }

  connectedCallback() {
    super.connectedCallback();
    this.typed = (event) => {
      // Digits typed anywhere but in a field go to the pad: a touch screen with a keyboard, a technician in a hurry.
      if (!this.session?.paired || event.target.matches?.("input")) return;
      const pad = this.querySelector("pin-pad");
      if (/^[0-9]$/.test(event.key)) pad?.press(event.key);
      else if (event.key === "Backspace") pad?.press("delete");
      else if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) this.querySelector("form")?.requestSubmit();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", this.typed);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.typed);
  }

  async #send(event, act) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.error = "";
    await act();
    this.busy = false;
  }

  async #doPair() {
    const answer = await this.page.api.post("pair", { code: this.code.trim(), name: navigator.platform?.slice(0, 40) || "phone" });
    if (answer.ok) {
      this.code = "";
      await this.page.reload();
    } else this.#say(answer);
  }

  async #doLogin() {
    const staff = (this.staff ?? this.page.prefs.last ?? "").trim().toLowerCase();
    const answer = await this.page.api.post("login", { staff, pin: this.pin });
    this.pin = "";
    if (answer.ok) {
      this.page.setPref("last", staff);
      await this.page.reload();
    } else this.#say(answer);
  }

  #say(answer) {
    const say = this.file.staff.say;
    const code = answer.status === 422 ? (this.session?.paired ? "pin" : "code") : answer.code;
    this.error = answer.status === 0 ? this.file.staff.lost : fill(say[code] ?? say.other, { n: answer.wait });
  }
}
customElements.define("staff-login", StaffLogin);
