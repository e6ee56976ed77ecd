"""Language files, colours and vendored files: complete, equal in kind, and as measured."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import Browser

from gate.kiosk import find_ui
from gate.model import Reason, TicketFlag, Verdict
from tests.kiosk.words import DETAILS, LANGUAGES, load

UI = find_ui()


def flat(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with its key; a word's lines count as one, for languages break them differently."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in {"em", "strip"}:
                yield from flat(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        yield path, " ".join(node)
    else:
        yield path, str(node)


def test_every_language_has_the_same_keys() -> None:
    keys = {lang: {key for key, _ in flat(load(lang))} for lang in LANGUAGES}
    for lang in LANGUAGES:
        assert keys[lang] == keys["en"], lang


def test_every_text_has_the_same_blanks_in_every_language() -> None:
    english = dict(flat(load("en")))
    for lang in LANGUAGES:
        for key, text in flat(load(lang)):
            assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", english[key])), (lang, key)


def test_no_text_is_empty_but_the_one_that_may_be() -> None:
    for lang in LANGUAGES:
        assert [key for key, text in flat(load(lang)) if not text.strip() and key != "straight"] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_verdict_has_a_word_with_its_width(lang: str) -> None:
    words = load(lang)["verdict"]
    assert {*Verdict, "GO_EXIT", "OUT_OF_ORDER_TO", "LOST"} == set(words)
    for name, word in words.items():
        assert 1 <= len(word["lines"]) <= 2, name
        assert 1 < word["em"] < 9, name


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_and_detail_says_why_and_what_to_do(lang: str) -> None:
    why = load(lang)["why"]
    keys = [str(reason) for reason in Reason]
    keys += [f"{reason}.{detail}" for reason, details in DETAILS.items() for detail in details]
    assert [key for key in keys if key not in why] == []
    # Two short sentences each: what is wrong, then what to do.
    for key in set(keys) - {"ok"}:
        text = why[key].replace("{ask}", load(lang)["ask"])
        assert len(re.findall(r"[.?!。？！]", text)) == 2 or key == "product.go_to", (key, text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_ticket_flag_has_an_attention_line(lang: str) -> None:
    attention = load(lang)["attention"]
    assert [flag.name for flag in TicketFlag if str(flag.name).lower() not in attention] == []


def test_reason_lines_are_short_enough_for_a_small_screen() -> None:
    for lang, most in (("en", 48), ("id", 50), ("zh-Hant", 24)):
        file = load(lang)
        for key, text in {**file["why"], **file["attention"]}.items():
            whole = text.replace("{ask}", file["ask"]).replace("{gate}", file["gate"].replace("{gate}", "B12"))
            assert len(whole) <= most, (lang, key, whole, len(whole))


WIDTHS = """([text, lang, font]) => {
  const span = document.createElement('span');
  span.textContent = text;
  span.lang = lang;
  Object.assign(span.style, { position: 'absolute', whiteSpace: 'nowrap', font: `800 200px ${font}`,
    letterSpacing: lang === 'zh-Hant' ? '0' : '-.02em', fontFeatureSettings: '"tnum", "ss03"' });
  document.body.append(span);
  const em = span.getBoundingClientRect().width / 200;
  span.remove();
  return em;
}"""


def installed(font: str) -> bool:
    try:
        return font in subprocess.run(["fc-list", font, "family"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return False


@pytest.mark.parametrize("font", ["Inter Display", "Liberation Sans"])
def test_widths_in_the_language_files_are_those_of_the_fonts(browser: Browser, font: str) -> None:
    if not installed(font):
        pytest.skip(f"the font {font} is not on this machine")
    page = browser.new_page()
    narrow = []
    for lang in LANGUAGES:
        for name, word in load(lang)["verdict"].items():
            for line in word["lines"]:
                wide = page.evaluate(WIDTHS, [line.replace("{gate}", "3"), lang, f'"{font}", "Noto Sans CJK TC"'])
                if wide > word["em"] + 0.005:
                    narrow.append((lang, name, line, round(wide, 2)))
    page.close()
    assert narrow == []


def tokens() -> dict[str, str]:
    light = (UI / "tokens.css").read_text(encoding="utf-8").split("[data-theme")[0]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]{6})\b", light))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(
    ("name", "at_least"),
    [
        ("go", 6.1),
        ("attention", 11.4),
        ("used", 7.79),
        ("stop", 7.79),
        ("staff", 7.39),
        ("wait", 13.1),
        ("out", 14.6),
        ("exit", 6.7),
        ("lost", 13.8),
    ],
)
def test_each_verdict_has_its_contrast(name: str, at_least: float) -> None:
    colours = tokens()
    assert contrast(colours[f"v-{name}-bg"], colours[f"v-{name}-on"]) >= at_least


def test_words_in_the_strip_stay_readable() -> None:
    """The strip is the field with 10 % black (light) or more (dark)."""
    colours = tokens()
    for name, black in {"go": 0.1, "attention": 0.1, "used": 0.24, "stop": 0.24, "staff": 0.24, "exit": 0.24}.items():
        field = colours[f"v-{name}-bg"]
        strip = "#" + "".join(f"{round(int(field[i : i + 2], 16) * (1 - black)):02x}" for i in (1, 3, 5))
        assert contrast(strip, colours[f"v-{name}-on"]) >= 5, name


def test_open_is_light_and_closed_is_dark_for_eyes_that_see_no_hue() -> None:
    colours = tokens()
    light = [luminance(colours[f"v-{name}-bg"]) for name in ("go", "attention")]
    dark = [luminance(colours[f"v-{name}-bg"]) for name in ("used", "stop", "staff", "wait")]
    assert min(light) > max(dark)
    assert contrast(colours["v-go-bg"], colours["v-stop-bg"]) >= 2.2
    assert contrast(colours["v-go-bg"], colours["v-exit-bg"]) >= 1.9


def test_neutral_texts_are_readable() -> None:
    colours = tokens()
    for text, field in (
        ("ink", "paper"),
        ("ink-2", "paper"),
        ("ink-2", "surface"),
        ("warn", "warn-soft"),
        ("bad", "bad-soft"),
    ):
        assert contrast(colours[text], colours[field]) >= 4.5, (text, field)
    assert contrast(colours["training"], colours["training-on"]) >= 4.5


def test_colours_stand_in_the_tokens_only() -> None:
    allowed = {
        "#fff",
        "#11181c",
        "#c9cfd1",
        "#1a2125",
        "#00e5a8",
        "#eef2f2",
        "#b6c1c7",
        "#000",
    }  # pictures, not the interface
    for file in UI.glob("pages/*/*.css"):
        used = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", file.read_text(encoding="utf-8")))
        assert used <= allowed, file.name


def test_vendored_files_are_those_of_the_recipe() -> None:
    readme = (UI / "vendor" / "README.md").read_text(encoding="utf-8")
    files = sorted([*UI.glob("vendor/*.js"), *UI.glob("vendor/*.wasm")])
    assert files
    for file in files:
        assert hashlib.sha256(file.read_bytes()).hexdigest() in readme, file.name
    assert "BSD 3-Clause" in (UI / "vendor" / "lit.LICENSE").read_text(encoding="utf-8")


def test_pages_have_no_inline_script_or_style_and_name_no_other_host() -> None:
    for file in UI.glob("pages/*/index.html"):
        text = file.read_text(encoding="utf-8")
        assert "style=" not in text
        assert "<style" not in text
        assert re.findall(r"<script(?![^>]*\bsrc=)", text) == []
    for file in (*UI.glob("pages/**/*.*"), *UI.glob("components/*"), *UI.glob("sounds/*")):
        assert "http://" not in file.read_text(encoding="utf-8").replace("http://www.w3.org", ""), file.name
        assert "https://" not in file.read_text(encoding="utf-8"), file.name


def test_all_that_a_screen_loads_is_small() -> None:
    wanted = {".html", ".js", ".css", ".json", ".svg"}
    files = [file for file in UI.rglob("*") if file.suffix in wanted and file.name != "zxing.js"]
    assert sum(file.stat().st_size for file in files) < 300_000


def test_silhouettes_of_verdicts_differ() -> None:
    text = (UI / "components" / "icons.js").read_text(encoding="utf-8").split("const ICONS")[0]
    marks = dict(re.findall(r"^  (\w+): svg`(.*)`,$", text, re.MULTILINE))
    assert set(marks) == {str(verdict).lower() for verdict in Verdict} | {"lost"}
    assert all(a != b for a, b in combinations(marks.values(), 2))


def test_every_word_that_a_page_asks_for_is_there() -> None:
    words = {"say", "map"} | {part for path, _ in flat(load("en")) for part in path.split(".")}
    asked = {
        (path.name, key)
        for path in UI.rglob("*.js")
        if "vendor" not in path.parts
        for key in re.findall(r"\bsay\.([a-z_]+)", path.read_text(encoding="utf-8"))
    }
    assert ("byname.js", "name_why") in asked
    assert sorted((name, key) for name, key in asked if key not in words) == []
