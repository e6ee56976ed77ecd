"""The policy object (contracts 2): what the organiser decided, signed, content-addressed."""

from __future__ import annotations

import re
from typing import Any

from gate.errors import FormatError
from gate.model import Area, CheckinList, EventId, GateDef, GateId, ListId, Policy, Product
from gate.wire import cbor

MAX_BYTES = 1024 * 1024
_SHORT = re.compile(r"[A-Z][A-Z0-9]{0,2}")
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, and what turns the direction of the text after it: names end up on screens, in logs and in terminals."""
_LINES = ("rules", "text")
"""Fields that may have several lines: JSON, and words to staff about a product."""


def encode_policy(raw: dict[str, Any]) -> bytes:
    """Payload of a policy given as the map of contracts 2; it must read back.

    Raises:
        FormatError: a field is wrong.
    """
    payload = cbor.dumps(raw)
    parse_policy(payload)
    return payload


def parse_policy(payload: bytes) -> Policy:
    """Raises: FormatError."""
    raw = cbor.loads(payload, max_depth=8)
    fields = cbor.Fields(raw, "policy")
    fields.version()
    _check_texts(raw, "policy", lines=False)
    products = [_product(item) for item in fields.maps("products")]
    lists = [_list(item) for item in fields.maps("lists")]
    gates = [_gate(item) for item in fields.maps("gates")]
    areas = [_area(item) for item in fields.maps("areas")] if fields.raw("areas") is not None else []
    for what, names in (
        ("product", [item.n for item in products]),
        ("list", [item.id for item in lists]),
        ("gate", [item.id for item in gates]),
        ("area", [item.id for item in areas]),
    ):
        if len(set(names)) != len(names):
            raise FormatError(f"the policy has a {what} twice")
    known = {item.id for item in lists}
    for gate in gates:
        for name in gate.lists:
            if name not in known:
                raise FormatError(f"gate {gate.id} uses the list {name}, which the policy does not have")
    return Policy(
        event=EventId(fields.ident("event")),
        name=fields.texts("name"),
        tz=fields.text("tz", 64),
        day_start=fields.integer("day_start", 0, 24 * 60 - 1),
        products={item.n: item for item in products},
        lists={item.id: item for item in lists},
        gates={item.id: item for item in gates},
        areas={item.id: item for item in areas},
        annul_max=fields.integer("annul_max", 0, 100),
        raw=dict(raw),
    )


def _check_texts(value: Any, where: str, *, lines: bool) -> None:
    """Raises: FormatError, with the place and the character."""
    if isinstance(value, str):
        odd = _ODD.search(value.translate({9: None, 10: None, 13: None}) if lines else value)
        if odd is not None:
            raise FormatError(f"{where} has the character U+{ord(odd[0]):04X}, which no name or text may have")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_texts(key, f"a key in {where}", lines=False)
            _check_texts(item, f"{where}.{key}", lines=lines or key in _LINES)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_texts(item, f"{where}[{index}]", lines=lines)


def _product(fields: cbor.Fields) -> Product:
    passback = fields.raw("passback")
    if not (passback in ("off", "soft", "hard") or (type(passback) is int and passback > 0)):
        raise FormatError("passback is off, soft, hard or minutes")
    return Product(
        n=fields.integer("n", 0, 0xFFFF),
        name=fields.texts("name"),
        kind=fields.text("kind", 40),
        flags=fields.integer("flags", 0, 255),
        max_day=fields.integer("max_day"),
        max_total=fields.integer("max_total"),
        reentry=fields.one_of("reentry", ("none", "after_exit", "free")),
        passback=passback,
        claim=fields.flag("claim", default=False),
        text=fields.texts("text"),
    )


def _list(fields: cbor.Fields) -> CheckinList:
    products = fields.raw("products")
    if products is not None:
        products = tuple(fields.integers("products", 0, 0xFFFF))
    return CheckinList(
        id=ListId(fields.ident("id")),
        products=products,
        zones=fields.integer("zones", 0, 0xFFFF),
        include_unpaid=fields.flag("include_unpaid", default=False),
        multiple=fields.flag("multiple", default=False),
        reentry=fields.flag("reentry", default=False),
        addon_of=fields.maybe_text("addon_of"),
        rules=fields.maybe_text("rules"),
        opens=fields.maybe_integer("opens"),
        closes=fields.maybe_integer("closes"),
    )


def _gate(fields: cbor.Fields) -> GateDef:
    short = fields.text("short", 3)
    if not _SHORT.fullmatch(short):  # it begins case numbers, whose check character knows these signs only
        raise FormatError(f"a gate's short name is one to three of A-Z and 0-9, a letter first, not {short!r}")
    return GateDef(
        id=GateId(fields.ident("id")),
        short=short,
        name=fields.texts("name"),
        zones=fields.integer("zones", 0, 0xFFFF),
        lists=tuple(ListId(name) for name in fields.strings("lists")),
        direction=fields.one_of("direction", ("entry", "exit", "both")),
        area=fields.maybe_text("area"),
    )


def _area(fields: cbor.Fields) -> Area:
    return Area(id=fields.text("id", 40), name=fields.texts("name"), capacity=fields.integer("capacity", 0, 10_000_000))
