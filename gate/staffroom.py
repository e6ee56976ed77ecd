"""Joins the staff pages to this gate: kiosk.db, sign-in, the desk at the lane, the LAN listener with its certificate.

A part of the application layer, like `gate.app`, which makes one at start and tells it of committed rows and buttons.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import segno
from fastapi import FastAPI

from gate.clock import Clock
from gate.errors import FormatError, GateError
from gate.kiosk.live import Live
from gate.kiosk.serve import KioskServer
from gate.kiosk.staff.access import Access, Session
from gate.kiosk.staff.acts import Acts, Words
from gate.kiosk.staff.api import Parts
from gate.kiosk.staff.app import add_staff, create_staff_app
from gate.kiosk.staff.callers import Callers
from gate.kiosk.staff.door import Allowance
from gate.kiosk.staff.once import Once
from gate.kiosk.staff.ports import LaneAway, Workshop
from gate.kiosk.tls import Certificate, certificate, from_files
from gate.lane.commands import Desk
from gate.lane.orders import By, override_reasons
from gate.laneview import LaneView
from gate.settings import Settings
from gate.storage.journal import JournalStore
from gate.storage.kioskdb import KioskDb
from gate.wire.journal import Record
from gate.wire.secrets import StaffPin, parse_secrets

logger = logging.getLogger(__name__)

WAIT_S = 5.0
"""The lane answers in milliseconds; longer means a stalled disk, and the handheld is told so."""
_REASONS_MAX = 20
"""As many as a phone can offer."""
_CASES_AHEAD = 50
"""Case numbers taken from the file at once: a power cut skips some, none comes twice."""
T = TypeVar("T")
Task = Callable[[], None]


class InboxDesk:
    """See `ports.LaneDesk`: hands a task to the admission thread and waits for it."""

    def __init__(self, desk: Desk, inbox: queue.SimpleQueue[Task], wait_s: float = WAIT_S) -> None:
        self._desk = desk
        self._inbox = inbox
        self._wait_s = wait_s

    def run(self, task: Callable[[Desk], T]) -> T:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(task(self._desk))
            except BaseException as error:  # noqa: BLE001 - it is raised again where it was asked for
                future.set_exception(error)

        self._inbox.put(work)
        try:
            return future.result(self._wait_s)
        except TimeoutError:
            if not future.cancel():  # it has begun, so it will end: its result must not get lost
                return future.result(4 * self._wait_s)
            raise LaneAway("the gate is busy: nothing was done, try again") from None


class CaseNumbers:
    """Counters of case numbers, each given once in the life of this gate."""

    def __init__(self, journal: JournalStore, first: int) -> None:
        self._journal = journal
        self._next = max(first, int(journal.meta("case_next") or 1))
        self._upto = self._next

    def take(self) -> int:
        """Admission thread only. Raises: StorageError."""
        if self._next >= self._upto:
            self._journal.set_meta("case_next", str(self._next + _CASES_AHEAD))
            self._upto = self._next + _CASES_AHEAD
        self._next += 1
        return self._next - 1


class StaffRoom:
    """
    Args:
        desk: what staff can do at the lane.
        workshop: what technicians see and do.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        view: LaneView,
        desk: Desk,
        inbox: queue.SimpleQueue[Task],
        clock: Clock,
        workshop: Workshop,
        ui_dir: Path,
        stack: ExitStack,
    ) -> None:
        self.settings = settings
        self._view = view
        self._clock = clock
        self._ui_dir = ui_dir
        self._workshop = workshop
        self._desk = desk
        self._inbox = inbox
        self._store = KioskDb(settings.gate.state_dir / "kiosk.db")
        stack.callback(self._store.close)
        self._lane = InboxDesk(desk, inbox)
        self._people = _People(settings.gate.state_dir / "secrets")
        self.access = Access(self._store, self._people, settings.kiosk, now_ms=self._now_ms, audit=self._audit)
        self.once = Once(self._store, self._now_ms)
        words = Words(ui_dir, settings.gate.languages)
        self._acts = Acts(self._lane, self.access, workshop, self.once, words, self.begin_pairing)
        self.allowance = Allowance(time.monotonic)
        self._offer_until = 0
        self.certificate: Certificate | None = None
        self.lan_port: int | None = None
        self._stack = stack

    def _now_ms(self) -> int:
        return self._clock.now().at

    def _audit(self, data: dict[str, Any], actor: str | None) -> None:
        """Sign-ins and their refusals are written down; a disk that takes nothing must not lock staff out."""
        by = By(actor=actor, input="kiosk")
        self._inbox.put(lambda: _written(lambda: self._desk.note("config", data, by)))

    # ---- pairing

    def begin_pairing(self, via: str, session: Session | None = None) -> int:
        """Show on the gate's screen, for two minutes, what a phone needs. Any thread. Returns: Unix ms of its end."""
        code, until = self.access.offer(via)
        url = f"{self.lan_url()}/staff#pair={code}" if self.lan_port else ""
        offer = {
            "url": url,
            "host": self.lan_url() if self.lan_port else "",
            "code": f"{code[:4]}-{code[4:]}",
            "until": until,
            "fingerprint": self.certificate.fingerprint if self.certificate else "",
            "qr": _modules(url) if url else [],
        }
        self._offer_until = until
        self._inbox.put(lambda: self._desk.pair(offer))
        return until

    def tick(self) -> None:
        """Now and then, on the admission thread: takes the offer from the screen when it is over or used."""
        if self._offer_until and (self._now_ms() > self._offer_until or not self.access.offering()):
            self._offer_until = 0
            self._desk.pair(None)

    def button(self) -> None:
        """The staff button was pressed: whoever stands there may pair a phone."""
        if self.lan_port and not self._offer_until:
            self.begin_pairing("staff_button")

    # ---- applications

    def local(self) -> Callable[[FastAPI, Live], None] | None:
        """What adds the staff pages to the display's application, when this gate wants them there."""
        if not self.settings.kiosk.local_staff:
            return None
        parts = self._parts(secure=False, local=True)
        return lambda app, live: add_staff(app, parts, self._store, live, self._ui_dir)

    def open_lan(self) -> None:
        """Start the LAN listener. Raises: DeviceError, StorageError."""
        kiosk = self.settings.kiosk
        names = lan_names(kiosk.name)
        if kiosk.tls_cert:
            self.certificate = from_files(Path(kiosk.tls_cert), Path(kiosk.tls_key))
        else:
            now = dt.datetime.fromtimestamp(self._now_ms() / 1000, dt.UTC)
            folder = self.settings.gate.state_dir / "kiosk-tls"
            self.certificate = certificate(folder, self.settings.gate.id, names, now)
        app = create_staff_app(
            self._view,
            self._parts(secure=True, local=False),
            self._store,
            ui_dir=self._ui_dir,
            names=frozenset(names),
            ca=self.certificate.ca,
        )
        tls = (self.certificate.cert, self.certificate.key)
        server = KioskServer(app, host="0.0.0.0", port=kiosk.lan_port, tls=tls)  # noqa: S104 - phones are on the LAN
        self._stack.callback(server.stop)
        self.lan_port = server.start()
        logger.info("staff pages at %s", self.lan_url())

    def lan_url(self) -> str:
        name = self.settings.kiosk.name or next(iter(addresses()), "127.0.0.1")
        return f"https://{name}:{self.lan_port}"

    def network(self) -> dict[str, Any]:
        """For the technician: where phones find this gate."""
        return {
            "addresses": addresses(),
            "url": self.lan_url() if self.lan_port else None,
            "fingerprint": self.certificate.fingerprint if self.certificate else None,
        }

    def _parts(self, *, secure: bool, local: bool) -> Parts:
        return Parts(
            access=self.access,
            callers=Callers(self.access, secure=secure, local=local),
            acts=self._acts,
            workshop=self._workshop,
            gate=self._gate,
            now_ms=self._now_ms,
            allowance=self.allowance,
        )

    def _gate(self) -> dict[str, Any]:
        """What anybody who opens the page may see: it hangs over the door anyway."""
        state = self._view.state()
        events = self._desk.lane.world.events
        gates = [gate for event in events for gate in event.policy.gates.values() if gate.id != event.gate.id]
        return {
            "gate": state.get("gate"),
            "tz": events[0].policy.tz if events else None,
            "reasons": {event.id: override_reasons(event)[:_REASONS_MAX] for event in events},
            "neighbours": list(dict.fromkeys(gate.short for gate in gates))[:6],
            "languages": list(self.settings.gate.languages),
            "lanes": list(self.settings.lanes),
            "own_ca": bool(self.certificate and self.certificate.ca),
        }

    def heard(self, record: Record) -> None:
        self._desk.heard(record)


