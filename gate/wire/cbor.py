"""Deterministic CBOR (RFC 8949 4.2.1), strict both ways, and typed reading of the maps that come out of it.

Only signed or locally written bytes come here: see `sign1.split` for what is read before a signature is checked.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, NoReturn

import cbor2

from gate.errors import FormatError
from gate.model import ID_PATTERN

_IDENT = re.compile(ID_PATTERN)
_MAX_DEPTH = 8


class _NoTags(dict[int, Any]):
    """Refuses every tag at its head, before a decoder for it can run (shared references, regexps, big numbers)."""

    def __getitem__(self, tag: int) -> NoReturn:
        raise ValueError(tag)

    def get(self, tag: int, default: Any = None) -> NoReturn:
        raise ValueError(tag)

    def __contains__(self, tag: object) -> bool:
        return True


_NO_TAGS = _NoTags()


_SCALARS = frozenset((int, str, bytes, bool, NoneType))
_KEYS = frozenset((int, str))


_ERRORS = (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError, MemoryError)


def dumps(value: Any) -> bytes:
    """Raises: FormatError when the value has no CBOR form (half a surrogate pair, a nest without end)."""
    try:
        return cbor2.dumps(value, canonical=True)
    except _ERRORS as error:
        raise FormatError(f"not to be written as CBOR: {error}") from error


def dumps_ordered(value: dict[str, Any]) -> bytes:
    """As `dumps`, for a flat map of integers, texts, bytes, booleans and null whose keys come in the deterministic order.

    Raises: FormatError.
    """
    try:
        return cbor2.dumps(value)
    except _ERRORS as error:
        raise FormatError(f"not to be written as CBOR: {error}") from error


def loads(data: bytes, *, max_depth: int = _MAX_DEPTH) -> Any:
    """Decode one item; whatever the formats of Gate do not use is refused.

    Raises:
        FormatError: not well formed, a tag, a float (so no NaN that equals no other key), a simple value, a key that is
            neither integer nor text, a duplicate key, an indefinite length, a long integer, trailing bytes.
    """
    stream = io.BytesIO(data)
    try:
        value = cbor2.load(
            stream,
            semantic_decoders=_NO_TAGS,
            max_depth=max_depth,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        canonical = dumps(value)
    except _ERRORS as error:
        raise FormatError(f"not the CBOR we write: {error}") from error
    if canonical != data:
        raise FormatError("not deterministic CBOR")
    if not _plain(value):
        raise FormatError("CBOR of a kind that no format of ours has")
    return value


def loads_flat(data: bytes) -> list[Any]:
    """One list, as `loads` would read it; its items are still to be checked for type, a nested one included.

    For rows that come by the ten thousand: a fifth of the time. Raises: FormatError.
    """
    try:
        value = cbor2.loads(data, semantic_decoders=_NO_TAGS, max_depth=2, allow_indefinite=False)
        canonical = cbor2.dumps(value)
    except _ERRORS as error:
        raise FormatError(f"not the CBOR we write: {error}") from error
    if canonical != data or type(value) is not list:
        raise FormatError("not a deterministic CBOR list")
    return value


def _plain(value: Any) -> bool:
    """Only integers, texts, bytes, true, false, null, lists and maps. Depth is bounded by the decoder."""
    kind = type(value)
    if kind is dict:
        return all(type(key) in _KEYS and _plain(item) for key, item in value.items())
    if kind is list:
        return all(map(_plain, value))
    return kind in _SCALARS


class Fields:
    """Typed reading of one map; every miss names the field. Unknown keys are left alone (a newer writer)."""

    __slots__ = ("_map", "_what")

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, Mapping):
            raise FormatError(f"{what} is not a map")
        self._map = value
        self._what = what

    def _miss(self, key: str, wanted: str) -> NoReturn:
        raise FormatError(f"{self._what}.{key} is not {wanted}")

    def version(self, known: int = 1) -> None:
        if self.integer("v") != known:
            raise FormatError(f"{self._what} has an unknown version")

    def raw(self, key: str) -> Any:
        return self._map.get(key)

    def integer(self, key: str, low: int = 0, high: int = 2**63 - 1) -> int:
        value = self._map.get(key)
        if type(value) is not int or not low <= value <= high:
            self._miss(key, f"an integer in {low}..{high}")
        return value

    def maybe_integer(self, key: str) -> int | None:
        return None if self._map.get(key) is None else self.integer(key)

    def text(self, key: str, limit: int = 2000) -> str:
        value = self._map.get(key)
        if not isinstance(value, str) or len(value) > limit:
            self._miss(key, "a text")
        return value

    def ident(self, key: str) -> str:
        """An id (contracts 0): it will stand in file names and addresses, so nothing else is let in."""
        value = self._map.get(key)
        if not isinstance(value, str) or not _IDENT.fullmatch(value):
            self._miss(key, "an id of small letters, digits and -")
        return value

    def idents(self, key: str, *others: str) -> list[str]:
        """A list of ids; `others` are accepted too."""
        values = self.strings(key)
        if not all(value in others or _IDENT.fullmatch(value) for value in values):
            self._miss(key, "a list of ids")
        return values

    def maybe_text(self, key: str) -> str | None:
        return None if self._map.get(key) is None else self.text(key)

    def octets(self, key: str, size: int | None = None) -> bytes:
        value = self._map.get(key)
        if not isinstance(value, bytes) or (size is not None and len(value) != size):
            self._miss(key, "bytes" if size is None else f"{size} bytes")
        return value

    def maybe_octets(self, key: str, size: int | None = None) -> bytes | None:
        return None if self._map.get(key) is None else self.octets(key, size)

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self._map.get(key, default)
        if not isinstance(value, bool):
            self._miss(key, "true or false")
        return value

    def items(self, key: str) -> list[Any]:
        value = self._map.get(key)
        if not isinstance(value, list):
            self._miss(key, "a list")
        return value

    def strings(self, key: str) -> list[str]:
        items = self.items(key)
        if not all(isinstance(item, str) for item in items):
            self._miss(key, "a list of texts")
        return items

    def integers(self, key: str, low: int, high: int) -> list[int]:
        items = self.items(key)
        if not all(type(item) is int and low <= item <= high for item in items):
            self._miss(key, f"a list of integers in {low}..{high}")
        return items

    def maps(self, key: str) -> list[Fields]:
        return [Fields(item, f"{self._what}.{key}[{index}]") for index, item in enumerate(self.items(key))]

    def inner(self, key: str) -> Fields:
        return Fields(self._map.get(key), f"{self._what}.{key}")

    def mapping(self, key: str) -> Mapping[str, Any]:
        value = self._map.get(key)
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            self._miss(key, "a map with text keys")
        return value

    def named(self, key: str) -> Mapping[str, Any]:
        """A map whose keys are ids."""
        value = self.mapping(key)
        if not all(_IDENT.fullmatch(name) for name in value):
            self._miss(key, "a map by id")
        return value

    def texts(self, key: str) -> dict[str, str]:
        """A map of language to text; absent is empty."""
        if self._map.get(key) is None:
            return {}
        value = self.mapping(key)
        if not all(isinstance(text, str) for text in value.values()):
            self._miss(key, "a map of texts")
        return dict(value)

    def one_of(self, key: str, words: tuple[str, ...]) -> str:
        value = self._map.get(key)
        if value not in words:
            self._miss(key, "one of " + ", ".join(words))
        return str(value)
