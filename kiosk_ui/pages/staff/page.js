// <staff-page>: which view is shown, who is logged in, and the line to the gate. The views ask and show; acts go through here.

import { Api } from "../../components/api.js";
import { icon } from "../../components/icons.js";
import { LightElement, fitTexts } from "../../components/light.js";
import { LaneLink } from "../../components/link.js";
import { applyPrefs, prefs, setPref } from "../../components/prefs.js";
import { Wedge } from "../../components/wedge.js";
import { age, fill, known, pick, plain, wordsFor } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";
import "./figures.js";
import "./login.js";
import "./lane.js";
import "./override.js";
import "./refused.js";
import "./result.js";
import "./scan.js";
import "./search.js";

const TABS = [
  ["scan", "scan"],
  ["search", "search"],
  ["refused", "bell"],
  ["lane", "lane"],
  ["figures", "chart"],
];
const DENIALS_KEPT = 20;

export class StaffPage extends LightElement {
  static properties = {
    session: { state: true },
    lane: { state: true },
    pins: { state: true },
    lost: { state: true },
    view: { state: true },
    result: { state: true },
    overriding: { state: true },
    denials: { state: true },
    unseen: { state: true },
    notice: { state: true },
    prefs: { state: true },
    mode: { state: true },
    count: { state: true },
    opens: { state: true },
    asking: { state: true },
  };

  constructor() {
    super();
    this.api = new Api();
    this.session = null;
    this.lane = null;
    this.pins = {};
    this.lost = false;
    this.view = "scan";
    this.result = null;
    this.overriding = null;
    this.denials = [];
    this.unseen = 0;
    this.notice = "";
    this.prefs = applyPrefs(prefs());
    this.mode = "admit";
    this.count = 1;
    this.opens = false;
    this.asking = false;
    this.link = null;
    this.wedge = new Wedge({ code: (text) => this.scan({ text }), key: (name) => this.#key(name) });
  }

  connectedCallback() {
    super.connectedCallback();
    this.wedge.start();
    this.reload();
    addEventListener("resize", () => fitTexts(this));
  }

  get file() {
    const house = this.session?.gate?.languages?.[0];
    return wordsFor(known(this.prefs.lang) ? this.prefs.lang : known(house) ? house : "en");
  }

  /** Time zone of the event. */
  get zone() {
    return this.session?.gate?.tz;
  }

  get loggedIn() {
    return Boolean(this.session?.staff);
  }

  /** Who is here, asked of the gate. */
  async reload() {
    const answer = await this.api.get("session");
    if (answer.ok) {
      // What was refused before the page appears is history; what comes after it is news, however it gets here.
      if (answer.body.staff && !this.link) await this.#catchUp({ news: false });
      this.session = answer.body;
      if (this.loggedIn) this.#listen();
    } else if (answer.status === 0) this.lost = true;
  }

  #listen() {
    if (this.link) return;
    // Nothing is told over a line that is not up: after each connection the gate is asked for what was missed.
    let missed = true;
    this.link = new LaneLink("/ws/staff", {
      message: (message) => {
        if (this.lost) this.reload();
        this.lost = false;
        if (missed) this.#catchUp({ news: true });
        missed = false;
        if (message.t === "state") this.lane = message;
        if (message.t === "pins") this.pins = message;
        if (message.t === "denial") this.#denied(message);
      },
      lost: () => {
        if (!this.lost) this.reload();
        this.lost = true;
        missed = true;
      },
    });
    this.link.start();
  }

  /** The gate's last refusals, beside those that were told live. */
  async #catchUp({ news }) {
    const answer = await this.api.get("recent");
    if (!answer.ok) return;
    const unknown = answer.body.denied.map(fromRow).filter((row) => !this.denials.some((item) => item.ref === row.ref));
    this.#keep(unknown);
    if (news && unknown.length) this.#tell(unknown.length);
  }

