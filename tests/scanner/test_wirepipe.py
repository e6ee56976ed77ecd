"""Records between child and lane survive any cutting of the stream, and nothing else passes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import FormatError
from gate.scanner.wirepipe import MAX_RECORD, Unpacker, pack

_messages = st.fixed_dictionaries(
    {"t": st.text(min_size=1, max_size=8)}, optional={"text": st.text(), "p": st.integers(0, 2**53)}
)


@given(st.lists(st.tuples(_messages, st.none() | st.binary(max_size=300)), max_size=6), st.integers(1, 50))
def test_records_come_out_as_they_went_in_however_the_stream_is_cut(
    records: list[tuple[dict[str, object], bytes | None]], step: int
) -> None:
    stream = b"".join(pack(message, jpeg) for message, jpeg in records)
    unpacker = Unpacker()
    out = [r for i in range(0, len(stream), step) for r in unpacker.feed(stream[i : i + step])]
    assert [(r.message, r.jpeg) for r in out] == records


def test_the_layout_is_length_type_body() -> None:
    assert pack({"t": "stop"}) == struct.pack(">I", 13) + b"\x01" + b'{"t":"stop"}'
    assert pack({"t": "preview"}, b"\xff\xd8") == struct.pack(">I", 19) + b"\x02" + b'{"t":"preview"}\n\xff\xd8'


@pytest.mark.parametrize(
    "stream",
    [
        struct.pack(">I", 0),
        struct.pack(">I", MAX_RECORD + 1),
        struct.pack(">I", 3) + b"\x07{}",
        struct.pack(">I", 3) + b"\x01{]",
        struct.pack(">I", 3) + b"\x01[]",
        struct.pack(">I", 3) + b"\x01{}",
        struct.pack(">I", 3) + b"\x01\xff\xfe",
        struct.pack(">I", 10) + b'\x02{"t":"x"}',
    ],
    ids=["empty", "too long", "unknown type", "no JSON", "no object", "no type word", "no UTF-8", "no picture"],
)
def test_a_stream_that_no_peer_sends_is_refused(stream: bytes) -> None:
    with pytest.raises(FormatError):
        list(Unpacker().feed(stream))


def test_a_record_the_peer_would_refuse_is_not_made() -> None:
    with pytest.raises(FormatError):
        pack({"t": "preview"}, bytes(MAX_RECORD))
