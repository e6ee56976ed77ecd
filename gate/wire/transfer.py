"""File transfer (contracts 5): names on a stick, and the sealed box in which a gate's rows travel outward."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gate.errors import FormatError
from gate.model import ID_PATTERN
from gate.wire import cbor
from gate.wire.journal import DEVICE_STREAM, DEVICE_STREAM_PATH
from gate.wire.secrets import seal, unseal

FOLDER = "gate-transfer"
INWARD = re.compile(
    rf"trust\.cbor|manifests/[0-9a-f]{{64}}\.sqlite\.zst|objects/[0-9a-f]{{64}}\.cbor"
    rf"|{ID_PATTERN}/descriptor\.cbor|{ID_PATTERN}/changes/[0-9A-Za-z-]{{1,40}}\.cbor"
    rf"|{ID_PATTERN}/secrets-{ID_PATTERN}\.cbor"
)
OUTWARD = re.compile(
    rf"(?P<event>{ID_PATTERN}|-)/journal-(?P<gate>{ID_PATTERN})-(?P<epoch>[0-9a-f]{{16}})"
    r"-(?P<first>[1-9][0-9]{0,17})-(?P<last>[1-9][0-9]{0,17})\.cbor\.box"
)
FILES_MAX = 10_000
"""Looked at on one stick: a million tickets changed are 200 pages."""
BOX_ROWS = 5000
"""Rows of one box: some 2 MB."""
BOX_BYTES_MAX = 16 * 1024 * 1024
"""A longest row is some 3 KB."""
_AAD = b"gate/transfer/v1"


@dataclass(frozen=True, slots=True, order=True)
class BoxName:
    """Where the rows of a box belong. `event` "" = the device's own stream; `epoch` 16 hex."""

    event: str
    gate: str
    epoch: str
    first: int
    last: int

    @property
    def path(self) -> str:
        folder = DEVICE_STREAM_PATH if self.event == DEVICE_STREAM else self.event
        return f"{folder}/journal-{self.gate}-{self.epoch}-{self.first}-{self.last}.cbor.box"


def box_name(path: str) -> BoxName | None:
    """Of a path below `FOLDER`; None for every other one."""
    found = OUTWARD.fullmatch(path)
    if found is None:
        return None
    event = DEVICE_STREAM if found["event"] == DEVICE_STREAM_PATH else found["event"]
    return BoxName(event, found["gate"], found["epoch"], int(found["first"]), int(found["last"]))


def pack_box(rows: Sequence[tuple[bytes, bytes]], head: bytes | None, recipient: bytes) -> bytes:
    """(body, hash) of rows in order, and the newest signed head, sealed for a server's `seal` key."""
    content = [[{"body": body, "hash": digest} for body, digest in rows], [] if head is None else [head]]
    return seal(cbor.dumps(content), recipient, _AAD, X25519PrivateKey.generate())


def open_box(data: bytes, private: X25519PrivateKey) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """Rows and heads. Raises: FormatError: it is for another server, was changed, or holds something else."""
    content = cbor.loads(unseal(data, private, _AAD), max_depth=4)
    if not (isinstance(content, list) and len(content) == 2 and all(isinstance(part, list) for part in content)):
        raise FormatError("a box holds rows and heads")
    rows, heads = content
    if len(rows) > BOX_ROWS or len(heads) > 64 or not all(isinstance(head, bytes) for head in heads):
        raise FormatError(f"a box holds at most {BOX_ROWS} rows, and heads")
    found = []
    for item in rows:
        row = cbor.Fields(item, "row")
        found.append((row.octets("body"), row.octets("hash", 32)))
    return found, heads
