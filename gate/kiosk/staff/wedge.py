"""Doctor of keyboard readers: what a scanned line shows of prefix, suffix, AIM id, caps lock and keyboard layout. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_AIM = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
_GT1 = re.compile(r"G[TR]1:")
_TERMINATORS = {"Enter": "enter", "Tab": "tab", "NumpadEnter": "enter"}


def judge_wedge(text: str, keys: Sequence[str]) -> dict[str, Any]:
    """`{"findings": [word...], "suffix", "length"}`; words are keys of the language files, `fine` alone when all is well."""
    findings = []
    suffix = next((_TERMINATORS[key] for key in reversed(keys[-2:]) if key in _TERMINATORS), "none")
    if suffix == "none":
        findings.append("no_suffix")
    if _AIM.match(text):
        findings.append("aim")
    body = _AIM.sub("", text)
    at = _GT1.search(body)
    if at is None and _GT1.search(body.swapcase()):
        findings.append("caps")
    elif at is None and re.search(r"G[TR]1[^A-Z0-9]", body):
        findings.append("layout")
    elif at is not None and at.start() > 0:
        findings.append("prefix")
    elif at is None:
        findings.append("no_ticket")
    if any(ord(sign) < 32 for sign in body):
        findings.append("controls")
    if "\ufffd" in body or any(ord(sign) > 126 for sign in body):
        findings.append("layout")
    return {"findings": sorted(set(findings)) or ["fine"], "suffix": suffix, "length": len(text)}
