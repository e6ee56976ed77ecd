"""Tickets from CSV or JSON Lines: every row checked, every error with its line, nothing changed while there is one.

A row with `text` is a ticket of somebody else (known only by the keyed hash of its text); one without is issued here.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from gate.central import names
from gate.errors import ConfigError
from gate.model import TicketFlag, TicketState

COLUMNS = ("text", "product", "zones", "state", "flags", "uses", "nbf", "exp", "lang", "ext", "name")
ROWS_MAX = 2_000_000
LINE_MAX = 64 * 1024
ERRORS_MAX = 100
"""Errors that are listed; all are counted."""
_TEXT_MAX = 600


@dataclass(frozen=True, slots=True)
class RowError:
    line: int
    column: str
    problem: str

    def to_json(self) -> dict[str, Any]:
        return {"line": self.line, "column": self.column, "problem": self.problem}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """One ticket of a file. Times are Unix seconds. `text` None = to be issued here, with `exp`."""

    line: int
    text: str | None
    product: int
    zones: int
    state: int
    flags: int
    uses: int
    nbf: int | None
    exp: int | None
    lang: str | None
    ext: str | None
    name: str | None = None
    """Of the holder: stays on this server (`names`). None = the file says nothing of it."""


@dataclass(slots=True)
class Parsed:
    rows: list[ImportRow] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    error_count: int = 0

    def refuse(self, line: int, column: str, problem: str) -> None:
        self.error_count += 1
        if len(self.errors) < ERRORS_MAX:
            self.errors.append(RowError(line, column, problem))


class _Bad(ValueError):
    def __init__(self, column: str, problem: str) -> None:
        super().__init__(problem)
        self.column = column


def read_file(path: Path) -> Parsed:
    """Read `.csv`, or `.jsonl` / `.ndjson`. Raises: ConfigError: unreadable, or of another kind."""
    parsed = Parsed()
    parsed.rows.extend(read_rows(path, parsed))
    return parsed


def parse(lines: Iterable[bytes], *, json_lines: bool) -> Parsed:
    """Check every row; `lines` are as in the file, with their ends."""
    parsed = Parsed()
    parsed.rows.extend(stream(lines, parsed, json_lines=json_lines))
    return parsed


def read_rows(path: Path, parsed: Parsed) -> Iterator[ImportRow]:
    """The sound rows of a file one by one; what is wrong goes to `parsed`. Raises: ConfigError."""
    if path.suffix not in (".csv", ".jsonl", ".ndjson"):
        raise ConfigError([("file", f"{path.name} is neither .csv nor .jsonl", "name the file after what it holds")])
    try:
        with path.open("rb") as file:
            yield from stream(_lines(file), parsed, json_lines=path.suffix != ".csv")
    except OSError as error:
        raise ConfigError([("file", f"{path} cannot be read: {error.strerror}", "check the path")]) from error


def stream(lines: Iterable[bytes], parsed: Parsed, *, json_lines: bool) -> Iterator[ImportRow]:
    """As `read_rows`. Memory: 8 bytes and a line number a text, to find one that stands twice."""
    count = 0
    seen: dict[int, int] = {}
    for line, values in _json_rows(lines, parsed) if json_lines else _csv_rows(lines, parsed):
        if count >= ROWS_MAX:
            parsed.refuse(line, "", f"more than {ROWS_MAX} rows; split the file")
            break
        try:
            row = _row(line, values)
        except _Bad as error:
            parsed.refuse(line, error.column, str(error))
            continue
        if row.text is not None:
            digest = int.from_bytes(
                hashlib.blake2b(row.text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
            )
            if (first := seen.setdefault(digest, line)) != line:
                parsed.refuse(line, "text", f"the same text stands in line {first}")
                continue
        count += 1
        yield row


def _lines(file: io.BufferedReader) -> Iterator[bytes]:
    while line := file.readline(LINE_MAX + 1):
        yield line


def _decoded(lines: Iterable[bytes], parsed: Parsed) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_MAX:
            parsed.refuse(number, "", f"longer than {LINE_MAX} bytes")
            return
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            parsed.refuse(number, "", "not UTF-8")


def _csv_rows(lines: Iterable[bytes], parsed: Parsed) -> Iterator[tuple[int, dict[str, Any]]]:
    at = 0

    def texts() -> Iterator[str]:
        nonlocal at
        for number, text in _decoded(lines, parsed):
            at = number
            yield text

    reader = csv.reader(texts(), strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        for name in names:
            if name not in COLUMNS or names.count(name) > 1:
                parsed.refuse(1, name, "is no column, or stands twice; columns are " + ", ".join(COLUMNS))
        if "product" not in names:
            parsed.refuse(1, "product", "the first line must name the columns, and `product` among them")
        if parsed.error_count:
            return
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(names):
                parsed.refuse(at, "", f"has {len(cells)} cells, the first line has {len(names)}")
                continue
            yield at, dict(zip(names, cells, strict=True))
    except csv.Error as error:
        parsed.refuse(at, "", f"not CSV: {error}")


def _json_rows(lines: Iterable[bytes], parsed: Parsed) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in _decoded(lines, parsed):
        if not text.strip():
            continue
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            parsed.refuse(number, "", "not JSON")
            continue
        if not isinstance(value, dict):
            parsed.refuse(number, "", "not a JSON object")
            continue
        unknown = sorted(set(value) - set(COLUMNS))
        if unknown:
            parsed.refuse(number, unknown[0][:40], "is no column; columns are " + ", ".join(COLUMNS))
            continue
        if isinstance(value.get("ext"), dict):
            value["ext"] = json.dumps(value["ext"], ensure_ascii=False)
        yield number, value


def _row(line: int, values: dict[str, Any]) -> ImportRow:
    text = str(values.get("text") or "").strip() or None
    if text is not None and (len(text) > _TEXT_MAX or not text.isprintable()):
        raise _Bad("text", f"longer than {_TEXT_MAX} signs, or has control characters")
    exp = _time("exp", values.get("exp"))
    if text is None and exp is None:
        raise _Bad("exp", "a ticket without a text is issued here and needs an end (exp)")
    if text is not None and text.startswith(("GT1:", "GR1:")):
        raise _Bad("text", "a GT1 or GR1 code is known by its id, not by its text; leave `text` empty to issue one")
    return ImportRow(
        line=line,
        text=text,
        product=_number("product", values.get("product"), 0xFFFF),
        zones=_number("zones", values.get("zones", 1), 0xFFFF, default=1),
        state=parse_state(values.get("state")),
        flags=parse_flags(values.get("flags")),
        uses=_number("uses", values.get("uses"), 2**31 - 1, default=1),
        nbf=_time("nbf", values.get("nbf")),
        exp=exp,
        lang=str(values["lang"]).strip()[:20] if values.get("lang") else None,
        ext=_ext(values.get("ext")),
        name=_name(values.get("name")),
    )


def _number(column: str, value: Any, high: int, default: int | None = None) -> int:
    if value in (None, "") and default is not None:
        return default
    text = str(value).strip()
    if not text.isdecimal() or len(text) > 12 or int(text) > high:
        raise _Bad(column, f"{text[:40]!r} is not a number from 0 to {high}")
    return int(text)


def parse_state(value: Any) -> int:
    """A word (`valid`, `canceled`, ...) or its number. Raises: ValueError."""
    if value in (None, ""):
        return int(TicketState.VALID)
    text = str(value).strip().upper()
    for state in TicketState:
        if text in (state.name, str(state.value)):
            return int(state)
    raise _Bad("state", f"{str(value)[:40]!r} is not one of " + ", ".join(state.name.lower() for state in TicketState))


def parse_flags(value: Any) -> int:
    """Words joined by `+`, comma or space (`vip+attention`), or a number. Raises: ValueError."""
    if value in (None, ""):
        return 0
    text = str(value).strip()
    if text.isdecimal():
        return _number("flags", text, 0xFF)
    flags = TicketFlag(0)
    for word in text.replace("+", " ").replace(",", " ").upper().split():
        if word not in TicketFlag.__members__:
            names = ", ".join(name.lower() for name in TicketFlag.__members__)
            raise _Bad("flags", f"{word.lower()[:40]!r} is not one of {names}")
        flags |= TicketFlag[word]
    return int(flags)


def _time(column: str, value: Any) -> int | None:
    return None if value in (None, "") else parse_time(str(value), column)


def parse_time(text: str, column: str = "time") -> int:
    """Unix seconds from a number, or from ISO 8601 with an offset. Raises: ValueError."""
    text = text.strip()
    if text.isdecimal() and len(text) <= 12:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _Bad(column, f"{text[:40]!r} is neither Unix seconds nor ISO 8601") from error
    if moment.tzinfo is None:
        raise _Bad(column, f"{text[:40]!r} has no offset; write it as 2027-05-01T18:00:00+07:00")
    return int(moment.timestamp())


def _name(value: Any) -> str | None:
    name = names.clean(str(value or ""))
    if len(name) > names.NAME_MAX:
        raise _Bad("name", f"longer than {names.NAME_MAX} signs")
    return name or None


def _ext(value: Any) -> str | None:
    if value in (None, ""):
        return None
    try:
        json.loads(str(value))
    except ValueError as error:
        raise _Bad("ext", "is not JSON") from error
    return str(value)