class _People:
    """Staff of every event's secrets, read again only when sync has written them anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamps: tuple[tuple[str, int], ...] | None = None
        self._staff: tuple[StaffPin, ...] = ()

    def __call__(self) -> Sequence[StaffPin]:
        paths = sorted(self._folder.glob("*.cbor"))
        stamps = tuple((path.name, path.stat().st_mtime_ns) for path in paths if path.exists())
        if stamps != self._stamps:
            found: list[StaffPin] = []
            for path in paths:
                try:
                    found += parse_secrets(path.read_bytes()).staff
                except (OSError, FormatError):
                    logger.warning("the staff of %s cannot be read", path.name)
            self._staff, self._stamps = tuple(found), stamps
        return self._staff


def _written(act: Callable[[], object]) -> None:
    try:
        act()
    except GateError:
        logger.exception("a row about access could not be written")


def _modules(text: str) -> list[str]:
    """Rows of a QR code as `0` and `1`: the page draws it, so that no image has to be trusted."""
    return ["".join("1" if cell else "0" for cell in row) for row in segno.make(text, error="m").matrix]


def addresses() -> list[str]:
    """This machine's own addresses on its networks, loopback last left out; the one of the default route first."""
    found: list[str] = []
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))  # sends nothing: only asks which address would be used
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    try:
        found += [str(item[4][0]) for item in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    except OSError:
        logger.debug("the host name has no address of its own")
    return [item for item in dict.fromkeys(found) if item not in ("127.0.0.1", "127.0.1.1", "::1")]


def lan_names(extra: str) -> list[str]:
    host = socket.gethostname().split(".")[0].lower()
    names = [extra, *addresses(), host, f"{host}.local", "localhost", "127.0.0.1"]
    return [name for name in dict.fromkeys(names) if name]
