"""What staff do at this lane: scans by hand, overrides, taking back, stopping and opening. Admission thread only.

Who somebody is and what they may do is settled before (`gate.kiosk.staff`). Here every act is on disk before it shows,
with the person and the reason in its row. No clock, no file, no network.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from gate.clock import Clock
from gate.decision.decide import decide
from gate.decision.facts import Facts, Place
from gate.decision.reasons import verdict_of
from gate.errors import GateError
from gate.lane.gather import Find, Found, gather, gather_number
from gate.lane.lane import Lane
from gate.lane.machine import LaneEvent
from gate.lane.orders import COUNT_MAX, By, Order, Refused, answer_of, origin, override_reasons, second_person
from gate.lane.rows import about, outcome
from gate.lane.screen import Shown, shown_for
from gate.lane.world import World, local_day
from gate.model import Decision, Direction, Moment, Reason, Verdict
from gate.ports import Draft, Journal, Screens, Tickets
from gate.wire.journal import DEVICE_STREAM, Record
from gate.wire.numbers import case_number, parse_ticket_number

UNDO_MS = 120_000
"""An admission by hand may be taken back for two minutes, by the device that made it."""
KEEP = 500
"""Rows that overrides and undo can point at; older ones need a new scan."""
_CONTESTED = (Verdict.SEE_STAFF, Verdict.STOP, Verdict.STOP_USED)


class _Kept(NamedTuple):
    record: Record
    mono: int


class Desk:
    """
    Args:
        find: ticket numbers in the manifest.
        next_case: gives case counters, each once.
    """

    def __init__(
        self,
        lane: Lane,
        *,
        clock: Clock,
        tickets: Tickets,
        journal: Journal,
        screens: Screens,
        find: Find,
        scan_salt: bytes,
        clock_policy: str,
        next_case: Callable[[], int],
    ) -> None:
        self.lane = lane
        self._clock = clock
        self._tickets = tickets
        self._journal = journal
        self._screens = screens
        self._find = find
        self._salt = scan_salt
        self._clock_policy = clock_policy
        self._next_case = next_case
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._ended: set[str] = set()
        """Refs that were taken back, overridden or passed: they cannot be again."""
        lane.on_denied = self._denied
        lane.passages.on_spent = self._spent

    def heard(self, record: Record) -> None:
        """Every committed row passes here, also the camera's."""
        if record.kind in ("admitted", "refused", "exit", "override"):
            self._kept[record.own_ref] = _Kept(record, record.mono)
            while len(self._kept) > KEEP:
                gone, _ = self._kept.popitem(last=False)
                self._ended.discard(gone)
        if record.ref is not None and record.kind in ("annulled", "passed", "override"):
            self._ended.add(record.ref)

    # ---- scans by hand

    def scan(self, order: Order, by: By) -> dict[str, Any]:
        """Answer one code or number. Nothing is written when only inspected.

        Raises: Refused: list or number cannot be. StorageError: nothing was decided.
        """
        moment = self._clock.now()
        found = self._gather(order, moment)
        decision = decide(found.facts)
        verdict = verdict_of(decision, order.direction)
        if order.inspect:
            return answer_of(found, decision, verdict, order, None, moment.at)
        data: dict[str, Any] = {"lane": order.direction.value, "opened": order.open} if decision.admit else {}
        draft = outcome(
            found,
            decision,
            order.direction,
            input="typed" if order.number is not None else by.input,
            data=data | origin(by),
            count=order.count,
            actor=by.actor,
        )
        record = self._journal.commit([draft], moment)[0]
        if decision.admit and order.open:
            shown = shown_for(decision, verdict, found, order.direction, moment.mono)
            if not self.lane.grant(order.direction, record, found, shown):
                raise Refused("device", "the relay did not move: the entry was taken back, the lane is out of order")
        answer = answer_of(found, decision, verdict, order, record, record.at)
        self._publish(answer, record)
        return answer

    def _gather(self, order: Order, moment: Moment) -> Found:
        if not 1 <= order.count <= COUNT_MAX:
            raise Refused("count", f"a group has 1 to {COUNT_MAX} people")
        world = self._world(order.list)
        place = Place(
            direction=order.direction,
            moment=moment,
            lane=self._readiness(order),
            clock_policy=self._clock_policy,
        )
        if order.number is not None:
            try:
                prefix = parse_ticket_number(order.number)
            except GateError as error:
                raise Refused("number", str(error)) from error
            found = gather_number(prefix, place, world, self._tickets, self._find, self._salt)
        else:
            found = gather(order.text or "", place, world, self._tickets, self._salt)
        more = order.count - 1
        if more:  # the last person of the group must still fit
            facts = found.facts
            counted = replace(facts, entries=facts.entries + more, day_entries=facts.day_entries + more)
            found = found._replace(facts=counted)
        return found

    def _readiness(self, order: Order) -> str:
        """By hand a person walks past the lane, so only what stops the whole gate stops them."""
        if self.lane.world.missing or self.lane.emergency:
            return "out"
        return self.lane.readiness(order.direction) if order.open and not order.inspect else "ready"

    def _world(self, name: str | None) -> World:
        world = self.lane.world
        if name is None:
            return world
        events = [event for event in world.events if name in event.gate.lists]
        if not events:
            raise Refused("list", "this gate does not check in on that list")
        return replace(
            world,
            events=tuple(
                replace(event, gate=replace(event.gate, lists=tuple(item for item in event.gate.lists if item == name)))
                for event in events
            ),
        )

    # ---- what may follow a scan

    def undo(self, ref: str, by: By) -> dict[str, Any]:
        """Take back an admission made by hand. Raises: Refused, StorageError."""
        record = self._row(ref, ("admitted", "override"), "undo")
        if self._maker(record) != by.input:
            raise Refused("other_device", "only the device that admitted can take it back")
        moment = self._clock.now()
        if moment.mono - record.mono > UNDO_MS:
            raise Refused("too_late", "two minutes are over")
        data = {"cause": "undo"} | origin(by)
        self._journal.commit([about(record, "annulled", actor=by.actor, input=by.input, data=data)], moment)
        self.lane.passages.forget(record)
        return {"ref": ref, "done": "undo"}

    def override(self, ref: str, by: By, *, reason: str, second: str | None, open_: bool) -> dict[str, Any]:
        """Admit somebody who was refused, on the record. Raises: Refused, StorageError."""
        refusal = self._row(ref, ("refused",), "override")
        direction = Direction(refusal.dir or Direction.ENTRY)
        if self.lane.emergency:
            raise Refused("emergency", "emergency: everybody walks out freely, nobody is admitted")
        if open_ and self.lane.readiness(direction) != "ready":
            raise Refused("lane", "the lane is not ready to open")
        if second is None and self.needs_second(ref):
            raise Refused("second_person", "a second person has to agree")
        event = self.lane.world.event(refusal.event)
        allowed = override_reasons(event)
        if allowed and reason not in allowed and "other" not in allowed:
            raise Refused("reason_not_named", f"the organiser allows an override for: {', '.join(allowed)}")
        moment = self._clock.now()
        draft = replace(
            about(refusal, "override", actor=by.actor, input=by.input),
            reason=Reason.OVERRIDE,
            detail=reason,
            day=local_day(event.policy, moment.at).label if event else None,
            data={"second": second, "lane": direction.value, "opened": open_} | origin(by),
        )
        record = self._journal.commit([draft], moment)[0]
        decision = Decision(admit=True, reason=Reason.OVERRIDE)
        found = Found(
            Facts(direction=direction, now=moment.seconds, clock=moment.trust, list=draft.list, product=draft.product),
            event,
            draft.ticket or b"",
            draft.day,
            0,
            proven=bool(event),
        )
        if open_:
            shown = Shown(verdict=Verdict.GO, reason=Reason.OVERRIDE, lane=direction.value)
            if not self.lane.grant(direction, record, found, shown):
                raise Refused("device", "the relay did not move: the lane is out of order")
        order = Order(direction=direction, open=open_)
        answer = answer_of(found, decision, Verdict.GO, order, record, record.at) | {"overridden": ref}
        self._publish(answer, record)
        return answer

    def needs_second(self, ref: str) -> bool:
        """Whether two people have to agree to override this refusal. Raises: Refused."""
        refusal = self._row(ref, ("refused",), "override")
        return refusal.reason in second_person(self.lane.world.event(refusal.event))

    def per_shift(self, ref: str, default: int) -> int:
        """Overrides that one attendant may make by the organiser's policy. Raises: Refused."""
        event = self.lane.world.event(self._row(ref, ("refused",), "override").event)
        rules = event.policy.raw.get("override") if event else None
        limit = rules.get("per_shift") if isinstance(rules, dict) else None
        return limit if isinstance(limit, int) and limit >= 0 else default

    def _row(self, ref: str, kinds: tuple[str, ...], what: str) -> Record:
        kept = self._kept.get(ref)
        if kept is None or kept.record.kind not in kinds:
            raise Refused("not_found", f"nothing here to {what}: scan the ticket again")
        if ref in self._ended:
            raise Refused("done", "that has been done, or the person has passed")
        return kept.record

    @staticmethod
    def _maker(record: Record) -> str:
        data = record.data if isinstance(record.data, dict) else {}
        return str(data.get("by") or record.input or "")

    # ---- the lane itself

    def open_once(self, direction: Direction, by: By, reason: str) -> dict[str, Any]:
        """Raises: Refused, StorageError."""
        if self.lane.readiness(direction) != "ready":
            raise Refused("lane", "the lane is not ready to open")
        self.note("mode", {"do": "open_once", "lane": direction.value, "reason": reason}, by)
        if not self.lane.open_once(direction):
            raise Refused("device", "the relay did not move: the lane is out of order")
        return {"done": "open_once"}

    def order(self, do: str, by: By, reason: str, to: dict[str, Any] | None = None) -> dict[str, Any]:
        """`enable`, `disable` or `out_of_order`. Raises: Refused, StorageError."""
        event = {"enable": LaneEvent.START, "disable": LaneEvent.STOP, "out_of_order": LaneEvent.FAULT}[do]
        if self.lane.emergency:
            raise Refused("emergency", "emergency: the alarm has to end first")
        self.note("mode", {"do": do, "reason": reason, "to": to}, by)
        self.lane.screen.next_gate = to if do == "out_of_order" else None
        self.lane.order(event)
        return {"done": do}

    def note(self, kind: str, data: dict[str, Any], by: By) -> Record:
        """A row about the device. Raises: StorageError."""
        draft = Draft(event=DEVICE_STREAM, kind=kind, actor=by.actor, input=by.input, data=data | origin(by))
        return self._journal.commit([draft], self._clock.now())[0]

    def look(self, event: str, ticket: bytes, product: int | None, reason: str, by: By) -> Record:
        """Somebody is shown the name of a ticket's holder. Raises: StorageError: then it must not be shown."""
        draft = Draft(
            event=event, kind="look", ticket=ticket, product=product, actor=by.actor, input=by.input,
            data={"reason": reason} | origin(by),
        )  # fmt: skip
        return self._journal.commit([draft], self._clock.now())[0]

    def pair(self, offer: dict[str, Any] | None) -> None:
        """Show an offer to pair on the gate's screen; None = no longer."""
        self.lane.screen.pair = offer
        self.lane.publish_state()

    # ---- telling

    def _denied(self, record: Record, verdict: Verdict, found: Found) -> str | None:
        """A refusal at the unattended gate: a case number, and the word to the handhelds."""
        number = None
        if verdict in _CONTESTED and found.proven and found.event is not None:
            number = case_number(found.event.gate.short, self._next_case())
            data = {"number": number, "op": "open", "reason": record.reason}
            self._journal.commit([about(record, "case", data=data)], self._clock.now())
        order = Order(direction=Direction(record.dir or Direction.ENTRY))
        # Pure, so it says again what was said: with the first use, which the row does not carry.
        answer = answer_of(found, decide(found.facts), verdict, order, record, record.at)
        self._screens.publish({"t": "denial", **answer, "case": number})
        return number

    def _spent(self, record: Record) -> None:
        """Nobody walked through once more than may be given back: the entry stays used, and a person looks at it."""
        event = self.lane.world.event(record.event)
        if event is None:
            return
        number = case_number(event.gate.short, self._next_case())
        data = {"number": number, "op": "open", "reason": "annul_limit"}
        self._journal.commit([about(record, "case", data=data)], self._clock.now())
        self._screens.publish({"t": "case", "number": number, "op": "open", "reason": "annul_limit"})

    def _publish(self, answer: dict[str, Any], record: Record) -> None:
        self._screens.publish({"t": "handheld", **answer, "actor": record.actor, "input": record.input})
