// From the lane's state to what one screen shows: pure, no document, no socket. The only place that knows which word,
// reason line and arrow belong to a state. Looks are in pages/display/display.css, words in i18n/.

import { LANGUAGES, age, clock, fill, known, pick, plain, wordsFor } from "./words.js";

const VERDICTS = new Set(["GO", "GO_ATTENTION", "STOP_USED", "STOP", "SEE_STAFF", "WAIT", "OUT_OF_ORDER", "EMERGENCY"]);
const LANE_VERDICT = { emergency: "EMERGENCY", out_of_order: "OUT_OF_ORDER", disabled: "OUT_OF_ORDER" };
const WITH_WAY = new Set(["GO", "GO_ATTENTION", "EMERGENCY"]);
const WITH_HAZARD = new Set(["GO_ATTENTION", "OUT_OF_ORDER"]);
// The first of these that a ticket has is what people are told.
const ATTENTION = ["test", "minor", "accessibility", "vip", "staff", "answers", "rotating", "attention"];
const HINTS = new Set(["unread", "crowd", "camera"]);
const SMALL_FAULTS = new Set(["input", "set_aside", "stale"]);
const DIRECTIONS = new Set(["left", "right", "up"]);

/** The verdict a state asks for; null = idle. An emergency outranks whatever was scanned. */
export function verdictOf(state) {
  if (state.lane === "emergency") return "EMERGENCY";
  if (VERDICTS.has(state.verdict)) return state.verdict;
  return LANE_VERDICT[state.lane] ?? null;
}

/** The languages of the screen, house language first. */
export function houseLanguages(state) {
  const wanted = Array.isArray(state?.languages) ? state.languages.filter(known) : [];
  return wanted.length ? [...new Set(wanted)] : LANGUAGES;
}

/** A verdict screen's content. */
export function verdictScreen(state, verdict) {
  const languages = houseLanguages(state);
  const lang = known(state.lang) ? state.lang : languages[0];
  const file = wordsFor(lang);
  const key = wordKey(state, verdict);
  const way = wayOf(state, verdict);
  return {
    name: verdict.toLowerCase(),
    lang,
    word: word(file, key, state),
    detail: detail(state, verdict, file),
    why: why(state, verdict, file, way),
    way,
    caseNumber: verdict === "SEE_STAFF" ? plain(state.case ?? "", 16) : "",
    where: verdict === "SEE_STAFF" ? pick(state.words?.where, lang) : "",
    hazard: WITH_HAZARD.has(verdict),
    test: state.test === true ? file.test : "",
    others: languages.filter((other) => other !== lang).map((other) => ({ lang: other, text: strip(wordsFor(other), key, state) })),
    plate: plain(state.gate?.short ?? "", 4),
  };
}

/** The screen of a display that lost its lane. `since` is `HH:MM:SS`, empty when there never was one. */
export function lostScreen(state, since) {
  const languages = houseLanguages(state);
  const file = wordsFor(languages[0]);
  const first = since ? fill(file.lost.since, { time: clock(since, file) }) : file.lost.never;
  return {
    name: "lost",
    lang: file.lang,
    word: word(file, "LOST", null),
    detail: [],
    why: `${first} ${file.lost.then}`,
    way: null,
    caseNumber: "",
    where: "",
    hazard: false,
    test: "",
    others: languages.slice(1).map((other) => ({ lang: other, text: strip(wordsFor(other), "LOST", null) })),
    plate: plain(state?.gate?.short ?? "", 4),
  };
}

/** The idle screen's content. */
export function idleScreen(state) {
  const languages = houseLanguages(state);
  const hint = HINTS.has(state.hint) ? state.hint : null;
  const key = hint ?? (state.direction === "exit" ? "exit" : "entry");
  return {
    name: "idle",
    plate: plain(state.gate?.short ?? "", 4),
    gateName: pick(state.gate?.name, languages[0]),
    eventName: pick(state.gate?.event_name, languages[0]),
    hint,
    say: languages.map((lang) => ({ lang, text: wordsFor(lang).idle[key] })),
    status: statusLine(state, wordsFor(languages[0])),
    time: clock(state.time ?? "", wordsFor(languages[0])),
    demo: state.demo === true ? wordsFor(languages[0]).demo_mark : "",
    lang: languages[0],
  };
}

