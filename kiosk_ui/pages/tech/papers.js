// <tech-papers>: network, log, settings and enrolment: lists to read, two fields to fill.

import { fingerprint } from "../../components/fingerprint.js";
import { icon } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { fill, plain } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";

export class TechPapers extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    tab: { attribute: false },
    status: { attribute: false },
    data: { state: true },
    said: { state: true },
  };

  constructor() {
    super();
    this.data = null;
    this.said = [];
    this.keys = [];
  }

  willUpdate(changed) {
    if (!changed.has("tab")) return;
    this.data = null;
    this.said = [];
    if (this.tab === "logs" || this.tab === "config") {
      this.page.api.get(`tech/${this.tab}`).then((answer) => (answer.ok ? (this.data = answer.body) : this.page.tell(answer)));
    }
  }

  render() {
    const say = this.file.tech;
    const body = { network: () => this.#network(say), logs: () => this.#logs(say), config: () => this.#config(say), enrol: () => this.#enrol(say) }[this.tab];
    return html`<main class="papers">${body?.()}</main>`;
  }

  #network(say) {
    const n = this.status?.network ?? {};
    const sync = this.status?.sync ?? {};
    const row = (name, value) => html`<div><dt>${name}</dt><dd class="mono">${value}</dd></div>`;
    return html`<section class="card"><h2>${say.network}</h2><dl class="kv">
        ${row(say.addresses, plain((n.addresses ?? []).join(", "), 120))}
        ${row(say.staff_url, n.url ? plain(n.url, 80) : say.lan_off)}
        ${row(say.fingerprint, fingerprint(n.fingerprint, 32))}
        ${row(say.server, sync.reachable ? plain(sync.peer ?? sync.server ?? "–", 60) : say.sync_away)}
      </dl></section>
      <section class="card"><h2>${say.wedge}</h2>
        <label class="field"><span>${say.wedge_how}</span><input class="input" maxlength="2000" autocomplete="off" spellcheck="false" @keydown=${(event) => this.#wedge(event)} /></label>
        ${this.said.map((word) => html`<p class="note ${word === "fine" ? "" : "warn"}" role="status">${say.wedge_says[word] ?? plain(word, 30)}</p>`)}
      </section>`;
  }

  async #wedge(event) {
    this.keys.push(event.key.length > 1 ? event.key : "x");
    if (event.key !== "Enter" && event.key !== "Tab") return;
    event.preventDefault();
    const text = event.target.value;
    event.target.value = "";
    const answer = await this.page.api.post("tech/wedge", { text, keys: this.keys.slice(-500) });
    this.keys = [];
    if (answer.ok) this.said = answer.body.findings;
    else this.page.tell(answer);
  }

  #logs(say) {
    const lines = this.data?.lines ?? [];
    return html`<section class="card"><h2>${say.logs}</h2>${lines.length ? html`<ol class="log mono" tabindex="0">${lines.map((line) => html`<li>${plain(line, 300)}</li>`)}</ol>` : html`<p class="muted">${say.no_lines}</p>`}</section>`;
  }

  #config(say) {
    if (!this.data) return nothing;
    const { problems, values, meaning, file } = this.data;
    const rows = Object.entries(values).flatMap(([section, part]) => flat(section, part));
    return html`${problems.length
        ? html`<section class="card"><h2>${say.problems}</h2>${problems.map((item) => html`<p class="note warn"><b class="mono">${plain(item.key, 60)}</b> ${plain(item.problem, 160)}. ${plain(item.hint, 160)}</p>`)}</section>`
        : html`<p class="note">${icon("ok")}${fill(say.no_problems, { file: plain(file || "gate.toml", 80) })}</p>`}
      <section class="card" tabindex="0"><table><thead><tr><th>${say.key}</th><th>${say.value}</th><th></th></tr></thead>
        <tbody>${rows.map(([key, value]) => html`<tr><td class="mono">${plain(key, 60)}</td><td class="mono">${plain(value, 80)}</td><td class="small muted" lang="en">${plain(meaning[key.replace("lanes.", "lane.").replace(/inputs\.\d+/, "input")] ?? "", 120)}</td></tr>`)}</tbody></table></section>`;
  }

  #enrol(say) {
    return html`<section class="card"><h2>${say.enrol}</h2>
      <form @submit=${(event) => this.#send(event)}>
        <label class="field"><span>${say.enrol_how}</span><input class="input mono" name="text" maxlength="2000" autocomplete="off" spellcheck="false" /></label>
        <button class="btn primary">${icon("check")}${say.enrol_do}</button>
      </form>
      ${this.said.map((text) => html`<p class="note warn" role="status">${text}</p>`)}</section>`;
  }

  async #send(event) {
    event.preventDefault();
    const say = this.file.tech;
    const text = new FormData(event.target).get("text").trim();
    if (!text) return;
    const answer = await this.page.api.post("tech/enrol", { text }, { wait: 35000 });
    if (answer.ok && answer.body.ok) this.said = [say.enrolled];
    else if (answer.ok) this.said = [fill(say.failed, { why: answer.body.code === "sync_away" ? say.sync_away : plain(answer.body.code ?? answer.body.message ?? "", 60) })];
    else this.page.tell(answer);
  }
}

/** Every setting as [key, value]. */
function flat(prefix, part) {
  if (Array.isArray(part) && part.some((item) => item && typeof item === "object")) return part.flatMap((item, i) => flat(`${prefix}.${i}`, item));
  if (part && typeof part === "object" && !Array.isArray(part)) return Object.entries(part).flatMap(([name, value]) => flat(`${prefix}.${name}`, value));
  return [[prefix, Array.isArray(part) ? part.join(", ") : String(part)]];
}
customElements.define("tech-papers", TechPapers);
