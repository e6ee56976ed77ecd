"""Draws the wiring sheet, `docs/img/wiring.svg`, from one table: `python -m tests.prove.sheet`. A test compares the file."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

SHEET = Path(__file__).parent.parent.parent / "docs/img/wiring.svg"

LEFT = (
    (2, "5 V", "relay board VCC", "power"),
    (11, "GPIO 17", "relay 1: lane.entry.relay_pin", "relay"),
    (13, "GPIO 27", "relay 2: lane.exit.relay_pin", "relay"),
    (29, "GPIO 5", "lamp red, by a driver", "out"),
    (31, "GPIO 6", "lamp green, by a driver", "out"),
    (33, "GPIO 13", "lamp blue, by a driver", "out"),
    (32, "GPIO 12", "buzzer, by a driver", "out"),
    (37, "GPIO 26", "heartbeat: charge-pump relay", "relay"),
)
RIGHT = (
    (6, "GND", "relay board GND", "power"),
    (16, "GPIO 23", "passage entry, or pass A", "no"),
    (18, "GPIO 24", "passage exit, or pass B", "no"),
    (22, "GPIO 25", "fire panel", "nc"),
    (24, "GPIO 8", "cabinet", "nc"),
    (26, "GPIO 7", "request to exit", "no"),
    (36, "GPIO 16", "staff button", "no"),
    (34, "GND", "common of all contacts", "power"),
)
"""(pin of the header, its name, what hangs on it, kind); contacts are drawn open (no) or closed (nc), at rest."""
_TOP, _PITCH, _BOARD = 96, 46, (380, 620)
_COLOUR = {"power": "#b3261e", "relay": "#0b57d0", "out": "#146c2e", "no": "#5f6368", "nc": "#5f6368"}


def draw() -> str:
    rows = max(len(LEFT), len(RIGHT))
    height = _TOP + rows * _PITCH + 310
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 {height}" role="img"'
            ' font-family="Inter, Arial, sans-serif" font-size="15" fill="#1b1b1f">'
        ),
        "<title>Wiring sheet of a gate: relays, lamp, buzzer and contacts at a Raspberry Pi's header</title>",
        f'<rect width="1000" height="{height}" fill="#fff"/>',
        '<text x="500" y="34" font-size="22" font-weight="600" text-anchor="middle">Gate: wiring sheet</text>',
        (
            '<text x="500" y="58" text-anchor="middle">BCM names, numbers of the 40-pin header; the pins of the sample'
            " configuration</text>"
        ),
        (
            f'<rect x="{_BOARD[0]}" y="{_TOP - 26}" width="{_BOARD[1] - _BOARD[0]}" height="{rows * _PITCH + 10}" rx="10"'
            ' fill="#eef3ee" stroke="#1b1b1f"/>'
        ),
    ]
    for number, (pin, name, what, kind) in enumerate(LEFT):
        y = _TOP + number * _PITCH
        lines.append(f'<path d="M330 {y}H{_BOARD[0]}" stroke="{_COLOUR[kind]}" stroke-width="3"/>')
        lines.append(f'<text x="322" y="{y + 5}" text-anchor="end">{escape(what)}</text>')
        lines.append(f'<text x="{_BOARD[0] + 8}" y="{y + 5}">{pin}  {name}</text>')
    for number, (pin, name, what, kind) in enumerate(RIGHT):
        y = _TOP + number * _PITCH
        x = _BOARD[1]
        lines.append(f'<text x="{x - 8}" y="{y + 5}" text-anchor="end">{name}  {pin}</text>')
        if kind in ("no", "nc"):
            lever = f"M{x + 50} {y}L{x + 88} {y - (14 if kind == 'no' else 3)}"
            lines.append(f'<path d="M{x} {y}H{x + 50}M{x + 90} {y}H970" stroke="{_COLOUR[kind]}" stroke-width="3"/>')
            lines.append(f'<path d="{lever}" stroke="#1b1b1f" stroke-width="3"/>')
            lines.append(f'<circle cx="{x + 50}" cy="{y}" r="4"/><circle cx="{x + 90}" cy="{y}" r="4"/>')
            lines.append(
                f'<text x="{x + 104}" y="{y - 8}">{escape(what)} ({"opens" if kind == "nc" else "closes"})</text>'
            )
        else:
            lines.append(f'<path d="M{x} {y}H970" stroke="{_COLOUR[kind]}" stroke-width="3"/>')
            lines.append(f'<text x="{x + 104}" y="{y - 8}">{escape(what)}</text>')
    bottom = _TOP + (rows - 1) * _PITCH
    lines.append(f'<path d="M970 {_TOP + _PITCH}V{bottom}" stroke="#5f6368" stroke-width="3"/>')
    lines += _release(bottom + 60)
    lines.append("</svg>")
    return "\n".join(lines) + "\n"


def _box(x: int, y: int, width: int, *texts: str, colour: str = "#fff") -> list[str]:
    height = 24 * len(texts) + 16
    box = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{colour}" stroke="#1b1b1f"/>'
    return [box, *(f'<text x="{x + 12}" y="{y + 26 + 24 * n}">{escape(text)}</text>' for n, text in enumerate(texts))]


def _release(y: int) -> list[str]:
    """What stands in series with a lock: for each kind, what can end an opening, or make one, without software."""
    strike, magnet = y + 24, y + 112
    notes = (
        (
            "10 kΩ from each relay input to its rest level: ground for active-high, 3.3 V for active-low. Nothing above 3.3 V"
            " on any pin."
        ),
        "Lines over 3 m: twisted pair, shield on one side, 100 nF at the Pi. A handle inside always opens without power.",
    )
    return [
        f'<text x="40" y="{y}" font-size="18" font-weight="600">The lock\'s own supply</text>',
        f'<path d="M170 {strike + 32}H830M170 {magnet + 32}H830" stroke="#b3261e" stroke-width="3"/>',
        *_box(40, strike, 150, "lock supply,", "12 or 24 V", colour="#fdeceb"),
        *_box(250, strike, 170, "heartbeat relay NO,", "drops in a second", colour="#e8f0fe"),
        *_box(500, strike, 150, "relay 1 COM-NO", "", colour="#e8f0fe"),
        *_box(730, strike, 240, "electric strike with its diode,", "or a turnstile's release input"),
        *_box(40, magnet, 150, "lock supply,", "12 or 24 V", colour="#fdeceb"),
        *_box(250, magnet, 170, "fire panel NC,", "cuts it directly", colour="#fdeceb"),
        *_box(500, magnet, 150, "relay 1 COM-NC", "", colour="#e8f0fe"),
        *_box(730, magnet, 240, "magnet with its diode:", "without current it is open"),
        *(f'<text x="40" y="{y + 206 + 24 * n}">{escape(note)}</text>' for n, note in enumerate(notes)),
    ]


if __name__ == "__main__":
    SHEET.write_text(draw(), encoding="utf-8")
