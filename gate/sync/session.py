"""One enrolment at work: its loops, each with its own thread and its own pauses."""

from __future__ import annotations

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable

from gate.errors import TrustError, UplinkError
from gate.model import ClockTrust, EventId
from gate.settings import Settings
from gate.sqlitefile import destroy
from gate.sync import keys as device_keys
from gate.sync import tls
from gate.sync.board import OFFLINE, StatusBoard
from gate.sync.client import Client
from gate.sync.clocks import Offset, SyncClock
from gate.sync.feed import FeedReader
from gate.sync.files import BaseFiles
from gate.sync.folders import Folders
from gate.sync.heartbeat import Heartbeat
from gate.sync.loop import Loop
from gate.sync.outbox import Outbox
from gate.sync.protocol import HEARTBEAT_S, TIME_EVERY_S, TRUST_EVERY_S, Backoff
from gate.sync.pull import EventPuller, oldest_issued
from gate.sync.push import Pusher
from gate.sync.pushing import Pushing
from gate.sync.searching import Searching
from gate.sync.store import Store
from gate.sync.tasks import Tasks
from gate.sync.trusted import TrustKeeper
from gate.wire.enrol import Enrolment

_log = logging.getLogger(__name__)

IDLE_PAUSE_S = 1.0
"""After a long poll that ended at once with nothing: a server without long polls, or one that misbehaves."""

_JOIN_S = 1.0


