"""Looking without touching: what `gate verify`, `explain`, `scan-image` and `journal` answer. Writes nothing anywhere."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from gate.decision.decide import explain
from gate.decision.facts import Place
from gate.decision.reasons import verdict_of
from gate.errors import ConfigError, DamagedError, FormatError, GateError, StorageError, TicketError, TrustError
from gate.lane.faults import Fault
from gate.lane.gather import gather
from gate.lane.world import World
from gate.model import Claims, ClockTrust, Direction, GateId, Moment
from gate.rehearse import Rehearsal, rehearse
from gate.sqlitefile import open_reader, open_writer
from gate.storage.tickets import TicketBook
from gate.storage.world import WorldReader, read_enrolment
from gate.systemclock import SystemClock
from gate.verify.formats import identify
from gate.wire import cbor, sql
from gate.wire.numbers import ticket_number
from gate.wire.ticketkey import ticket_key

logger = logging.getLogger(__name__)


class Desk:
    """A world and the time to judge by."""

    def __init__(self, state_dir: Path, world: World, tickets: TicketBook, moment: Moment, close: Any) -> None:
        self._state_dir = state_dir
        self._world = world
        self._tickets = tickets
        self._moment = moment
        self._close = close

    @classmethod
    def open(cls, state_dir: Path, at_s: int | None) -> Desk:
        """The world as it is stored. `at_s`: Unix seconds to judge by, None = now.

        Raises: StorageError: this gate is not enrolled, or has no manifest. TrustError: no policy names it.
        """
        enrolment = read_enrolment(state_dir)
        if enrolment is None:
            raise StorageError(f"there is no enrolled gate in {state_dir}")
        reader = WorldReader(state_dir, gate=GateId(enrolment.gate))
        try:
            clock = SystemClock(0)
            world = reader.read(clock.now().seconds if at_s is None else at_s)
        finally:
            reader.close()
        if world.missing == Fault.NOT_IN_POLICY:
            raise TrustError("gate", world.troubles[0])
        clock.raise_floor(world.newest_issued_ms)
        moment = clock.now()
        if at_s is not None:
            moment = Moment(at=at_s * 1000, mono=moment.mono, boot=moment.boot, trust=ClockTrust.SYNCED, error_ms=0)
        files = ExitStack()
        journal = state_dir / "journal.db"
        if not journal.exists():  # not started yet: nothing was used here
            journal = Path(files.enter_context(TemporaryDirectory(prefix="gate-"))) / "journal.db"
            open_writer(journal, sql.JOURNAL, synchronous="NORMAL").close()
        book = TicketBook(state_dir, enrolment.gate, journal)
        files.callback(book.close)
        book.use(world)
        return cls(state_dir, world, book, moment, files.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def verify(self, text: str) -> dict[str, Any]:
        """Format, key, claims, ticket, and `ok` or why it is not authentic."""
        result: dict[str, Any] = {"format": None, "kid": None, "claims": None, "ticket": None, "number": None}
        try:
            claims = identify(text, self._world.keys, self._moment.seconds)
        except TicketError as error:
            return {**result, "reason": error.reason.value, "detail": error.detail}
        event = self._world.event(claims.event) or (self._world.events[0] if self._world.events else None)
        if event is not None:
            key = ticket_key(event.salt, claims.key_input)
            result |= {"ticket": key.hex(), "number": ticket_number(key)}
        result |= {"format": claims.format, "kid": claims.kid.hex() if claims.kid else None, "claims": _claims(claims)}
        # Nothing proves an opaque text; only the manifest can know it.
        return {**result, "reason": "ok" if claims.signed else "invalid", "detail": "" if claims.signed else "unsigned"}

    def explain(self, text: str, direction: Direction, name: str | None = None) -> dict[str, Any]:
        """The whole decision, with each rule's answer and the facts it looked at. `name`: only this check-in list.

        Raises: ConfigError: this gate has no such list.
        """
        place = Place(
            direction=direction,
            moment=self._moment,
            lane="out" if self._world.missing else "ready",
            clock_policy="admit_marked",
        )
        world = self._world if name is None else _on_list(self._world, name)
        found = gather(text, place, world, self._tickets, b"")
        decision, steps = explain(found.facts)
        return {
            "verdict": verdict_of(decision, place.direction).value,
            "admit": decision.admit,
            "reason": decision.reason.value,
            "detail": decision.detail,
            "rule": decision.rule,
            "facts": found.facts.to_map(),
            "rules": [{"name": step.name, "answer": step.answer, "looked": list(step.looked)} for step in steps],
        }

    def rehearse(self, at_s: int, gate: str | None, direction: Direction) -> Rehearsal:
        """Every ticket through a gate's rules. See `gate.rehearse`."""
        return rehearse(self._state_dir, self._world, self._tickets, at_s=at_s, gate=gate, direction=direction)


