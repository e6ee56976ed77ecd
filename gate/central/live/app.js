// The live page: asks for the state every 2 s and shows it. Text only ever goes in as text, never as markup.
const EVERY_MS = 2000;
const LOST_MS = 7000; // three answers missed
const SEEN_LATE_S = 90; // three heartbeats missed
const DATA_OLD_S = 900;

const INCIDENTS = {
  duplicate_admission: "Admitted twice",
  passback_soft: "Entered again while inside",
  two_boots: "Two devices with one key",
  journal_fork: "Two records under one number",
  chain_broken: "A gate's journal does not fit together",
  head_mismatch: "A signed head contradicts the journal",
  head_invalid: "A journal head with no valid signature",
  malformed: "A record that could not be read",
  enrol_conflict: "An enrolment code used twice",
  foreign_event: "Rows of an event the device no longer serves",
};
const KINDS = { admitted: "Admitted", override: "Let in by staff", refused: "Refused", exit: "Exit", annulled: "Annulled", passed: "Passed" };

let answeredAt = 0;

/** @param {string} tag @param {string} text @param {string} [kind] */
function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {number} seconds */
function span(seconds) {
  if (seconds < 0) return "0 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** @param {number} ms */
const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");

/** @param {any} value */
function words(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "object") return String(value);
  return String(value.trust ?? value.state ?? value.mode ?? "–");
}

/** @param {any[]} cells */
function row(cells) {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

/** @param {string} id @param {HTMLElement[]} rows @param {number} columns @param {string} nothing */
function fill(id, rows, columns, nothing) {
  if (!rows.length) {
    const cell = /** @type {HTMLTableCellElement} */ (element("td", nothing, "muted"));
    cell.colSpan = columns;
    rows = [row([cell])];
  }
  byId(id).replaceChildren(...rows);
}

/** @param {any} event @param {number} now */
function eventCard(event, now) {
  const card = element("article", "", "card event");
  const title = element("div", "");
  title.append(element("h2", event.name.en ?? Object.values(event.name)[0] ?? event.id));
  const published = event.published ? `signed ${span((now - event.published) / 1000)} ago, number ${event.seq}` : "not published";
  title.append(element("small", `${event.id} · ${published}`));
  card.append(title);
  const figures = [
    ["Let in", event.admissions],
    ["Last minute", event.last_minute],
    ["Tickets published", event.tickets],
    ["Incidents", event.incidents],
  ];
  for (const [name, value] of figures) {
    const figure = element("div", "", "figure");
    figure.append(element("span", name), element("b", value.toLocaleString("en")));
    card.append(figure);
  }
  return card;
}

/** @param {any} device @param {number} now */
function deviceRow(device, now) {
  const seen = device.beat_at === null ? null : (now - device.beat_at) / 1000;
  const late = seen === null || seen > SEEN_LATE_S;
  let state = ["Online", "chip ok"];
  if (device.revoked) state = ["Revoked", "chip bad"];
  else if (!device.enrolled) state = ["Not enrolled", "chip"];
  else if (seen === null) state = ["Not heard yet", "chip warn"];
  else if (late) state = ["Silent", "chip warn"];
  const cell = element("td", "");
  cell.append(element("span", state[0], state[1]));
  const old = device.data_age_s !== null && device.data_age_s > DATA_OLD_S;
  const age = element("td", device.data_age_s === null ? "–" : span(device.data_age_s), "n");
  if (old) age.classList.add("warn");
  return row([
    element("td", `${device.short} ${device.device}`),
    element("td", device.events.join(", ")),
    cell,
    element("td", seen === null ? "–" : span(seen), "n"),
    age,
    element("td", words(device.queue), "n"),
    element("td", words(device.clock)),
  ]);
}

/** @param {any} item */
function checkinRow(item) {
  return row([
    element("td", clock(item.at)),
    element("td", item.gate),
    element("td", item.event),
    element("td", KINDS[item.kind] ?? item.kind),
    element("td", item.reason ?? "–"),
    element("td", item.number ?? "–", "code"),
    element("td", span((item.received - item.at) / 1000), "n"),
  ]);
}

/** @param {any} item */
function incidentItem(item) {
  const made = element("li", "");
  made.append(element("b", INCIDENTS[item.kind] ?? item.kind));
  if (item.kind === "duplicate_admission" || item.kind === "passback_soft") return duplicateItem(item, made);
  const where = [item.event || "device", item.gate, item.detail.epoch && `${item.detail.epoch}/${item.detail.seq}`];
  made.append(element("span", `${clock(item.at)} · ${where.filter(Boolean).join(" · ")}`, "muted"));
  return made;
}

/**
 * Both admissions: gate, time, how sure it is, and whether that gate was connected.
 * @param {any} item
 * @param {HTMLElement} made
 */
function duplicateItem(item, made) {
  const { first, again, number, list, order_unknown: unknown } = item.detail;
  const text = (/** @type {any} */ one) => {
    const error = one.error_ms === null ? "clock not set" : `±${one.error_ms} ms`;
    const link = one.connected ? "connected" : `told us ${span(one.late_ms / 1000)} later`;
    return `${one.gate} ${clock(one.at)} (${error}, ${link})`;
  };
  const order = unknown ? "; which was first is not known" : "";
  const ended = item.ended ? " · taken back since" : "";
  made.append(element("span", `${number} · ${text(first)}, then ${text(again)}${order} · ${item.event}/${list}${ended}`, "muted"));
  return made;
}

/** @param {any} state */
function show(state) {
  byId("events").replaceChildren(...state.events.map((event) => eventCard(event, state.now)));
  if (!state.events.length) byId("events").append(element("p", "No event yet: gate central event create", "card"));
  fill("devices", state.devices.map((device) => deviceRow(device, state.now)), 7, "No device yet: gate central device add");
  fill("checkins", state.checkins.map(checkinRow), 7, "Nothing has been pushed yet.");
  const incidents = state.incidents.map(incidentItem);
  byId("incidents").replaceChildren(...(incidents.length ? incidents : [element("li", "None.", "muted")]));
}

async function ask() {
  try {
    const answer = await fetch("/live/state.json", { cache: "no-store", signal: AbortSignal.timeout(EVERY_MS * 2) });
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
    answeredAt = Date.now();
  } catch (error) {
    console.warn("no state", error);
  }
  setTimeout(ask, EVERY_MS);
}

function tick() {
  byId("clock").textContent = clock(Date.now());
  const age = Date.now() - answeredAt;
  const lost = age > LOST_MS;
  document.body.classList.toggle("stale", lost);
  const chip = byId("age");
  chip.className = lost ? "chip bad" : "chip ok";
  const text = lost ? (answeredAt ? `No answer for ${span(age / 1000)}` : "No answer") : "Live";
  if (chip.textContent !== text) chip.textContent = text;
}

answeredAt = Date.now();
ask();
setInterval(tick, 1000);
