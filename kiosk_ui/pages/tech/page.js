// <tech-page>: doctor, network, log, settings, people and phones, enrolment. Everything shown is asked of the gate.

import { Api } from "../../components/api.js";
import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { LaneLink } from "../../components/link.js";
import { applyPrefs, prefs, setPref } from "../../components/prefs.js";
import { fill, known, pick, plain, wordsFor } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";
import "../staff/login.js";
import "./doctor.js";
import "./papers.js";
import "./people.js";

const TABS = ["doctor", "network", "logs", "config", "people", "enrol"];
const STATUS_MS = 3000;

export class TechPage extends LightElement {
  static properties = {
    session: { state: true },
    status: { state: true },
    lane: { state: true },
    preview: { state: true },
    watching: { state: true },
    lost: { state: true },
    tab: { state: true },
    prefs: { state: true },
    notice: { state: true },
  };

  constructor() {
    super();
    this.api = new Api();
    this.session = null;
    this.status = null;
    this.lane = null;
    this.preview = null;
    this.watching = false;
    this.lost = false;
    this.tab = "doctor";
    this.prefs = applyPrefs(prefs());
    this.notice = "";
    this.link = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.reload();
    this.timer = setInterval(() => this.#refresh(), STATUS_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  get file() {
    const house = this.session?.gate?.languages?.[0];
    return wordsFor(known(this.prefs.lang) ? this.prefs.lang : known(house) ? house : "en");
  }

  setPref(name, value) {
    this.prefs = setPref(name, value);
  }

  async reload() {
    const answer = await this.api.get("session");
    if (answer.ok) this.session = answer.body;
    this.lost = answer.status === 0;
    if (this.session?.role === "technician") {
      this.#refresh();
      this.#listen();
    }
  }

  async #refresh() {
    if (this.session?.role !== "technician") return;
    const answer = await this.api.get("tech/status");
    if (answer.ok) this.status = answer.body;
    else if (answer.status === 401) this.reload();
    this.lost = answer.status === 0;
  }

  #listen() {
    this.link?.stop();
    this.link = new LaneLink(this.watching ? "/ws/staff?preview=1" : "/ws/staff", {
      message: (message) => {
        if (message.t === "state") this.lane = message;
        if (message.t === "preview") this.preview = message;
        if (message.t === "pins" && this.status) this.status = { ...this.status, pins: { ...this.status.pins, now: message } };
      },
      lost: () => (this.preview = null),
    });
    this.link.start();
  }

  /** Pictures only while somebody wants to see them. */
  watch(wanted) {
    this.watching = wanted;
    this.preview = null;
    this.#listen();
  }

  async command(body, options) {
    const answer = await this.api.act("commands", body, options);
    if (!answer.ok) this.tell(answer);
    return answer;
  }

  tell(answer) {
    const say = this.file.staff.say;
    this.notice = answer.status === 0 ? this.file.staff.lost : fill(say[answer.code] ?? say.other, { n: answer.wait });
  }

  render() {
    const file = this.file;
    document.documentElement.lang = file.lang;
    if (!this.session && !this.lost) return html`<main aria-busy="true"></main>`;
    if (this.session?.role !== "technician") {
      return html`${this.session?.staff ? html`<p class="note warn">${file.tech.need}</p>` : nothing}
        <staff-login .file=${file} .page=${this} .session=${{ ...this.session, staff: null }} .lost=${this.lost}></staff-login>`;
    }
    return html`${this.#bar(file)}
      ${this.lost ? html`<div class="lost" role="alert"><b>${file.staff.lost}</b></div>` : nothing}
      ${this.notice ? html`<div class="note warn" role="status" @click=${() => (this.notice = "")}>${this.notice}</div>` : nothing}
      ${this.#body(file)}`;
  }

  #bar(file) {
    const gate = this.session.gate?.gate ?? {};
    const profile = Object.values(this.status?.profile ?? {})[0] ?? "";
    return html`<header class="tbar">
      <span class="plate">${plain(gate.short, 4) || "?"}</span>
      <div class="grow"><h1><bdi>${pick(gate.name, file.lang) || plain(gate.id, 20)}</bdi></h1>
        <p class="small muted">${plain(this.status?.id ?? "", 40)} · ${file.tech.version} ${plain(this.status?.version ?? "", 16)} · ${plain(profile, 24)}</p></div>
      <nav class="tabs" aria-label=${file.tech.title}>
        ${TABS.map((name) => html`<button type="button" aria-current=${this.tab === name ? "page" : nothing} @click=${() => (this.tab = name)}>${file.tech[name]}</button>`)}
      </nav>
      <a class="btn" href="/api/v1/tech/bundle" download title=${file.tech.bundle_note}>${icon("download")}${file.tech.bundle}</a>
    </header>`;
  }

  #body(file) {
    switch (this.tab) {
      case "people":
        return html`<tech-people .file=${file} .page=${this}></tech-people>`;
      case "doctor":
        return html`<tech-doctor .file=${file} .page=${this} .status=${this.status} .lane=${this.lane} .preview=${this.preview}></tech-doctor>`;
      default:
        return html`<tech-papers .file=${file} .page=${this} .tab=${this.tab} .status=${this.status}></tech-papers>`;
    }
  }
}
customElements.define("tech-page", TechPage);
