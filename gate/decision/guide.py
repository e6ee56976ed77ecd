"""The answers of the gate as a document: reason, when, position of its rule, verdict, what staff should do.

`python -m gate.decision.guide docs/decisions.md` writes it; tests hold the file, this table and the rules together.
Handhelds take their advice for staff from `advice`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gate.decision.decide import EXIT_WORDS, PASSBACK_SOFT, RULES
from gate.decision.reasons import verdict_of
from gate.decision.staff import LANGUAGES
from gate.model import Decision, Direction, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """`rule`: name of the rule that gives it; empty where no rule does."""

    rule: str
    reason: Reason
    detail: str = ""

    @property
    def key(self) -> str:
        return f"{self.reason}.{self.detail}" if self.detail else str(self.reason)

    @property
    def admits(self) -> bool:
        return self.reason in (Reason.OK, Reason.OVERRIDE)

    def verdict(self, direction: Direction) -> Verdict | None:
        """None: not an answer of this direction."""
        names = [rule.__name__ for rule in RULES[direction]]
        if direction is Direction.EXIT and self.rule in [rule.__name__ for rule in EXIT_WORDS]:
            return verdict_of(Decision(admit=True, reason=self.reason), direction)
        if self.rule and self.rule not in names:
            return None
        if self.detail == PASSBACK_SOFT and direction is Direction.EXIT:
            return None
        return verdict_of(
            Decision(admit=self.admits, reason=self.reason, attention=self.detail == PASSBACK_SOFT), direction
        )


R = Reason
ANSWERS: tuple[Answer, ...] = (
    Answer("out_of_service", R.OUT_OF_SERVICE),
    Answer("lane_busy", R.LANE_BUSY),
    Answer("authentic", R.INVALID),
    Answer("authentic", R.INVALID, "case"),
    Answer("authentic", R.INVALID, "foreign"),
    Answer("authentic", R.INVALID_SIGNATURE),
    Answer("authentic", R.UNKNOWN_KEY),
    Answer("authentic", R.UNKNOWN_KEY, "key_revoked"),
    Answer("authentic", R.UNKNOWN_KEY, "key_expired"),
    Answer("authentic", R.WRONG_EVENT),
    Answer("known", R.INVALID, "unknown"),
    Answer("ambiguous", R.AMBIGUOUS, "events"),
    Answer("ambiguous", R.AMBIGUOUS, "number"),
    Answer("ambiguous", R.AMBIGUOUS, "addon"),
    Answer("revoked", R.REVOKED),
    Answer("canceled", R.CANCELED),
    Answer("blocked", R.BLOCKED),
    Answer("blocked", R.BLOCKED, "state"),
    Answer("unapproved", R.UNAPPROVED),
    Answer("window", R.INVALID_TIME, "not_yet"),
    Answer("window", R.INVALID_TIME, "expired"),
    Answer("product", R.PRODUCT, "addon"),
    Answer("product", R.PRODUCT, "gate"),
    Answer("product", R.PRODUCT, "zone"),
    Answer("unpaid", R.UNPAID),
    Answer("code_required", R.CODE_REQUIRED),
    Answer("code_expired", R.CODE_EXPIRED, "missing"),
    Answer("code_expired", R.CODE_EXPIRED, "old"),
    Answer("code_expired", R.CODE_EXPIRED, "early"),
    Answer("code_expired", R.CODE_EXPIRED, "replayed"),
    Answer("clock_untrusted", R.CLOCK_UNTRUSTED),
    Answer("test_flag", R.RULES, "test"),
    Answer("rules", R.RULES, "unevaluable"),
    Answer("rules", R.RULES, "false"),
    Answer("incomplete", R.INCOMPLETE),
    Answer("stale_data", R.STALE_DATA),
    Answer("checkout_required", R.CHECKOUT_REQUIRED),
    Answer("already_redeemed", R.ALREADY_REDEEMED, "total"),
    Answer("already_redeemed", R.ALREADY_REDEEMED, "day"),
    Answer("already_redeemed", R.ALREADY_REDEEMED, "passback"),
    Answer("capacity", R.CAPACITY),
    Answer("no_entry", R.NO_ENTRY),
    Answer("", R.OK),
    Answer("", R.OK, PASSBACK_SOFT),
    Answer("", R.ERROR),
    Answer("", R.ANNULLED),
    Answer("", R.OVERRIDE),
)
"""Every answer, in the order in which the rules are asked."""

_SAME_ADVICE = {"unknown_key.key_not_yet": "unknown_key.key_expired", "ambiguous": "ambiguous.events"}


def advice(reason: str, detail: str, language: str) -> tuple[str, str]:
    """When this answer is given, and what staff should do. An unknown detail has the advice of its reason."""
    texts = LANGUAGES.get(language, LANGUAGES["en"])
    key = f"{reason}.{detail}" if detail else reason
    if detail.startswith("foreign"):
        key = "invalid.foreign"
    key = _SAME_ADVICE.get(key, key)
    if key not in texts:
        key = next((name for name in texts if name.split(".")[0] == reason), "error")
    return texts[key]


# ---- the document

_HEAD = Path(__file__).with_name("guide.md")
_TITLES: Mapping[str, tuple[str, ...]] = {
    "en": ("English", "#", "answer", "rule", "entry", "exit", "when", "what staff should do", "what the guest reads"),
    "id": ("Bahasa Indonesia", "#", "jawaban", "aturan", "masuk", "keluar", "kapan", "yang dilakukan petugas",
           "yang dibaca tamu"),
    "zh-Hant": ("正體中文", "#", "結果", "規則", "入口", "出口", "何時", "工作人員應做的事", "來賓看到的文字"),
}  # fmt: skip


def guest_line(answer: Answer, words: Mapping[str, str]) -> str:
    """The line under the verdict, from the language file's `why`."""
    line = words.get(answer.key, words[str(answer.reason)])
    return line.replace("{ask}", "…").strip()


