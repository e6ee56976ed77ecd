// Words: loads the language files and fills in their blanks. The files are i18n/<language>.json, one per language.
// Not here: which word a verdict takes (screen.js).

/** Languages the package speaks; the first is the last resort. */
export const LANGUAGES = ["en", "id", "zh-Hant"];

const files = await Promise.all(
  LANGUAGES.map(async (lang) => {
    const answer = await fetch(new URL(`../i18n/${lang}.json`, import.meta.url));
    if (!answer.ok) throw new Error(`words of ${lang}: ${answer.status}`);
    return answer.json();
  }),
);
const words = new Map(files.map((file) => [file.lang, file]));

/** The language file for `lang`, English when there is none. */
export function wordsFor(lang) {
  return words.get(lang) ?? words.get(LANGUAGES[0]);
}

/** `known("id")`: whether the package speaks a language. */
export function known(lang) {
  return words.has(lang);
}

/** `text` with each `{name}` replaced from `values`; a blank without a value is left out. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_whole, name) => String(values[name] ?? ""));
}

/** One of several languages of a server-given text: the wanted one, else English, else any. */
export function pick(texts, lang) {
  if (!texts || typeof texts !== "object") return "";
  return plain(texts[lang] ?? texts.en ?? Object.values(texts)[0] ?? "");
}

const CONTROLS = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}]+/gu; // bidi overrides and terminal escapes among them
const MARKS = /(\p{M}{3})\p{M}+/gu; // towers of combining marks
const SPACES = /\s+/gu;

/** Server-given text made safe for one line of a layout: no controls, no towers of marks, at most `max` characters. */
export function plain(value, max = 60) {
  if (typeof value !== "string" && typeof value !== "number") return "";
  const text = String(value).slice(0, max * 8).replace(SPACES, " ").replace(CONTROLS, "").replace(MARKS, "$1").trim();
  const signs = Array.from(text);
  return signs.length > max ? `${signs.slice(0, max - 1).join("")}…` : text;
}

/** An age in whole seconds as people say it. */
export function age(seconds, file) {
  const say = (key, n) => fill(file.status[key], { n: Math.floor(n) });
  if (seconds < 90) return say("seconds", seconds);
  if (seconds < 5400) return say("minutes", seconds / 60);
  if (seconds < 172800) return say("hours", seconds / 3600);
  return say("days", seconds / 86400);
}

/** `14:03` in a language's own writing (`14.03` in Indonesian). */
export function clock(time, file) {
  return plain(time, 8).replaceAll(":", file.time_separator);
}

/** `14:03:09` of Unix ms in the event's time zone: the phone may be set to another one. */
export function clockAt(at, zone, file) {
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  try {
    return clock(new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone || undefined }).format(at), file);
  } catch {
    return "";
  }
}
