"""The CBOR reader takes what our writers write and nothing else; published lists of what it must refuse."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import FormatError
from gate.wire import cbor

VECTORS = Path(__file__).parent.parent / "vectors"
NOT_WELL_FORMED: list[str] = json.loads((VECTORS / "cbor-not-well-formed/appendix_f.json").read_text())["hex"]
EXAMPLES: list[dict[str, Any]] = json.loads((VECTORS / "cbor-appendix-a/appendix_a.json").read_text())


def test_the_list_of_rfc_8949_is_whole() -> None:
    assert len(NOT_WELL_FORMED) == 94
    assert len(EXAMPLES) == 82


@pytest.mark.parametrize("text", NOT_WELL_FORMED)
def test_not_well_formed_is_refused(text: str) -> None:
    """RFC 8949 appendix F."""
    with pytest.raises(FormatError):
        cbor.loads(bytes.fromhex(text))


def plain(value: Any) -> bool:
    """Of the kinds that our formats have, written out anew."""
    if isinstance(value, dict):
        return all(type(key) in (int, str) and plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or type(value) in (int, str, bytes, bool)


@pytest.mark.parametrize("case", EXAMPLES, ids=[case["hex"][:24] for case in EXAMPLES])
def test_an_example_of_rfc_8949_is_read_as_written_or_refused(case: dict[str, Any]) -> None:
    """Appendix A: taken are exactly the deterministic ones with no tag, float, simple value or strange key."""
    data = bytes.fromhex(case["hex"])
    # simple(24) in two bytes is an example of RFC 7049 that RFC 8949 calls not well-formed.
    value = math.nan if case["hex"] == "f818" else cbor2.loads(data)
    tagged = data[0] >> 5 == 6
    if plain(value) and not tagged and cbor2.dumps(value, canonical=True) == data:
        assert cbor.loads(data) == value
    else:
        with pytest.raises(FormatError):
            cbor.loads(data)


HOSTILE = {
    "shared reference mark (tag 28)": "d81c80",
    "shared reference (tag 29)": "d81d00",
    "regular expression (tag 35)": "d8236628612b292b24",
    "MIME message (tag 36)": "d8246161",
    "big number (tag 2)": "c249010000000000000000",
    "date (tag 0)": "c074323031332d30332d32315432303a30343a30305a",
    "string reference (tag 25)": "d81900",
    "set (tag 258)": "d901028101",
    "rational (tag 30)": "d81e820102",
    "IP network (tag 261)": "d90105a144c0a800641818",
    "unknown tag": "d9ffff00",
    "tag in an array": "81c100",
    "tag as a key": "a1c10000",
    "array of 2^64-1": "9bffffffffffffffff",
    "array of 2^32-1": "9affffffff00",
    "map of 2^64-1": "bbffffffffffffffff",
    "bytes of 2^64-1": "5bffffffffffffffff00",
    "text of 2^63-1": "7b7fffffffffffffff61",
    "nest of 500 arrays": "81" * 500 + "00",
    "nest of 500 maps": "a100" * 500 + "00",
    "nest of keys": "a1" * 500 + "00",
    "duplicate key": "a201000100",
    "duplicate text key": "a2616100616101",
    "true beside 1": "a20100f500",
    "keys out of order": "a202000100",
    "NaN": "f97e00",
    "NaN key": "a1f97e0000",
    "two NaN keys": "a2f97e0000f97e0001",
    "float key equal to an integer": "a1f9440000",
    "whole float": "f93c00",
    "infinity": "f97c00",
    "undefined": "f7",
    "simple value": "e0",
    "long simple value": "f820",
    "map as a key": "a1a000",
    "array as a key": "a18000",
    "bytes as a key": "a1416100",
    "null as a key": "a1f600",
    "true as a key": "a1f500",
    "integer a byte too long": "1817",
    "integer three bytes too long": "1900ff",
    "length a byte too long": "580161",
    "map head a byte too long": "b8010000",
    "endless bytes": "5f4161ff",
    "endless text": "7f6161ff",
    "endless array": "9f00ff",
    "endless map": "bf0000ff",
    "two items": "0000",
    "nothing": "",
    "text that is not UTF-8": "62c328",
    "text of half a surrogate pair": "63eda080",
    "text in a longer form": "62c080",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_cbor_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        cbor.loads(bytes.fromhex(text))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=40) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=10) | st.integers(-100_000, 100_000), inner, max_size=4)
    ),
    max_leaves=20,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(PLAIN)
def test_what_is_written_reads_back(value: Any) -> None:
    if depth(value) <= 7:
        assert cbor.loads(cbor.dumps(value)) == value


@given(st.binary(max_size=64))
def test_any_bytes_are_read_as_their_only_writing_or_refused(data: bytes) -> None:
    try:
        value = cbor.loads(data)
    except FormatError:
        return
    assert cbor.dumps(value) == data


@pytest.mark.parametrize("value", ["\ud800", {"a": object()}], ids=["surrogate", "object"])
def test_what_has_no_cbor_form_is_named(value: Any) -> None:
    with pytest.raises(FormatError):
        cbor.dumps(value)


# ---- typed reading

FIELDS: dict[str, tuple[Any, str, tuple[Any, ...]]] = {
    "integer: text": ("1", "integer", ()),
    "integer: true": (True, "integer", ()),
    "integer: negative": (-1, "integer", ()),
    "integer: over": (2**63, "integer", ()),
    "integer: missing": (None, "integer", ()),
    "integer: fraction": (1.0, "integer", ()),
    "integer: not a number": (math.nan, "integer", ()),
    "text: bytes": (b"a", "text", ()),
    "text: too long": ("a" * 2001, "text", ()),
    "bytes: text": ("a", "octets", ()),
    "bytes: length": (b"abc", "octets", (4,)),
    "flag: 1": (1, "flag", ()),
    "list: map": ({}, "items", ()),
    "list: text": ("ab", "items", ()),
    "texts: number in it": (["a", 1], "strings", ()),
    "integers: text in it": ([1, "2"], "integers", (0, 9)),
    "integers: true in it": ([True], "integers", (0, 9)),
    "integers: over": ([10], "integers", (0, 9)),
    "maps: number in it": ([{}, 1], "maps", ()),
    "inner: list": ([], "inner", ()),
    "mapping: integer key": ({1: 1}, "mapping", ()),
    "languages: number": ({"en": 1}, "texts", ()),
    "one of: other": ("c", "one_of", (("a", "b"),)),
    "one of: list": (["a"], "one_of", (("a", "b"),)),
    "maybe text: number": (1, "maybe_text", ()),
    "maybe integer: text": ("1", "maybe_integer", ()),
    "maybe bytes: length": (b"1", "maybe_octets", (2,)),
}


@pytest.mark.parametrize(("value", "reader", "more"), FIELDS.values(), ids=FIELDS)
def test_a_field_of_another_kind_is_refused_and_named(value: Any, reader: str, more: tuple[Any, ...]) -> None:
    fields = cbor.Fields({"f": value}, "thing")
    with pytest.raises(FormatError, match=r"thing\.f"):
        getattr(fields, reader)("f", *more)


@pytest.mark.parametrize("value", [None, [], "a", 1, b"a"])
def test_what_is_no_map_has_no_fields(value: Any) -> None:
    with pytest.raises(FormatError):
        cbor.Fields(value, "thing")


@pytest.mark.parametrize("version", [0, 2, "1", True, None])
def test_an_unknown_version_is_refused(version: Any) -> None:
    with pytest.raises(FormatError):
        cbor.Fields({"v": version}, "thing").version()
