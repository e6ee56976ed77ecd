// <staff-figures>: live counts of this gate, this phone's settings, hand-over and the way out.

import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { LANGUAGES, plain, wordsFor } from "../../components/words.js";
import { html, nothing, svg } from "../../vendor/lit.js";

const EVERY_MS = 5000;

export class StaffFigures extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    session: { attribute: false },
    counts: { state: true },
    code: { state: true },
    shown: { state: true },
  };

  constructor() {
    super();
    this.counts = null;
    this.code = "";
    this.shown = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.#load();
    this.timer = setInterval(() => this.#load(), EVERY_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  async #load() {
    const answer = await this.page.api.get("counts");
    if (answer.ok) this.counts = answer.body;
  }

  render() {
    const say = this.file.staff;
    const c = this.counts;
    return html`<main class="scroll figures">
      <div class="kpis">
        ${[["inside", c?.inside], ["last_hour", c?.last_hour], ["admitted", c?.admitted], ["refused_n", c?.refused], ["left", c?.left], ["overrides", c?.overridden]].map(
          ([name, value]) => html`<div class="card kpi"><b>${c ? plain(value, 8) : "–"}</b><span>${say[name]}</span></div>`,
        )}
      </div>
      <p class="small muted">${say.span}</p>
      ${c?.reasons?.length ? this.#reasons(say, c.reasons) : nothing}
      ${c ? this.#hours(say, c.hours) : nothing}
      <section class="card"><h2>${say.settings}</h2>
        ${this.#choice(say.hand, "hand", [["left", say.left_hand], ["right", say.right_hand]], document.documentElement.dataset.hand)}
        ${this.#choice(say.theme, "theme", [["light", say.light], ["dark", say.dark]], document.documentElement.dataset.theme === "dark" ? "dark" : "light")}
        ${this.#choice(say.language, "lang", LANGUAGES.map((lang) => [lang, wordsFor(lang).name]), this.file.lang)}
        <p class="small muted">${say.keys}</p>
        ${this.session.gate.own_ca ? html`<p class="small muted">${say.install} <a class="link" href="/gate-ca.crt">${say.trust}</a></p>` : nothing}
      </section>
      ${this.code ? html`<div class="card code"><p>${say.handover_how}</p><b class="mono">${plain(this.code, 12)}</b></div>` : nothing}
      ${this.shown ? html`<p class="note" role="status">${this.shown}</p>` : nothing}
      <div class="two">
        <button type="button" class="btn" @click=${() => this.#handover()}>${icon("handover")}${say.handover}</button>
        ${["supervisor", "technician"].includes(this.session.role) ? html`<button type="button" class="btn" @click=${() => this.#pair()}>${icon("plus")}${say.pair_show}</button>` : nothing}
        ${this.session.role === "technician" ? html`<a class="btn" href="/tech">${icon("info")}${say.open_tech}</a>` : nothing}
        <button type="button" class="btn" @click=${() => this.page.logout()}>${icon("lock")}${say.logout}</button>
      </div>
      <p class="small muted center">${plain(this.session.name, 40)} · ${say.roles[this.session.role]}</p>
    </main>`;
  }

  #reasons(say, rows) {
    const most = Math.max(...rows.map((row) => row.count), 1);
    return html`<section class="card"><h2>${say.by_reason}</h2>
      ${rows.map((row) => html`<div class="hb"><span>${reasonWord(row.reason, this.file)}</span><meter min="0" max=${most} value=${row.count}></meter><b>${row.count}</b></div>`)}
    </section>`;
  }

  #hours(say, hours) {
    const most = Math.max(...hours, 1);
    return html`<section class="card"><h2>${say.per_hour}</h2>
      <svg class="hours" preserveAspectRatio="none" viewBox="0 0 ${hours.length * 10} 40" role="img" aria-label=${`${say.per_hour}: ${hours.join(", ")}`}>
        ${hours.map((n, i) => rect(i, n, most))}
      </svg></section>`;
  }

  #choice(label, name, options, now) {
    return html`<div class="choice"><span>${label}</span><div class="seg" role="group" aria-label=${label}>
      ${options.map(([value, text]) => html`<button type="button" aria-pressed=${now === value} lang=${name === "lang" ? value : nothing} @click=${() => this.#set(name, value)}>${text}</button>`)}
    </div></div>`;
  }

  #set(name, value) {
    this.page.setPref(name, value);
    this.requestUpdate();
  }

  async #handover() {
    const answer = await this.page.api.post("handover", {});
    if (answer.ok) this.code = `${answer.body.code.slice(0, 4)}-${answer.body.code.slice(4)}`;
    else this.page.tell(answer);
  }

  async #pair() {
    const answer = await this.page.command({ do: "pair" });
    if (answer.ok) this.shown = this.file.staff.pair_shown;
  }
}

/** A reason in a few words: the first sentence of its line. */
function reasonWord(reason, file) {
  if (reason === "already_redeemed") return file.verdict.STOP_USED.lines.join(" ");
  const line = file.why[reason] ?? plain(reason, 24);
  return line.split(/[.。]/)[0].replace("{ask}", "");
}


function rect(i, n, most) {
  const high = n ? Math.max(1, (n / most) * 38) : 0;
  return svg`<rect x=${i * 10 + 1} y=${40 - high} width="8" height=${high} fill="currentColor"/>`;
}
customElements.define("staff-figures", StaffFigures);
