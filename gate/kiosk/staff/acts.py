"""What a request makes of a role, a PIN and a limit, before the lane is asked. No HTTP in here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gate.kiosk.staff.access import Access, Denied
from gate.kiosk.staff.callers import Caller
from gate.kiosk.staff.messages import CommandIn, ScanIn
from gate.kiosk.staff.once import Once
from gate.kiosk.staff.ports import LaneDesk, Workshop
from gate.lane.commands import Desk
from gate.lane.orders import Order
from gate.model import Direction, Reason, Verdict

PER_SHIFT = 5
"""Overrides of one attendant in twelve hours, where the organiser's policy does not say."""
_RIGHT = {
    "undo": "undo",
    "override": "override",
    "pair": "pair",
    "self_test": "tech",
    "pin_test": "tech",
}


def right_for(do: str) -> str:
    return _RIGHT.get(do, "lane")


class Words:
    """Verdict and reason in every language of the screens, for whoever has no screen of ours."""

    def __init__(self, ui_dir: Path, languages: tuple[str, ...]) -> None:
        self._files: dict[str, dict[str, Any]] = {}
        for lang in languages:
            path = ui_dir / "i18n" / f"{lang}.json"
            if path.is_file():
                self._files[lang] = json.loads(path.read_text(encoding="utf-8"))

    def of(self, verdict: str, reason: str, detail: str) -> dict[str, dict[str, str]]:
        words = {}
        for lang, file in self._files.items():
            why = file["why"]
            line = why.get(f"{reason}.{detail}") or why.get(reason, "")
            word = file["verdict"].get(verdict, {"lines": [verdict]})["lines"]
            words[lang] = {"word": " ".join(word), "why": line.replace("{ask}", file["ask"])}
        return words


class Acts:
    """
    Args:
        offer: begins pairing on the gate's screen. Returns: Unix ms of its end.
    """

    def __init__(
        self, lane: LaneDesk, access: Access, workshop: Workshop, once: Once, words: Words, offer: Any
    ) -> None:
        self._lane = lane
        self._access = access
        self._workshop = workshop
        self._once = once
        self._words = words
        self._offer = offer

    def scan(self, caller: Caller, order: ScanIn) -> dict[str, Any]:
        """Raises: Denied, Refused, LaneAway, StorageError."""
        if order.open and order.mode == "admit" and not caller.may("lane"):
            raise Denied("forbidden", "this may not open the lane")
        wanted = Order(
            text=order.text,
            number=order.number,
            direction=Direction(order.dir),
            list=order.list,
            inspect=order.mode == "inspect",
            open=order.open,
            count=order.count,
        )

        def act() -> dict[str, Any]:
            by = caller.by(order.key)
            answer = self._lane.run(lambda desk: desk.scan(wanted, by))
            return answer | {"words": self._words.of(answer["verdict"], answer["reason"], answer["detail"])}

        if wanted.inspect:  # changes nothing, so there is nothing to repeat
            return act()
        return self._once.do(caller.who, order.key, order.model_dump(), act)

    def command(self, caller: Caller, order: CommandIn) -> dict[str, Any]:
        """Raises: Denied, Refused, LaneAway, StorageError."""
        needs_reason = order.do in ("open_once", "enable", "disable", "out_of_order", "mode", "override")
        if needs_reason and not order.reason:
            raise Denied("reason", "say why: it is written down")
        if order.do == "pin_test" and order.what is None:
            raise Denied("invalid", "say what to test")
        if order.do == "undo" and order.ref is None:
            raise Denied("invalid", "say what to take back")
        request = order.model_dump(exclude={"pin", "second_pin"})
        return self._once.do(caller.who, order.key, request, lambda: self._command(caller, order))

    def _command(self, caller: Caller, order: CommandIn) -> dict[str, Any]:
        by = caller.by(order.key)
        reason = order.reason or ""
        match order.do:
            case "open_once":
                return self._lane.run(lambda desk: desk.open_once(Direction(order.dir), by, reason))
            case "enable" | "disable" | "out_of_order":
                to = order.to.model_dump() if order.to else None
                return self._lane.run(lambda desk: desk.order(order.do, by, reason, to))
            case "undo":
                ref = order.ref or ""
                return self._lane.run(lambda desk: desk.undo(ref, by))
            case "override":
                return self._override(caller, order)
            case "pair":
                return {"done": "pair", "until": self._offer("staff", caller.session)}
            case "self_test":
                return {"done": "self_test", "tests": self._tested(caller)}
            case "mode":
                # Paper, open and training need stubs that are reconciled and a key of their own; a mode that only had a
                # name would admit people without a record.
                raise Denied("mode", "this gate has one mode: stop the lane, or put it out of order, and admit by hand")
            case "pin_test":
                self._lane.run(lambda desk: desk.note("config", {"what": "pin_test", "pin": order.what}, by))
                return self._workshop.pin_test(order.what or "")

    def _tested(self, caller: Caller) -> list[dict[str, Any]]:
        tests = self._workshop.self_test()
        bad = [test["name"] for test in tests if test["state"] == "bad"]
        self._lane.run(lambda desk: desk.note("config", {"what": "self_test", "bad": bad}, caller.by()))
        return tests

    def _override(self, caller: Caller, order: CommandIn) -> dict[str, Any]:
        session = caller.session
        if session is None:
            raise Denied("forbidden", "only a person can override")
        if not order.pin or not order.ref:
            raise Denied("pin", "an override asks for your PIN and the refusal it is about")
        self._access.check(session.staff, order.pin, session.pairing)
        ref = order.ref
        needs, limit = self._lane.run(lambda desk: _rules_of(desk, ref))
        second = self._second(order, session.staff, session.pairing)
        made = self._access.overrides(session.staff)
        if made >= limit and session.role == "attendant" and (second is None or second[1] != "supervisor"):
            raise Denied("limit", f"{made} of {limit} overrides are made: a supervisor has to agree")
        if needs and second is None:
            raise Denied("second_person", "a second person has to agree, with a PIN of their own")
        by = caller.by(order.key)
        name = second[0] if second else None
        answer = self._lane.run(
            lambda desk: desk.override(ref, by, reason=order.reason or "", second=name, open_=order.open)
        )
        self._access.overridden(session.staff)
        words = self._words.of(Verdict.GO, Reason.OVERRIDE, "")
        return answer | {"words": words, "overrides": made + 1, "per_shift": limit}

    def _second(self, order: CommandIn, first: str, device: str) -> tuple[str, str] | None:
        if not order.second:
            return None
        person = self._access.check(order.second, order.second_pin or "", device)
        if person.id == first:
            raise Denied("second_person", "the second person has to be another one")
        return person.id, person.role


def _rules_of(desk: Desk, ref: str) -> tuple[bool, int]:
    """Whether the refusal needs two people, and how many overrides a shift has. Raises: Refused."""
    return desk.needs_second(ref), desk.per_shift(ref, PER_SHIFT)
