"""Photos with a known text: read rate, texts that differ from the reviewed truth, reads on photos without a code."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gate.scanner.decoder import on_white
from gate.scanner.frames import Picture, to_gray
from tests.bench.scanner_readers import Reader

_IMAGES = (".webp", ".png", ".jpg", ".jpeg")
DOUBLE = {
    # Two symbols, one in the other; the truth file names the inner one's text only.
    "qrcode-2/16.webp": "[外側QRコード]",
}
"""What a truth file leaves out, reviewed by eye."""


@dataclass
class Tally:
    read: int = 0
    binary: int = 0
    """Symbols named binary whose truth is no ASCII text: seen and not guessed."""
    other: list[str] = field(default_factory=list)
    """Texts that differ from the truth."""
    on_empty: list[str] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)


def photos(corpus: Path) -> Iterator[tuple[str, Picture, str | None]]:
    """Label, gray picture, and the true text; None = there is no QR code in it. Photos without a known answer are left out."""
    for path in sorted(p for p in corpus.rglob("*") if p.suffix.lower() in _IMAGES):
        blank = path.parent.name.startswith("falsepositives")
        truth_file = path.with_suffix(".txt")
        if not blank and not truth_file.exists():
            continue
        data = np.fromfile(path, np.uint8)
        # Two of the empty ones are one pixel high; OpenCV cannot open those, so no reader sees them.
        image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size > 64 else None
        gray = None if image is None else to_gray(on_white(np.asarray(image)))
        if gray is not None:
            truth = None if blank else truth_file.read_bytes().decode("utf-8", "replace")
            yield f"{path.parent.name}/{path.name}", gray, truth


def compare(corpus: Path, readers: tuple[Reader, ...]) -> dict[str, Any]:
    """Every reader over every photo, in the same run."""
    tallies = {reader.name: Tally() for reader in readers}
    count = empty = 0
    for label, gray, truth in photos(corpus):
        count, empty = count + (truth is not None), empty + (truth is None)
        for reader in readers:
            began = time.thread_time()
            texts, binary = reader.still(gray)
            tally = tallies[reader.name]
            tally.ms.append((time.thread_time() - began) * 1000)
            if truth is None:
                tally.on_empty += [label] if texts or binary else []
                continue
            tally.read += _judge(tally, label, truth, texts, binary)
    return {
        "photos": count,
        "empty": empty,
        "rows": {
            name: {
                "read": t.read,
                "rate": t.read / max(1, count),
                "named binary": t.binary,
                "differs": t.other,
                "reads on empty": t.on_empty,
                "ms median": float(np.median(t.ms)),
                "ms p95": float(np.percentile(t.ms, 95)),
            }
            for name, t in tallies.items()
        },
    }


def _judge(tally: Tally, label: str, truth: str, texts: list[str], binary: bool) -> bool:
    """A photo counts as read when the text is the truth, or when a content that is no UTF-8 text was named as such."""
    wanted = truth.rstrip("\r\n")
    if any(text.rstrip("\r\n") == wanted for text in texts):
        return True
    if binary and not wanted.isascii():
        tally.binary += 1
        return True
    if texts and not all(text.rstrip("\r\n") == DOUBLE.get(label) for text in texts):
        tally.other.append(label)
    return False