/** How fresh and how sure: `{icon, main, rest, warn}`. */
export function statusLine(state, file) {
  const mode = ["online", "hub", "local"].includes(state.mode) ? state.mode : "local";
  const knownAge = Number.isFinite(state.data_age_s) && state.data_age_s >= 0;
  const rest = [knownAge ? fill(file.status.list_age, { age: age(state.data_age_s, file) }) : file.status.no_list];
  if (mode === "local" && state.sync?.queue > 0) rest.push(fill(file.status.queue, { n: plain(state.sync.queue, 7) }));
  if (state.clock === "untrusted") rest.push(file.status.clock_untrusted);
  // The worst of the small faults: those that stop people have screens of their own, the camera has its hint.
  const fault = (Array.isArray(state.faults) ? state.faults : []).find((name) => SMALL_FAULTS.has(name));
  if (fault && rest.length < 3) rest.push(file.status[`fault_${fault}`]);
  const warn = mode === "local" || !knownAge || state.clock === "untrusted" || Boolean(fault);
  return { icon: mode, main: file.status[mode], rest, warn };
}

function wayOf(state, verdict) {
  // Out of order points to the next gate, and only when somebody said on which side it is.
  const way = verdict === "OUT_OF_ORDER" ? state.next_gate?.way : WITH_WAY.has(verdict) ? state.way : null;
  return DIRECTIONS.has(way) ? way : null;
}

function wordKey(state, verdict) {
  if (verdict === "OUT_OF_ORDER" && state.next_gate?.short) return "OUT_OF_ORDER_TO";
  if (verdict === "GO" && state.direction === "exit") return "GO_EXIT";
  return verdict;
}

function word(file, key, state) {
  const gate = plain(state?.next_gate?.short ?? "", 4);
  const { lines, em } = file.verdict[key];
  return { lines: lines.map((line) => fill(line, { gate })), em };
}

function strip(file, key, state) {
  const entry = file.verdict[key];
  return entry.strip ?? word(file, key, state).lines.join(" ");
}

function detail(state, verdict, file) {
  if (verdict === "STOP_USED" && state.first_use) {
    const { time, gate, short, gate_name } = state.first_use;
    const where = short ? gateCalled(short, file) : pick(gate_name, file.lang) || gateCalled(gate, file);
    return [clock(time ?? "", file), where].filter(Boolean);
  }
  if (verdict === "STOP" && state.go_to?.short) return [gateCalled(state.go_to.short, file)];
  return [];
}

function gateCalled(short, file) {
  const gate = plain(short ?? "", 12);
  return gate ? fill(file.gate, { gate }) : "";
}

function why(state, verdict, file, way) {
  if (verdict === "GO") return way === "up" ? file.straight : "";
  if (verdict === "EMERGENCY") return "";
  if (verdict === "OUT_OF_ORDER") return way === null ? file.why.out_of_service : "";
  const where = pick(state.words?.where, file.lang);
  const ask = where ? fill(file.ask_at, { where }) : file.ask;
  if (verdict === "GO_ATTENTION") return attention(state, file, ask);
  if (state.go_to?.short && state.reason === "product") {
    return fill(file.why["product.go_to"], { gate: gateCalled(state.go_to.short, file) });
  }
  return fill(reasonLine(state, file), { ask });
}

function reasonLine(state, file) {
  // "foreign_url", "foreign_wifi": one line for the whole family.
  const family = String(state.detail ?? "").split("_", 1)[0];
  const { why } = file;
  return why[`${state.reason}.${state.detail}`] ?? why[`${state.reason}.${family}`] ?? why[state.reason] ?? why.error;
}

function attention(state, file, ask) {
  const given = Array.isArray(state.attention) ? state.attention : [];
  const key = ATTENTION.find((name) => given.includes(name));
  if (key) return file.attention[key];
  if (state.direction === "exit") return file.attention.exit;
  if (state.reason && state.reason !== "ok") return fill(reasonLine(state, file), { ask });
  return file.attention.attention;
}
