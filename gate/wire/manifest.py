"""The manifest descriptor, ticket rows of the change log and their hash chain (contracts 2)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from gate.errors import FormatError
from gate.model import EventId, TicketKey, TicketRow
from gate.wire import cbor

MAX_BYTES = 4 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRef:
    """The base file: SHA-256 and size raw and as zstd, number of rows, cursor of the change log that it holds."""

    sha256: bytes
    size: int
    zst_sha256: bytes
    zst_size: int
    rows: int
    cursor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """`issued`: Unix ms. `secrets`: version of the device secrets. `checkins`: cursor of the feed of check-ins."""

    event: EventId
    seq: int
    issued: int
    incarnation: bytes
    base: BaseRef
    cursor: int
    chain: bytes
    policy_sha256: bytes
    policy_size: int
    secrets: int
    checkins: int

    def payload(self) -> bytes:
        base = self.base
        return cbor.dumps(
            {
                "v": 1,
                "event": self.event,
                "seq": self.seq,
                "issued": self.issued,
                "incarnation": self.incarnation,
                "base": {
                    "sha256": base.sha256,
                    "size": base.size,
                    "zst_sha256": base.zst_sha256,
                    "zst_size": base.zst_size,
                    "rows": base.rows,
                    "cursor": base.cursor,
                },
                "cursor": self.cursor,
                "chain": self.chain,
                "policy": {"sha256": self.policy_sha256, "size": self.policy_size},
                "secrets": self.secrets,
                "checkins": self.checkins,
            }
        )


def parse_descriptor(payload: bytes) -> Descriptor:
    """Raises: FormatError."""
    fields = cbor.Fields(cbor.loads(payload), "descriptor")
    fields.version()
    base, policy = fields.inner("base"), fields.inner("policy")
    return Descriptor(
        event=EventId(fields.ident("event")),
        seq=fields.integer("seq", 1),
        issued=fields.integer("issued"),
        incarnation=fields.octets("incarnation", 8),
        base=BaseRef(
            sha256=base.octets("sha256", 32),
            size=base.integer("size"),
            zst_sha256=base.octets("zst_sha256", 32),
            zst_size=base.integer("zst_size"),
            rows=base.integer("rows"),
            cursor=base.integer("cursor"),
        ),
        cursor=fields.integer("cursor"),
        chain=fields.octets("chain", 32),
        policy_sha256=policy.octets("sha256", 32),
        policy_size=policy.integer("size", 0, 1024 * 1024),
        secrets=fields.integer("secrets"),
        checkins=fields.integer("checkins"),
    )


def next_seq(last: int, issued_s: int) -> int:
    """A server restored from an old backup does not fall behind what gates have seen."""
    return max(last + 1, issued_s)


def chain_start(incarnation: bytes, base_sha256: bytes, base_cursor: int) -> bytes:
    seed = b"gate/changes/v1" + incarnation + base_sha256 + base_cursor.to_bytes(8, "big")
    return hashlib.sha256(seed).digest()


def chain_next(chain: bytes, rows: Sequence[bytes]) -> bytes:
    for row in rows:
        chain = hashlib.sha256(chain + row).digest()
    return chain


def encode_change(cursor: int, row: TicketRow) -> bytes:
    return cbor.dumps(
        [
            cursor,
            bytes(row.key),
            row.product,
            row.zones,
            int(row.state),
            int(row.flags),
            row.uses,
            row.nbf,
            row.exp,
            row.parent,
            row.lang,
            row.note,
            row.ext,
        ]
    )


def parse_change(data: bytes) -> tuple[int, TicketRow]:
    """Raises: FormatError."""
    items = cbor.loads_flat(data)
    if len(items) != len(_CHANGE):
        raise FormatError("a change row has 13 items")
    cursor, key, product, zones, state, flags, uses, nbf, exp, parent, lang, note, ext = items
    # One look at a good row; what is wrong with a bad one, `_explain` says.
    if not (
        type(cursor) is type(product) is type(zones) is type(state) is type(flags) is type(uses) is int
        and type(key) is bytes
        and len(key) == 16
        and 0 <= cursor <= _INTEGER_MAX
        and 0 <= product <= 0xFFFF
        and 0 <= zones <= 0xFFFF
        and 0 <= state <= 255
        and 0 <= flags <= 255
        and 0 <= uses <= _INTEGER_MAX
        and (nbf is None or (type(nbf) is int and 0 <= nbf <= _INTEGER_MAX))
        and (exp is None or (type(exp) is int and 0 <= exp <= _INTEGER_MAX))
        and (parent is None or (type(parent) is bytes and len(parent) == 16))
        and (lang is None or (type(lang) is str and len(lang) <= _TEXT_MAX))
        and (note is None or type(note) is bytes)
        and (ext is None or (type(ext) is str and len(ext) <= _TEXT_MAX))
    ):
        _explain(items)
    return cursor, TicketRow(
        key=TicketKey(key), product=product, zones=zones, state=state, flags=flags, uses=uses, nbf=nbf, exp=exp,
        parent=parent, lang=lang, note=note, ext=ext,
    )  # fmt: skip


_CHANGE = (
    "cursor", "key", "product", "zones", "state", "flags", "uses", "nbf", "exp", "parent", "lang", "note", "ext",
)  # fmt: skip
_INTEGER_MAX = 2**63 - 1
_TEXT_MAX = 2000


def _explain(items: list[Any]) -> NoReturn:
    fields = cbor.Fields(dict(zip(_CHANGE, items, strict=True)), "change")
    for name in ("cursor", "uses"):
        fields.integer(name)
    for name, most in (("product", 0xFFFF), ("zones", 0xFFFF), ("state", 255), ("flags", 255)):
        fields.integer(name, 0, most)
    for name in ("nbf", "exp"):
        fields.maybe_integer(name)
    fields.octets("key", 16)
    fields.maybe_octets("parent", 16)
    fields.maybe_octets("note")
    for name in ("lang", "ext"):
        fields.maybe_text(name)
    raise FormatError("a change row has an item of another type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the change log. `descriptor`: the signed object for the page's last row."""

    rows: tuple[bytes, ...]
    next: int
    more: bool
    descriptor: bytes

    def encode(self) -> bytes:
        return cbor.dumps(
            {"rows": list(self.rows), "next": self.next, "more": self.more, "descriptor": self.descriptor}
        )


def parse_page(data: bytes) -> Page:
    """Raises: FormatError."""
    fields = cbor.Fields(cbor.loads(data, max_depth=3), "page")
    rows: list[Any] = fields.items("rows")
    if not all(isinstance(row, bytes) for row in rows):
        raise FormatError("a page's rows are byte strings")
    return Page(
        rows=tuple(rows),
        next=fields.integer("next"),
        more=fields.flag("more"),
        descriptor=fields.octets("descriptor"),
    )