  #denied(message) {
    // It may have been read with `recent` a moment ago; then it has been counted.
    const known = this.denials.some((item) => item.ref === message.ref);
    this.denials = this.denials.filter((item) => item.ref !== message.ref);
    this.#keep([message]);
    if (!known) this.#tell(1);
  }

  #keep(rows) {
    this.denials = [...rows, ...this.denials].sort((a, b) => b.at - a.at).slice(0, DENIALS_KEPT);
  }

  #tell(count) {
    if (this.view !== "refused") this.unseen += count;
    navigator.vibrate?.(80);
  }

  render() {
    const file = this.file;
    const say = file.staff;
    document.documentElement.lang = file.lang;
    if (!this.session && !this.lost) return html`<main class="wait" aria-busy="true"></main>`;
    if (!this.loggedIn) {
      return html`<staff-login .file=${file} .page=${this} .session=${this.session} .lost=${this.lost}></staff-login>`;
    }
    if (this.overriding) return html`<staff-override .file=${file} .page=${this} .answer=${this.overriding}></staff-override>`;
    return html`${this.#top(file)}
      ${this.lost ? html`<div class="lost" role="alert"><b>${say.lost}</b><span>${say.lost_then}</span></div>` : nothing}
      ${this.#view(file)}
      ${this.result ? html`<staff-result .file=${file} .page=${this} .answer=${this.result} .lost=${this.lost}></staff-result>` : nothing}
      ${this.notice ? html`<div class="toast" role="status" @click=${() => (this.notice = "")}>${this.notice}</div>` : nothing}
      ${this.result ? nothing : this.#nav(say)}`;
  }

  #view(file) {
    const shared = { file, page: this };
    switch (this.view) {
      case "search":
        if (this.result) return nothing;
        return html`<staff-search .file=${shared.file} .page=${this}></staff-search>`;
      case "refused":
        if (this.result) return nothing;
        return html`<staff-refused .file=${shared.file} .page=${this} .rows=${this.denials}></staff-refused>`;
      case "lane":
        if (this.result) return nothing;
        return html`<staff-lane .file=${shared.file} .page=${this} .lane=${this.lane} .pins=${this.pins} .lost=${this.lost}></staff-lane>`;
      case "figures":
        if (this.result) return nothing;
        return html`<staff-figures .file=${shared.file} .page=${this} .session=${this.session}></staff-figures>`;
      default:
        // The camera goes on reading under a result: the next ticket replaces it at once.
        return html`<staff-scan ?inert=${Boolean(this.result)} .file=${shared.file} .page=${this} .mode=${this.mode} .count=${this.count} .opens=${this.opens} .asking=${this.asking}></staff-scan>`;
    }
  }

  #top(file) {
    const gate = this.session.gate?.gate ?? {};
    const mode = ["online", "hub", "local"].includes(this.lane?.mode) ? this.lane.mode : null;
    const fresh = Number.isFinite(this.lane?.data_age_s)
      ? fill(file.status.list_age, { age: age(this.lane.data_age_s, file) })
      : file.status.no_list;
    return html`<header class="top">
      <span class="plate">${plain(gate.short, 4) || "?"}</span>
      <div class="grow">
        <h1><bdi>${pick(gate.name, file.lang) || plain(gate.id, 20)}</bdi></h1>
        <p class="sub">${this.lost ? html`${icon("alert")}${file.demo.lost}` : mode ? html`${icon(mode)}<span>${file.status[mode]} · ${fresh}</span>` : nothing}</p>
      </div>
      <button type="button" class="icb" aria-label=${`${initials(this.session.name)}: ${plain(this.session.name, 40)}, ${file.staff.roles[this.session.role]}`} @click=${() => this.go("figures")}>
        <span class="avatar">${initials(this.session.name)}</span>
      </button>
    </header>`;
  }

  #nav(say) {
    return html`<nav class="nav" aria-label=${say.title}>
      ${TABS.map(
        ([name, drawing]) => html`<button type="button" aria-current=${this.view === name ? "page" : nothing} @click=${() => this.go(name)}>
          ${icon(drawing)}<span>${say[name]}</span>
          ${name === "refused" && this.unseen ? html`<b class="badge">${Math.min(this.unseen, 99)}</b>` : nothing}
        </button>`,
      )}
    </nav>`;
  }

  updated() {
    fitTexts(this);
  }

  // ---- what the views ask for

  go(view) {
    this.view = view;
    this.result = null;
    this.notice = "";
    if (view === "refused") this.unseen = 0;
  }

  /** Put one code or number to the gate. @param {{text?: string, number?: string, mode?: string}} what */
  async scan(what) {
    if (!this.loggedIn || this.asking || this.overriding) return;
    this.asking = true;
    const began = performance.now();
    const { mode = this.mode, ...code } = what;
    const body = { ...code, mode: mode === "inspect" ? "inspect" : "admit", dir: mode === "exit" ? "exit" : "entry" };
    if (mode === "admit") Object.assign(body, { count: this.count, open: this.opens });
    const answer = await this.api.act("scans", body, { wait: 3000 });
    this.asking = false;
    if (answer.ok) {
      this.show({ ...answer.body, took: performance.now() - began });
      this.count = 1;
    } else if (answer.status === 0) {
      this.lost = true;
      this.notice = this.file.staff.no_answer;
    } else this.tell(answer);
    return answer;
  }

  show(answer) {
    this.result = answer;
    this.notice = "";
    const bad = answer.verdict !== "GO" && answer.verdict !== "GO_ATTENTION";
    navigator.vibrate?.(bad ? [60, 60, 60] : 30);
  }

  /** Say what an answer of the gate means, when it is no result. */
  tell(answer) {
    const say = this.file.staff.say;
    if (answer.status === 0) this.lost = true;
    if (answer.code === "number") this.notice = this.file.staff.number_wrong;
    else this.notice = answer.status === 0 ? this.file.staff.lost : fill(say[answer.code] ?? say.other, { n: answer.wait });
    if (answer.status === 401 && ["login", "token"].includes(answer.code)) this.reload();
  }

  /** A command with its reason. Returns the answer. */
  async command(body, options) {
    const answer = await this.api.act("commands", body, options);
    if (!answer.ok) this.tell(answer);
    return answer;
  }

  setPref(name, value) {
    this.prefs = setPref(name, value);
  }

  async logout() {
    await this.api.post("logout", {});
    location.reload();
  }

  #key(name) {
    if (!this.loggedIn) return false;
    if (name === "Escape") {
      if (this.overriding) this.overriding = null;
      else this.go("scan");
    } else if (name === " ") this.go("scan");
    else if (name === "/") this.go("search");
    else if (name === "F2" && this.result?.ref && !this.result.admitted) this.overriding = this.result;
    else if (name === "F4") this.go("refused");
    else if (name === "Enter" && this.result && !this.overriding) this.go("scan");
    else return false;
    return true;
  }
}

/** A journal row as a result: what is needed to show and to override it. */
export function fromRow(row) {
  const used = row.reason === "already_redeemed";
  const opened = row.kind !== "refused";
  return { ...row, admitted: opened, verdict: opened ? (row.kind === "exit" && row.reason !== "ok" ? "GO_ATTENTION" : "GO") : used ? "STOP_USED" : "STOP", attention: [] };
}

function initials(name) {
  return plain(name, 40).split(" ").filter(Boolean).slice(0, 2).map((part) => Array.from(part)[0]).join("").toUpperCase();
}
customElements.define("staff-page", StaffPage);