def _on_list(world: World, name: str) -> World:
    """The same world, with a gate that uses one list only."""
    events = [replace(event, gate=replace(event.gate, lists=tuple(item for item in event.gate.lists if item == name)))
              for event in world.events]  # fmt: skip
    if not any(event.gate.lists for event in events):
        lists = {item for event in world.events for item in event.gate.lists}
        raise ConfigError(
            [("--list", f"this gate does not use the list {name}", f"it uses: {', '.join(sorted(lists))}")]
        )
    return replace(world, events=tuple(events))


def _claims(claims: Claims) -> dict[str, Any]:
    return {
        "event": claims.event,
        "cti": claims.cti.hex() if claims.cti else None,
        "product": claims.product,
        "zones": claims.zones,
        "flags": claims.flags,
        "nbf": claims.nbf,
        "exp": claims.exp,
    }


def journal_rows(path: Path, *, last: int | None) -> Iterator[dict[str, Any]]:
    """Bodies of journal rows with their hash, in order of writing; `last` n of them, None = all.

    Raises: DamagedError.
    """
    connection = open_reader(path)
    try:
        first = 0
        if last is not None:
            newest = connection.execute("SELECT coalesce(max(id), 0) FROM journal").fetchone()[0]
            first = newest - last
        rows = connection.execute("SELECT body, hash, latency FROM journal WHERE id > ? ORDER BY id", (first,))
        for body, digest, latency in rows:
            yield cbor.loads(body) | {"hash": digest.hex(), "latency": json.loads(latency) if latency else None}
    except (FormatError, sqlite3.DatabaseError) as error:
        raise DamagedError(f"{path}: {error}; `gate journal verify` names the row") from error
    finally:
        connection.close()


def zones(state_dir: Path) -> dict[str, ZoneInfo]:
    """The time zone of each event that the gate of this folder serves, for people's eyes. Empty where no policy can be read:
    a journal is readable all the same."""
    try:
        enrolment = read_enrolment(state_dir)
        if enrolment is None:
            return {}
        reader = WorldReader(state_dir, gate=GateId(enrolment.gate))
        try:
            world = reader.read(SystemClock(0).now().seconds)
        finally:
            reader.close()
    except GateError as error:
        logger.info("times are shown in UTC: %s", error)
        return {}
    return {event.id: ZoneInfo(event.policy.tz) for event in world.events}


def read_images(files: Sequence[Path]) -> Iterator[tuple[dict[str, Any], int]]:
    """For each picture its line and its exit code: 0 read, 1 no code in it, 3 not a picture."""
    from gate.scanner.decoder import scan_image

    for file in files:
        try:
            readings, ms = scan_image(file)
        except (FormatError, OSError) as error:
            yield {"file": str(file), "error": {"code": "format", "message": str(error)}}, 3
            continue
        texts = [
            {"text": item.text, "engine": item.engine, "corners": [list(point) for point in item.corners]}
            for item in readings
        ]
        yield {"file": str(file), "texts": texts, "ms": round(ms, 2)}, 0 if texts else 1
