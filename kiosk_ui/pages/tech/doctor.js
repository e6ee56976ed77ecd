// <tech-doctor>: the list to photograph before doors, the camera, pins, sync, clock and trust.

import { icon, mark } from "../../components/icons.js";
import { LightElement } from "../../components/light.js";
import { age, clockAt, fill, plain } from "../../components/words.js";
import { html, nothing } from "../../vendor/lit.js";
import "../../components/demo-camera.js";

/** Sources that give texts and no pictures. */
const LINES = new Set(["evdev", "serial", "stdin"]);
const MARKS = { ok: "ok", warn: "alert", bad: "fail", none: "minus" };

export class TechDoctor extends LightElement {
  static properties = {
    file: { attribute: false },
    page: { attribute: false },
    status: { attribute: false },
    lane: { attribute: false },
    preview: { attribute: false },
    tests: { state: true },
    tested: { state: true },
    busy: { state: true },
  };

  constructor() {
    super();
    this.tests = null;
    this.tested = 0;
    this.busy = false;
  }

  render() {
    const say = this.file.tech;
    return html`<main class="tgrid">
      <section class="card test">${this.#summary(say)}
        <div class="tests">${(this.tests ?? []).map((test) => this.#test(say, test))}</div>
        <button type="button" class="btn primary wide" ?disabled=${this.busy} @click=${() => this.#run()}>${icon("check")}${say.run}</button>
      </section>
      <section class="card camera"><header><h2>${say.camera}</h2><span class="small muted">${say.never_stored}</span></header>${this.#camera(say)}</section>
      <div class="col">
        <section class="card"><h2>${say.pins}</h2><p class="small muted">${say.stop_first}</p>${this.#pins(say)}</section>
        <section class="card"><h2>${say.sync}</h2>${this.#facts(say)}</section>
      </div>
    </main>`;
  }

