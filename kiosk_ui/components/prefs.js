// What this browser remembers for its user: hand, look, language, staff ids. Nothing about tickets or people at the gate.

const NAME = "gate-prefs";
const DEFAULTS = { hand: "right", theme: "", lang: "", last: "" };

/** Preferences, defaults where there are none (or no storage at all). */
export function prefs() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(NAME) ?? "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

export function setPref(name, value) {
  const all = { ...prefs(), [name]: value };
  try {
    localStorage.setItem(NAME, JSON.stringify(all));
  } catch {
    // A private window: it holds until the page is closed.
  }
  applyPrefs(all);
  return all;
}

/** Puts hand, look and language on the document. Address parameters (`?theme=dark&lang=id&hand=left`) outrank. */
export function applyPrefs(all = prefs()) {
  const wanted = new URLSearchParams(location.search);
  const root = document.documentElement;
  const theme = wanted.get("theme") || all.theme;
  if (theme) root.dataset.theme = theme;
  else if (matchMedia("(prefers-color-scheme: dark)").matches) root.dataset.theme = "dark";
  else delete root.dataset.theme;
  root.dataset.hand = (wanted.get("hand") || all.hand) === "left" ? "left" : "right";
  return { ...all, lang: wanted.get("lang") || all.lang };
}