class Session:
    """From `start` to `stop`. `revoked` is set when the server has withdrawn our access.

    Raises: StorageError, DamagedError, TrustError (the stored trust files are not of this enrolment).
    """

    def __init__(
        self,
        settings: Settings,
        enrolment: Enrolment,
        *,
        store: Store,
        folders: Folders,
        clock: SyncClock,
        board: StatusBoard,
    ) -> None:
        self.revoked = threading.Event()
        self._settings = settings.sync
        self._peer = enrolment.server
        self._noted: Offset | None = None
        self._heard_of = 0
        """The newest trust file that the server has named."""
        self._store = store
        self._clock = clock
        self._board = board
        own = device_keys.load(folders.device_key)
        self._keeper = TrustKeeper(bytes.fromhex(enrolment.root), store, clock)
        self._keeper.load(enrolment.trust)
        self._folders = folders
        self._files = BaseFiles(folders)
        self._client = Client(
            enrolment.url,
            clock=clock,
            timeout_s=settings.sync.timeout_s,
            nonce=lambda: secrets.token_hex(16),
            device=enrolment.device,
            keys=own,
            read_time=self._keeper.read_time,
            context=self._context(enrolment, folders),
            on_contact=board.contact,
            trust=lambda: max(self._keeper.version, self._heard_of),
            on_trust=self._trust_named,
        )
        events = settings.gate.events or tuple(EventId(event) for event in enrolment.events)
        self._pullers = [
            EventPuller(
                event, device=enrolment.device, keys=own, store=store, folders=folders, files=self._files,
                keeper=self._keeper, clock=clock,
            )
            for event in events
        ]  # fmt: skip
        self._feeds = [FeedReader(event, peer=enrolment.server, store=store) for event in events]
        self._outbox = Outbox(folders.journal_db)
        self._cap_s = float(settings.sync.backoff_max_s)
        self._backoffs: list[Backoff] = []
        self._pushing = Pushing(
            Pusher(peer=enrolment.server, most=settings.sync.batch, store=store, outbox=self._outbox, clock=clock),
            self._feeds,
            board,
            backoff=lambda: Backoff(random.random, self._cap_s),
            mono_s=time.monotonic,
        )
        self.tasks = Tasks(settings.sync.remote, enrolment.url, clock.mono_ms)
        self._heartbeat = Heartbeat(
            clock=clock,
            tasks=self.tasks,
            status=board.message,
            pull=self.pull_now,
            spread=self._spread,
            runtime=folders.runtime,
        )
        self.search = Searching(self._client, events, time.monotonic)
        self._loops = self._make_loops()

    def start(self) -> None:
        for puller in self._pullers:
            try:
                puller.load()
            except TrustError as error:
                self._board.trouble(f"manifest {puller.event}", str(error))
        self._show_data()
        for loop in self._loops:
            loop.start()

    def stop(self, wait_s: float = _JOIN_S) -> bool:
        """End the loops. One that waits in a long poll ends with it, and nothing is done with what it gets.

        Returns: whether all have ended within `wait_s`; may be called again.
        """
        self._client.stop()
        for loop in self._loops:
            loop.stop()
        deadline = time.monotonic() + wait_s
        ended = [loop.join(max(0.0, deadline - time.monotonic())) for loop in self._loops]
        if all(ended):
            self._client.close()
            self._outbox.close()
        return all(ended)

    def poke(self) -> None:
        """New rows in the journal."""
        self._push.poke()

    def pull_now(self) -> None:
        for loop in self._loops:
            if loop.name.startswith(("manifest", "feed", "trust")):
                loop.poke()

    def retry(self) -> None:
        """A person asked: everything now, set-aside records as well."""
        self._store.release_quarantine()
        self._pushing.resend(now=True)
        for loop in self._loops:
            loop.retry()

    def tick(self) -> None:
        """Called about twice a second by the worker: what is nobody's own loop."""
        self._note_offset()
        self._files.sweep(self._store.bases_in_use(), time.monotonic())
        self._board.put(quarantined=str(self._store.quarantine_count()), tasks_ignored=str(self.tasks.ignored))

    # ---- loops

    def _make_loops(self) -> list[Loop]:
        loops = [self._loop("time", self._time, TIME_EVERY_S), self._loop("trust", self._trust, TRUST_EVERY_S)]
        for puller in self._pullers:
            loops.append(self._loop(f"manifest {puller.event}", self._pulling(puller)))
        for feed in self._feeds:
            loops.append(self._loop(f"feed {feed.event}", self._feeding(feed)))
        self._push = self._loop("push", self._turn)
        return [*loops, self._push, self._loop("heartbeat", self._beat, HEARTBEAT_S)]

    def _loop(self, name: str, step: Callable[[], float], cap_s: float | None = None) -> Loop:
        backoff = Backoff(random.random, min(self._cap_s, cap_s or self._cap_s))
        self._backoffs.append(backoff)
        return Loop(name, step, backoff, ok=self._board.ok, failed=self._failed)

    def _failed(self, name: str, error: Exception) -> None:
        self._board.failed(name, error)
        if isinstance(error, UplinkError) and error.code in OFFLINE:
            self._pushing.away()
        if isinstance(error, UplinkError) and error.code == "revoked":
            self.revoked.set()
        if isinstance(error, TrustError) and error.code == "key":
            self._named("trust").poke()

    def _named(self, name: str) -> Loop:
        return next(loop for loop in self._loops if loop.name == name)

    def _time(self) -> float:
        self._client.measure_time()
        return TIME_EVERY_S

    def _note_offset(self) -> None:
        """Also one that was measured in between, because the server found a request's time wrong."""
        offset = self._clock.offset
        if offset is None or offset == self._noted:
            return
        self._noted = offset
        self._store.put_clock(self._clock.boot, offset.base_ms, offset.error_ms, "server")
        # The table has no column for when it was taken, and an offset counts for an hour.
        self._store.put_status({"clock_mono": str(offset.mono_ms)}, self._clock.now().at)

    def _trust(self) -> float:
        if self._keeper.refresh(self._client):
            for puller in self._pullers:
                self._ended(puller.event)
            self.pull_now()
        return TRUST_EVERY_S

    def _trust_named(self, version: int) -> None:
        """A newer trust file is there: a revoked key in it must not wait for the loop's own minute. Told of once: one that
        we cannot accept must not end every long poll."""
        self._heard_of = max(self._heard_of, version)
        if version > self._keeper.version:
            self._named("trust").poke()

    def _pulling(self, puller: EventPuller) -> Callable[[], float]:
        def step() -> float:
            started = time.monotonic()
            if self._ended(puller.event):
                return TRUST_EVERY_S
            if self._store.feed_cursor(puller.event) is None and self._store.event(puller.event) is None:
                # On a new card the lane must know what this gate and the others admitted before it has tickets to admit.
                FeedReader(puller.event, peer=self._peer, store=self._store).catch_up(self._client)
            news = puller.step(self._client, self._settings.wait_s)
            self._board.trouble(f"secrets {puller.event}", puller.trouble)
            if news:
                self._show_data()
            return 0.0 if news else self._rest(started)

        return step

    def _feeding(self, feed: FeedReader) -> Callable[[], float]:
        def step() -> float:
            started = time.monotonic()
            if self._ended(feed.event):
                return TRUST_EVERY_S
            news = feed.step(self._client, self._settings.wait_s)
            if feed.resend:
                feed.resend = False
                self._pushing.resend()
                self._push.poke()
            return 0.0 if news else self._rest(started)

        return step

    def _ended(self, event: str) -> bool:
        """The organiser has ended an event: nothing is asked about it any more, and the salt is destroyed by which this
        gate's hashes of its tickets could be told apart. Asked by the event's own loops too, that may just have stored more."""
        if not self._keeper.ended(EventId(event)):
            return False
        salt, told = destroy(self._folders.secrets_of(event)), self._store.end(event)
        if salt or told:
            _log.info("%s has ended: its secrets are destroyed and its tickets are forgotten", event)
            self._show_data()
        return True

    def _rest(self, started: float) -> float:
        return max(0.0, IDLE_PAUSE_S - (time.monotonic() - started))

    def _turn(self) -> float:
        return 0.0 if self._pushing.turn(self._client) else self._settings.poll_ms / 1000

    def _beat(self) -> float:
        self._heartbeat.step(self._client)
        return HEARTBEAT_S

    # ---- small things

    def _context(self, enrolment: Enrolment, folders: Folders) -> tls.PinnedContext | None:
        if not enrolment.url.startswith("https:"):
            return None
        enrolled = frozenset() if enrolment.spki is None else frozenset({bytes.fromhex(enrolment.spki)})

        def pins() -> frozenset[bytes]:
            """The trust file's, where it has any: so a server's key is exchanged without enrolling anew."""
            trust = self._keeper.current
            named = (
                {s.spki for s in trust.servers if s.id == enrolment.server and s.spki} if trust is not None else set()
            )
            return frozenset(named) or enrolled

        return tls.make_context(pins, folders.ca, self._certificate_time)

    def _certificate_time(self) -> int | None:
        moment = self._clock.now()
        return None if moment.trust is ClockTrust.UNTRUSTED else moment.at

    def _spread(self, seconds: float) -> None:
        """After an outage, gates come back spread over at least this time."""
        for backoff in self._backoffs:
            backoff.spread_s = seconds

    def _show_data(self) -> None:
        running = [puller for puller in self._pullers if not self._keeper.ended(EventId(puller.event))]
        events = {
            str(puller.event): {"seq": d.seq, "issued": d.issued, "cursor": d.cursor, "rows": d.base.rows}
            for puller in running
            if (d := puller.descriptor) is not None
        }
        self._board.data(oldest_issued(running), events)