  #summary(say) {
    if (this.busy) return html`<div class="sum" data-verdict="wait" role="status">${mark("wait")}<div><b>…</b><span>${say.running}</span></div></div>`;
    if (!this.tests) return html`<div class="sum" data-verdict="wait" role="status">${mark("wait")}<div><b>–</b><span>${say.not_run}</span></div></div>`;
    const wired = this.tests.filter((test) => test.state !== "none");
    const good = wired.filter((test) => test.state !== "bad");
    const ready = good.length === wired.length;
    const look = ready ? (wired.some((test) => test.state === "warn") ? "go_attention" : "go") : "stop";
    const gate = fill(this.file.gate, { gate: plain(this.lane?.gate?.short ?? "", 4) });
    return html`<div class="sum" data-verdict=${look} role="status">${mark(look)}<div><b>${ready ? say.ready : say.not_ready}</b>
      <span>${fill(say.passed, { n: wired.filter((test) => test.state === "ok").length, all: wired.length })}</span>
      <span>${gate}, ${clockAt(this.tested, this.page.session.gate.tz, this.file)}</span></div></div>`;
  }

  #test(say, test) {
    return html`<div class="t ${test.state}"><span class=${test.state} role="img" aria-label=${say.states[test.state] ?? ""}>${icon(MARKS[test.state] ?? "minus")}</span>
      <b>${say.tests[test.name] ?? plain(test.name, 24)}</b><span class="m">${this.#figure(say, test)}</span></div>`;
  }

  #figure(say, { state, figure = {} }) {
    if (state === "none") return say.not_wired;
    const parts = [];
    if (figure.fps !== undefined) parts.push(fill(this.file.demo.fps, { n: figure.fps }));
    if (Number.isFinite(figure.decode_ms)) parts.push(`${figure.decode_ms} ms`);
    if (figure.pulse_ms) parts.push(`${figure.pulse_ms} ms`);
    if (figure.ms !== undefined) parts.push(`${figure.ms} ms, ${Math.round(figure.free_mib / 102.4) / 10} GB`);
    if (Number.isFinite(figure.age_s)) parts.push(age(figure.age_s, this.file));
    if (figure.trust) parts.push(say.clocks[figure.trust] ?? plain(figure.trust, 16));
    if (Number.isFinite(figure.error_ms)) parts.push(`± ${figure.error_ms} ms`);
    if (figure.version) parts.push(String(figure.version));
    if (figure.queue !== undefined) parts.push(`${this.file.staff.queue}: ${plain(figure.queue, 8)}`);
    if (figure.look) parts.push(say.look);
    if (figure.why || figure.missing) parts.push(plain(figure.why ?? figure.missing, 60));
    if (figure.active !== undefined) parts.push(figure.active ? say.on : say.off);
    if (Number.isFinite(figure.value)) parts.push(String(Math.round(figure.value * 100) / 100));
    return parts.join(", ");
  }

  #camera(say) {
    const input = this.status?.input ?? {};
    if (LINES.has(input.source)) return html`<p class="muted">${say.no_camera}</p>${this.#figures(input, ["source", "state"])}`;
    return html`<demo-camera .preview=${this.preview} .input=${input} .file=${this.file}></demo-camera>
      <button type="button" class="btn" @click=${() => this.page.watch(!this.page.watching)}>${icon("camera")}${this.page.watching ? say.hide_picture : say.show_picture}</button>
      ${this.#figures(input, ["fps", "age_ms", "decode_ms", "dropped", "focus", "light", "state"])}`;
  }

  #figures(input, names) {
    const shown = names.filter((name) => input[name] !== undefined);
    return html`<dl class="kv">${shown.map((name) => html`<div><dt class="mono">${name}</dt><dd>${plain(typeof input[name] === "number" ? Math.round(input[name] * 100) / 100 : input[name], 24)}</dd></div>`)}</dl>`;
  }

  #pins(say) {
    const now = this.status?.pins?.now ?? {};
    const wired = this.status?.pins?.wired ?? {};
    const row = (pin, name, on, act) => html`<div class="pinrow"><span class="no">${pin ?? ""}</span><span class="grow">${name}</span><i class="led ${on ? "on" : ""}"></i><span>${on ? say.on : say.off}</span>${act ?? nothing}</div>`;
    const button = (what, word) => html`<button type="button" class="btn mini" @click=${() => this.#pin(what)}>${word}</button>`;
    return html`${Object.entries(now.relay ?? {}).map(([lane, on]) => row(wired[`lane.${lane}.relay_pin`], say.tests[`relay_${lane}`] ?? lane, on, button(`relay_${lane}`, say.click)))}
      ${now.lamp?.length ? row(wired["pins.lamp_pins[0]"], say.tests.lamp, now.lamp.some(Boolean), button("lamp", say.show)) : nothing}
      ${Object.entries(now.inputs ?? {}).map(([name, on]) => row("", say.tests[name.split(".")[0]] ?? plain(name, 24), on))}`;
  }

  #facts(say) {
    const s = this.status;
    if (!s) return nothing;
    const row = (name, value, state = "ok") => html`<div class="st"><span class=${state} role="img" aria-label=${say.states[state]}>${icon(MARKS[state])}</span><span>${name}</span><b>${value}</b></div>`;
    const list = s.trust.events[0];
    return html`
      ${row(this.file.staff.mode, s.sync.reachable ? (this.file.status[s.sync.mode] ?? "–") : say.sync_away, s.sync.mode === "online" || s.sync.mode === "hub" ? "ok" : "warn")}
      ${row(this.file.staff.queue, plain(s.sync.queue ?? "–", 8))}
      ${row(this.file.staff.clock, html`${say.clocks[s.clock.trust] ?? "–"}${Number.isFinite(s.clock.error_ms) ? html`, ± ${s.clock.error_ms} ms` : nothing}`, s.clock.trust === "synced" ? "ok" : s.clock.trust === "holdover" ? "warn" : "bad")}
      ${row(say.trust_file, plain(s.trust.version ?? "–", 8), s.trust.version ? "ok" : "bad")}
      ${row(say.base, list ? html`${age(list.age_s, this.file)} <span class="mono small">${plain(list.base ?? "", 12)}</span>` : plain(s.trust.missing || "–", 20), list ? "ok" : "bad")}
      ${row(say.storage, `${Math.round(s.storage.free_mib / 102.4) / 10} GB`, s.storage.free_mib < 256 ? "bad" : "ok")}
      ${row(say.journal, `${Math.round(s.storage.journal_kib / 102.4) / 10} MB`)}
      ${row(say.uptime, age(s.uptime_s, this.file))}
      ${s.temperature_c ? row(say.temperature, `${Math.round(s.temperature_c)} °C`, s.temperature_c > 80 ? "warn" : "ok") : nothing}`;
  }

  async #run() {
    this.busy = true;
    const answer = await this.page.command({ do: "self_test" }, { wait: 20000 });
    this.busy = false;
    if (answer.ok) {
      this.tests = answer.body.tests;
      this.tested = Date.now();
    }
  }

  async #pin(what) {
    const answer = await this.page.command({ do: "pin_test", what }, { wait: 8000 });
    const say = this.file.tech;
    if (answer.ok && !answer.body.ok) this.page.notice = say[answer.body.why] ?? fill(say.failed, { why: plain(answer.body.why, 80) });
  }
}
customElements.define("tech-doctor", TechDoctor);
