"""The lane process: builds every adapter, joins them, turns the admission loop. The only module that knows them all.

Start in order: journal, world, pins, screen, scanners; stop in reverse. The main thread is the admission thread: all
others hand it small tasks through the inbox, so scans, pins and news of sync are answered one after another.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from gate import __version__, steps
from gate.actuator.gpio import GpioActuator
from gate.actuator.profiles import check_profiles
from gate.ears import Ears
from gate.errors import DamagedError, StorageError
from gate.footing import only_one, prepare, way_of
from gate.health import PROBE_S, Health, Parts, disk_of, status_line
from gate.kiosk.app import create_app
from gate.kiosk.assets import find_ui
from gate.kiosk.serve import KioskServer
from gate.lane.commands import Desk
from gate.lane.lane import Lane
from gate.lane.screen import Screen
from gate.lane.world import World
from gate.laneview import LaneView
from gate.ports import PinEvent
from gate.remote import RemoteTasks
from gate.sdnotify import Notifier
from gate.settings import Settings
from gate.staffroom import CaseNumbers, InboxDesk, StaffRoom
from gate.storage.aside import mark_damaged, set_aside_if_broken
from gate.storage.journal import JournalStore
from gate.storage.keys import journal_key
from gate.storage.news import News, SyncWatch
from gate.storage.numbers import find_keys
from gate.storage.retention import forget_old, note_days
from gate.storage.tickets import TicketBook
from gate.storage.world import read_acked, read_enrolment
from gate.sync import lanefile
from gate.sync.ask import Poker
from gate.systemclock import SystemClock
from gate.told import ToldJournal
from gate.workshop import GateWorkshop, LogTail

logger = logging.getLogger(__name__)

BUILD_TIME_MS = 1_793_000_000_000
"""Trusted time is not before this release was made."""
TICK_S = 0.02
_VOUCH_S = 1.0
"""The heartbeat of the pins stops so long after the last turn of a gate that is well."""
_TASKS_MAX = 100
_STATE_MS = 2_000
"""Ages and the clock on the screen move although nothing happens."""
_KEEP_TIME_MS = 600_000
_SALT_BYTES = 32

Task = Callable[[], None]


class GateApp:
    """One gate at work.

    Args:
        demo: serve `/demo`, and let pictures and video marks reach the view's listeners.
    """

    def __init__(self, settings: Settings, *, demo: bool = False, config: Path | None = None) -> None:
        self.settings = settings
        self.config = config
        """The file that the settings are from, so that a technician is told what is wrong with it now."""
        self.staff: StaffRoom | None = None
        self.demo = demo
        self.inbox: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.view = LaneView(lambda wanted: self.ears.preview(wanted))
        self._state_due_ms = 0.0
        self._keep_time_due_ms = 0.0
        self._health_due_ms = 0.0
        self._unused: World | None = None
        """A world whose files could not be opened: tried again."""
        self._stack = ExitStack()

    # ---- life

    def run(self, ready: Callable[[GateApp, int], None]) -> None:
        """Start everything, call `ready(app, port)` before the first scan, work until `stop`, end with safe pins.

        Raises: GateError when a part cannot be had: a gate without journal or pins must not look alive.
        """
        with self._stack:
            self._build()
            steps.reach("app.ready")
            self.notifier.ready(self._status())
            ready(self, self.port)
            # Last of all: nothing is read before everything can answer.
            self.ears.start(self.settings.inputs, self._stack)
            self._remote.start()
            while not self.stopping.is_set():
                self._turn()
            self.notifier.stopping()
        if self.health.damaged:
            raise DamagedError("the journal is broken; the next start moves it aside and goes on")

    def at_end(self, action: Callable[[], object]) -> None:
        """Called first of all when the gate stops."""
        self._stack.callback(action)

    def stop(self) -> None:
        """From any thread or signal handler."""
        self.stopping.set()

    def _turn(self) -> None:
        """What waits, then deadlines. In this order: after a stall of the disk, the entry of somebody who passed in time
        must not be annulled because the news of it still waits."""
        steps.reach("app.turn")
        for task in self._waiting():
            self._try(task)
        for task in (self.lane.tick, self.ears.ask_held, self.ears.ask_again, self.ears.expire, self._now_and_then):
            self._try(task)
        if self._alive():
            self.notifier.watchdog()
            self.actuator.vouch(_VOUCH_S)

    def _waiting(self) -> Iterator[Task]:
        """The next task, and those that came while it was done; not without end, for deadlines must come too."""
        try:
            yield self.inbox.get(timeout=TICK_S)
            for _ in range(_TASKS_MAX):
                yield self.inbox.get_nowait()
        except queue.Empty:
            return

    def _alive(self) -> bool:
        """Pins, inputs and journal, each. A commit that hangs keeps this thread from coming here; a camera that is gone
        is said on the screen, but somebody must be trying to get it back."""
        return self.actuator.alive() and self.ears.alive and not self.health.damaged

    def _look_after(self) -> None:
        """Faults, status line; a broken journal ends this life, for the next start moves it aside."""
        moment = self.clock.now()
        self.lane.set_faults(self.health.look(self.clock.mono_ms() / 1000, moment, self.lane.world))
        self.view.measured(
            gate_disk_free_bytes=self.health.free_bytes, gate_unrecorded_scans_total=self.lane.unrecorded
        )
        self.notifier.status(self._status())
        if self.health.damaged and not self.stopping.is_set():
            logger.critical("the journal is broken: this gate starts again")
            mark_damaged(self.settings.gate.state_dir / "journal.db")
            self.stop()

    def _status(self) -> str:
        return status_line(self.settings.gate.id, self.lane.world, self.lane.faults, self.view.openings())

    def _now_and_then(self) -> None:
        now = self.clock.mono_ms()
        if now > self._health_due_ms:
            self._health_due_ms = now + PROBE_S * 1000
            self._look_after()
        if now > self._state_due_ms:
            self._state_due_ms = now + _STATE_MS
            self.lane.publish_state()
            self._tell_sync()
            if self._unused is not None:
                self._use(self._unused)
        if now > self._keep_time_due_ms:
            self._keep_time_due_ms = now + _KEEP_TIME_MS
            self._journal.keep_time(self.clock.now())
        if self.staff is not None:
            self.staff.tick()

    def _tell_sync(self) -> None:
        """How the lane is, for the heartbeat to the server."""
        state = self.view.state()
        status = {
            "lane": {key: state.get(key) for key in ("lane", "faults")},
            "inputs": {item.name: self.ears.states.get(item.name, "silent") for item in self.settings.inputs},
            "counts": self.view.openings(),
        }
        try:
            lanefile.write(self.settings.gate.runtime_dir, int(self.clock.mono_ms()), self.clock.boot, status)
        except OSError:
            logger.exception("the lane's state could not be written for sync")

    @staticmethod
    def _try(task: Task) -> None:
        try:
            task()
        except Exception:  # one bad message must not stop the gate
            logger.exception("a task of the admission loop failed")

    def _build(self) -> None:
        settings, stack = self.settings, self._stack
        profiles = check_profiles(settings)
        state_dir = settings.gate.state_dir
        prepare(state_dir, settings.gate.runtime_dir)
        stack.enter_context(only_one(state_dir))
        self.notifier = Notifier(os.environ)
        key = journal_key(state_dir)
        aside = set_aside_if_broken(state_dir / "journal.db", time.time_ns() // 1_000_000)
        journal = JournalStore(
            state_dir / "journal.db",
            gate=settings.gate.id,
            key=key,
            random=os.urandom,
            head_every=settings.journal.head_every,
        )
        stack.callback(journal.close)
        for name, value in (aside.meta if aside else {}).items():
            journal.set_meta(name, value)
        steps.reach("app.journal")
        self.clock = SystemClock(max(BUILD_TIME_MS, int(journal.meta("clock_floor") or 0)))
        salt = journal.meta("scan_salt")
        if salt is None:
            salt = os.urandom(_SALT_BYTES).hex()
            journal.set_meta("scan_salt", salt)
        self.actuator = GpioActuator(
            settings,
            profiles=profiles,
            on_input=lambda event: self.inbox.put(lambda: self._pin(event)),
            on_change=lambda pins: self.view.publish({"t": "pins", **pins}),
        )
        stack.callback(self.actuator.close)
        self.view.publish({"t": "pins", **self.actuator.snapshot()})
        self._poker = Poker(settings.gate.runtime_dir / "sync.sock")
        stack.callback(self._poker.close)
        self.tickets = TicketBook(state_dir, settings.gate.id)
        stack.callback(self.tickets.close)
        told = ToldJournal(journal, self.view, self._poker)
        self.lane = Lane(
            ways={name: way_of(settings, name, profiles[name]) for name in settings.lanes},
            clock=self.clock,
            tickets=self.tickets,
            journal=told,
            actuator=self.actuator,
            screens=self.view,
            screen=Screen(
                languages=settings.gate.languages, demo=self.demo, without_record=settings.decision.disk_full
            ),
            scan_salt=bytes.fromhex(salt),
            clock_policy=settings.decision.clock_untrusted,
        )
        self.ears = Ears(lane=self.lane, view=self.view, inbox=self.inbox, clock=self.clock, demo=self.demo)
        self._journal = journal
        told.health = self.health = self._build_health(aside is not None)
        boot: dict[str, object] = {"version": __version__}
        if aside is not None:
            boot["set_aside"] = {"file": aside.file, "why": aside.why}
        journal.write_boot(self.clock.now(), read_acked(state_dir), boot)
        for event in forget_old(journal, state_dir, self.clock.now()):
            logger.info("the rows of %s were kept long enough and are forgotten", event)
        steps.reach("app.booted")
        watch = SyncWatch(
            state_dir,
            gate=settings.gate.id,
            events=settings.gate.events,
            boot=self.clock.boot,
            now_s=lambda: self.clock.now().seconds,
            tell=lambda news: self.inbox.put(lambda: self._news(news)),
        )
        watch.check()
        while not self.inbox.empty():
            self.inbox.get()()
        watch.start()
        stack.callback(watch.stop)
        staff = self._build_staff(told, bytes.fromhex(salt))
        app = create_app(self.view, ui_dir=find_ui(), demo=self.demo, staff=staff.local())
        server = KioskServer(app, port=settings.kiosk.display_port)
        stack.callback(server.stop)
        self.lane.publish_state()
        self.port = server.start()
        if settings.kiosk.lan:
            staff.open_lan()

    def _build_health(self, set_aside: bool) -> Health:
        parts = Parts(
            pins=lambda: self.actuator.alive(),
            inputs=lambda: {scanner.name: scanner.alive for scanner in self.ears.scanners},
            disk=lambda: disk_of(self.settings.gate.state_dir),
            write=lambda: self._journal.keep_time(self.clock.now()),
        )
        room = self.settings.journal.min_free_mib
        return Health(parts, min_free_mib=room, set_aside=set_aside, now_s=self.clock.mono_ms() / 1000)

    def _build_staff(self, told: ToldJournal, salt: bytes) -> StaffRoom:
        """What people at the lane need; it hears every row from here on."""
        settings, stack = self.settings, self._stack
        state_dir = settings.gate.state_dir
        enrolment = read_enrolment(state_dir)
        desk = Desk(
            self.lane,
            clock=self.clock,
            tickets=self.tickets,
            journal=told,
            screens=self.view,
            find=lambda event, prefix: find_keys(state_dir, event, prefix),
            scan_salt=salt,
            clock_policy=settings.decision.clock_untrusted,
            next_case=CaseNumbers(self._journal, enrolment.case_next if enrolment else 1).take,
        )
        tail = LogTail()
        logging.getLogger().addHandler(tail)
        stack.callback(logging.getLogger().removeHandler, tail)
        workshop = GateWorkshop(
            settings,
            view=self.view,
            desk=desk,
            actuator=self.actuator,
            clock=self.clock,
            tail=tail,
            inbox=self.inbox,
            config_path=self.config,
        )
        stack.callback(workshop.close)
        self.staff = StaffRoom(
            settings,
            view=self.view,
            desk=desk,
            inbox=self.inbox,
            clock=self.clock,
            workshop=workshop,
            ui_dir=find_ui(),
            stack=stack,
        )
        workshop.lan = self.staff.network
        self._remote = RemoteTasks(settings, InboxDesk(desk, self.inbox), self.staff.once, self.clock.mono_ms)
        stack.callback(self._remote.close)
        told.hear = desk.heard
        return self.staff

    # ---- what the others say

    def _pin(self, event: PinEvent) -> None:
        self.lane.pin(event)
        if event.name == "staff" and event.active and self.staff is not None:
            self.staff.button()

    def _news(self, news: News) -> None:
        if news.offset is not None:
            taken = news.status.get("clock_mono")
            self.clock.set_offset(*news.offset, taken if isinstance(taken, int) else None)
        if news.world is not None:
            self._use(news.world)
        self.lane.note_clock()
        self.lane.report(
            mode=str(news.status.get("mode", "local")),
            queue=int(news.status.get("queue", 0)),
            last_error=news.status.get("last_error") or None,
        )

    def _use(self, world: World) -> None:
        self.clock.raise_floor(world.newest_issued_ms)
        try:
            self.tickets.use(world)
        except StorageError:
            if self._unused is not world:
                logger.exception("the new manifest could not be opened: nobody is answered by the old one")
            self._unused = world
            return
        self._unused = None
        self.lane.set_world(world)
        self._try(lambda: note_days(self._journal, world))  # a full disk must not keep a new manifest out
        self.notifier.status(self._status())
