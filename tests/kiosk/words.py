"""Reads the language files as the tests need them."""

from __future__ import annotations

import json
from typing import Any

from gate.kiosk import find_ui
from gate.model import Reason

LANGUAGES = ("en", "id", "zh-Hant")

DETAILS: dict[Reason, tuple[str, ...]] = {
    Reason.INVALID: ("foreign",),
    Reason.INVALID_TIME: ("not_yet", "expired"),
    Reason.PRODUCT: ("gate", "zone", "list"),
    Reason.ALREADY_REDEEMED: ("total", "day", "passback"),
}
"""The details that people are told apart on the screen."""


def load(lang: str) -> dict[str, Any]:
    text = (find_ui() / "i18n" / f"{lang}.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def reason_details() -> list[tuple[Reason, str]]:
    """Every reason that refuses, bare and with each detail."""
    shown = [reason for reason in Reason if reason not in {Reason.OK, Reason.OVERRIDE}]
    return [(reason, detail) for reason in shown for detail in ("", *DETAILS.get(reason, ()))]