def position(answer: Answer) -> str:
    """`7` = seventh rule of the entry; `w8` = eighth word of the exit; empty where no rule gives it."""
    for number, rule in enumerate(RULES[Direction.ENTRY], 1):
        if rule.__name__ == answer.rule:
            return str(number)
    for number, rule in enumerate(EXIT_WORDS, 1):
        if rule.__name__ == answer.rule:
            return f"w{number}"
    return ""


def render(words: Mapping[str, Mapping[str, str]]) -> str:
    """The whole document.

    Args:
        words: by language, the `why` of the language file that the guest's screen uses.
    """
    return "\n".join([_HEAD.read_text(encoding="utf-8").rstrip(), *_orders(), *_tables(words)]) + "\n"


def _orders() -> Iterator[str]:
    for direction in Direction:
        names = " → ".join(f"`{rule.__name__}`" for rule in RULES[direction])
        yield f"\nAt the {direction}, in this order: {names}."
    names = " → ".join(f"`{rule.__name__}`" for rule in EXIT_WORDS)
    yield f"\nAn exit that opens carries the first of these words that holds: {names}; else `ok`."


def _tables(words: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for language, (name, *columns) in _TITLES.items():
        yield f"\n## {name}\n"
        yield f"| {' | '.join(columns)} |"
        yield "|" + " --- |" * len(columns)
        for answer in ANSWERS:
            when, do = advice(str(answer.reason), answer.detail, language)
            verdicts = (answer.verdict(direction) for direction in Direction)
            cells = (
                position(answer),
                f"`{answer.key}`",
                f"`{answer.rule}`" if answer.rule else "",
                *(verdict.value if verdict else "" for verdict in verdicts),
                when,
                do,
                guest_line(answer, words[language]),
            )
            yield f"| {' | '.join(cells)} |"


def guest_words() -> dict[str, dict[str, str]]:
    """`why` of each language file."""
    folder = Path(__file__).resolve().parents[2] / "kiosk_ui" / "i18n"
    return {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["why"] for name in _TITLES}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(guest_words()), encoding="utf-8")
