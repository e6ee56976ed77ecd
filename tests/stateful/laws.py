"""What must hold: always, and after healing."""

from __future__ import annotations

from collections import Counter

from gate.wire.resolve import Resolution
from tests.stateful.box import EVENT, Box, use_of
from tests.stateful.world import TICKETS, Broken, World, clocks_of, place


def always(world: World) -> None:
    """Whatever a gate believes the server to hold, it holds or is set aside and shown. Nothing stands there twice.

    A server that was restored is judged again once everybody has heard of it: after healing.
    """
    held = world.server_records()
    ids = Counter(record.id for record in held)
    doubled = [number for number, times in ids.items() if times > 1]
    if doubled:
        raise Broken(f"{len(doubled)} records stand on the server twice")
    if not world.restored:
        acks(world)


def acks(world: World) -> None:
    held = {(r.gate, r.event, r.epoch, r.seq) for r in world.server_records()}
    for box in world.boxes:
        aside = _aside(box)
        for event, epoch, upto in box.store._open().execute("SELECT event, epoch, upto FROM acked"):
            for record in box.records():
                if (record.event, record.epoch) == (event, epoch.hex()) and record.seq <= upto:
                    key = (box.name, event, epoch.hex(), record.seq)
                    if key not in held and (event, epoch, record.seq) not in aside:
                        raise Broken(f"{box.name} believes {key} to be delivered, and the server does not hold it")


def healed(world: World) -> None:
    """All agree with what really happened, less what nobody can know any more."""
    acks(world)
    records = world.server_records()
    there = {place(record) for record in records}
    lost = set(world.made) - there - world.gone
    if lost:
        raise Broken(f"{len(lost)} records are lost: {sorted(lost)[:3]}")
    strange = there - set(world.made)
    if strange:
        raise Broken(f"{len(strange)} records on the server were never made: {sorted(strange)[:3]}")
    for record in records:
        if world.made[place(record)] != record:
            raise Broken(f"{place(record)} on the server is another record")
    for box in world.boxes:
        if _aside(box) or box.pusher.queue():
            raise Broken(f"{box.name} still holds {box.pusher.queue()} records back, {len(_aside(box))} set aside")
    truth = [record for name, record in world.made.items() if name not in world.gone or name in there]
    # Where the best clock of a boot is lost for good, a gate may still know it: then only the order may differ.
    unclear = {r.boot for name, r in world.made.items() if name in world.gone and r.kind == "clock"}
    for ticket in TICKETS:
        if any(r.ticket == ticket.hex() and r.boot in unclear for r in truth):
            continue
        wanted = world.resolved(
            [use_of(r) for r in truth if r.ticket == ticket.hex() and r.event == EVENT], clocks_of(truth)
        )
        for name, found in _views(world, ticket, unclear):
            if found != wanted:
                raise Broken(
                    f"{name} counts {_words(found)} of ticket {ticket.hex()[:4]}, the truth is {_words(wanted)}"
                )


def _views(world: World, ticket: bytes, unclear: set[str]) -> list[tuple[str, Resolution]]:
    records = world.server_records()
    gone = {(gate, epoch, seq) for gate, epoch, seq in world.gone - {place(r) for r in records}}
    views = [
        ("the server", world.resolved([use_of(r) for r in records if r.ticket == ticket.hex()], clocks_of(records)))
    ]
    for box in world.boxes:
        # A gate may know more than anybody can prove: a record whose card and whose server's disk are both lost.
        uses = [use for use in box.uses(ticket) if (use.gate, use.epoch + EVENT, use.seq) not in gone]
        clocks = [clock for clock in box.clocks() if clock.boot not in unclear]
        views.append((box.name, world.resolved(uses, clocks)))
    return views


def _words(resolution: Resolution) -> str:
    return f"{resolution.entries} entries, {len(resolution.duplicates)} too many, {len(resolution.order)} uses"


def _aside(box: Box) -> set[tuple[str, bytes, int]]:
    return set(box.store._open().execute("SELECT event, epoch, seq FROM quarantine"))
