"""Invented figures for the demo page's tests and pictures: a drawn camera picture, decisions, journal rows."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np
import segno

from tests.fakes.view import IDLE, FakeView, decision_of, state_of

SIZE = (640, 360)


def picture() -> tuple[bytes, list[list[float]]]:
    """A camera picture as JPEG with a code in it, and where its corners are."""
    width, height = SIZE
    rows = np.linspace(70, 30, height)[:, None] + np.linspace(0, 22, width)[None, :]
    frame = np.dstack([rows + 8, rows + 4, rows]).astype(np.uint8)
    modules = np.array([list(row) for row in segno.make("GATE PICTURE OF A TEST", error="m").matrix], np.uint8)
    code = np.where(np.kron(modules, np.ones((6, 6), np.uint8)), 20, 240).astype(np.uint8)
    code = cv2.copyMakeBorder(code, 24, 24, 24, 24, cv2.BORDER_CONSTANT, value=240)
    side = code.shape[0]
    target = np.array([[245, 70], [410, 92], [392, 262], [228, 236]], np.float32)
    source = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    move = cv2.getPerspectiveTransform(source, target)
    cv2.warpPerspective(
        cv2.cvtColor(code, cv2.COLOR_GRAY2BGR), move, SIZE, dst=frame, borderMode=cv2.BORDER_TRANSPARENT
    )
    inner = np.array([[[24, 24]], [[side - 24, 24]], [[side - 24, side - 24]], [[24, side - 24]]], np.float32)
    corners = cv2.perspectiveTransform(inner, move).reshape(4, 2)
    ok, jpeg = cv2.imencode(".jpg", frame)
    assert ok
    return jpeg.tobytes(), [[float(x), float(y)] for x, y in corners]


def preview() -> dict[str, Any]:
    jpeg, corners = picture()
    return {"t": "preview", "jpeg": base64.b64encode(jpeg).decode(), "corners": corners, "size": list(SIZE)}


PINS = {
    "relay": {"entry": True, "exit": False},
    "lamp": [False, True, False],
    "buzzer": True,
    "inputs": {"passage": False, "fire": False, "staff": False},
    "pulses": {"entry": 128, "exit": 4},
}

_CASES = [
    ("GO", "ok"),
    ("STOP_USED", "already_redeemed"),
    ("GO_ATTENTION", "ok"),
    ("STOP", "invalid_signature"),
    ("SEE_STAFF", "unpaid"),
    ("STOP", "wrong_event"),
    ("GO", "ok"),
    ("WAIT", "lane_busy"),
    ("STOP", "invalid_time"),
    ("STOP", "canceled"),
    ("GO", "ok"),
    ("STOP", "product"),
]


def fill(view: FakeView) -> None:
    """Give the fake lane a busy minute."""
    decisions = [decision_of(i, verdict, reason) for i, (verdict, reason) in enumerate(_CASES)]
    kinds = {"GO": "admitted", "GO_ATTENTION": "admitted"}
    journal = [
        {
            "event": "spring",
            "seq": 128 - i,
            "kind": kinds.get(verdict, "refused"),
            "reason": reason,
            "ticket_number": "ZDK4-SE1E-0" if reason != "invalid_signature" else None,
            "hash": f"{(i + 7) * 0x9E3779B97F4A7C15 % 2**64:016x}",
            "at": IDLE["now"] - i * 4_000,
        }
        for i, (verdict, reason) in enumerate(_CASES)
    ]
    stopped = {"event": "", "seq": 7, "kind": "mode", "reason": None, "ticket_number": None, "hash": "b2fe0d8f" * 8}
    journal.insert(2, stopped | {"at": IDLE["now"] - 6_000})
    view.current = state_of(None, demo=True)
    view.demo_data = {
        "pins": PINS,
        "decisions": decisions,
        "journal": journal,
        "sync": {"mode": "online", "queue": 2, "data_age_s": 12, "last_error": None},
        "input": {"input": "cam0", "source": "video", "fps": 29.8, "decode_ms": 6.4, "age_ms": 21, "dropped": 0},
    }
