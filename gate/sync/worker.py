"""The sync process: waits for an enrolment, works by it, and ends cleanly when told to."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from typing import Any

from gate import __version__
from gate.errors import FormatError, GateError, StorageError
from gate.settings import Settings
from gate.sqlitefile import destroy
from gate.sync import enrolment as enrolments
from gate.sync.board import StatusBoard
from gate.sync.clocks import SyncClock, read_boot
from gate.sync.folders import Folders
from gate.sync.searching import refused
from gate.sync.session import Session
from gate.sync.socket import CommandSocket
from gate.sync.store import Store

_log = logging.getLogger(__name__)

TICK_S = 0.5
"""How soon a new enrolment is seen and a changed status is written: half a blink for a person at the screen."""

_ROOT = "root"
# Status row that remembers whose data sync.db holds.
_NOT_ENROLLED = "not enrolled yet: show the enrolment code to the camera, or run `gate enrol`"
_WAITS = (
    "this gate is not enrolled, and waits for it: make a code with `gate central device add` on the server, then show it to "
    "the camera or run `gate enrol 'GE1:...'` here"
)
_REVOKED = "this gate's access was revoked by the server; its secrets are wiped"


class Worker:
    """`run` blocks until `stop`; both may be called from different threads.

    Raises: StorageError: the folders, sync.db, or another sync process is at work here.
    """

    def __init__(self, settings: Settings, clock: SyncClock | None = None) -> None:
        self._settings = settings
        self._folders = Folders(settings.gate.state_dir, settings.gate.runtime_dir)
        self._clock = clock or SyncClock(read_boot())
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._ending: Session | None = None
        self._seen: tuple[int, int] | None = None
        self._told = False
        """That an enrolment is waited for: said once, not twice a second."""
        self._folders.make()
        self._guard = only_one(self._folders)
        self._store = Store(self._folders.sync_db)
        self.board = StatusBoard(lambda: self._clock.now().at)

    def run(self) -> None:
        socket = CommandSocket(self._folders.socket, self.command)
        socket.start()
        try:
            self._tick()
            while not self._stop.wait(TICK_S):
                self._tick()
        finally:
            socket.stop()
            self._end_session()
            self.board.alone()
            self.board.flush(self._store)
            self._store.close()
            os.close(self._guard)

    def stop(self) -> None:
        self._stop.set()

    def command(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request of `sync.sock` (contracts 6). Raises: GateError: the answer is `ok: false` with its code."""
        do = request.get("do")
        if do == "status":
            return self.board.message()
        if do == "enrol":
            return self._enrol(request)
        if do in ("poke", "retry"):
            with self._lock:
                if self._session is not None:
                    self._session.poke() if do == "poke" else self._session.retry()
            return {}
        if do == "tasks":
            with self._lock:
                return {"tasks": self._session.tasks.hand_out() if self._session is not None else []}
        if do in ("search", "reveal"):
            with self._lock:
                session = self._session
            if session is None:
                return refused("unreachable", "this gate is not enrolled with a server")
            return session.search.search(request) if do == "search" else session.search.reveal(request)
        raise _Unsupported(f"{do!r} is not supported")

    # ---- enrolment

    def _enrol(self, request: dict[str, Any]) -> dict[str, Any]:
        text = request.get("text")
        if not isinstance(text, str):
            raise FormatError("enrol needs a text")
        given = request.get("journal_pub")
        journal_pub = bytes.fromhex(given) if isinstance(given, str) else read_journal_pub(self._folders)
        found = enrolments.enrol(
            text,
            self._folders,
            journal_pub=journal_pub,
            machine=this_machine(),
            clock=self._clock,
            nonce=lambda: os.urandom(16).hex(),
            timeout_s=self._settings.sync.timeout_s,
        )
        _log.info("enrolled as %s at %s by %s", found.device, found.server, request.get("by", "unknown"))
        return {"device": found.device, "gate": found.gate, "org": found.org, "events": list(found.events)}

    # ---- the worker's own thread

    def _tick(self) -> None:
        try:
            if self._settings.sync.backend == "central":
                self._follow_enrolment()
            else:
                self.board.trouble("backend", f"no server is used ([sync] backend = {self._settings.sync.backend})")
            session = self._session
            if session is not None:
                session.tick()
                if session.revoked.is_set():
                    self._revoked()
            self.board.flush(self._store)
        except GateError as error:
            _log.error("%s", error)
            self.board.failed("sync", error)

    def _follow_enrolment(self) -> None:
        try:
            stat = self._folders.enrolment.stat()
        except FileNotFoundError:
            if self._session is None:
                self.board.trouble("enrolment", _NOT_ENROLLED)
                if not self._told:
                    _log.warning(_WAITS)
                    self._told = True
            return
        seen = (stat.st_ino, stat.st_mtime_ns)
        if seen == self._seen:
            return
        self._end_session()
        if self._ending is not None:
            # sync.db must not change hands while a loop of the former enrolment may still write.
            if not self._ending.stop():
                return
            self._ending = None
        self._seen = seen
        try:
            self._begin()
        except GateError as error:
            _log.error("%s", error)
            self.board.failed("enrolment", error)

    def _begin(self) -> None:
        found = enrolments.load(self._folders)
        if found is None:
            return
        if self._store.status().get(_ROOT, found.root) != found.root:
            _log.warning("enrolled by another organisation: the former one's data is dropped")
            self._store.clear()
        self._store.put_status({_ROOT: found.root}, self._clock.now().at)
        session = Session(
            self._settings, found, store=self._store, folders=self._folders, clock=self._clock, board=self.board
        )
        self.board.alone()
        self.board.put(enrolled="yes", peer=found.server, device=found.device)
        session.start()
        with self._lock:
            self._session = session

    def _end_session(self) -> None:
        with self._lock:
            session, self._session = self._session, None
        if session is not None and not session.stop():
            self._ending = session

    def _revoked(self) -> None:
        """Contracts 5: stop, wipe secrets, keep the journal. A new enrolment starts again."""
        self._end_session()
        for path in self._folders.secrets.iterdir():
            destroy(path)
        self.board.alone()
        self.board.put(enrolled="no")
        _log.warning(_REVOKED)
        self.board.trouble("enrolment", _REVOKED)


class _Unsupported(GateError):
    code = "not_supported"


def this_machine() -> enrolments.Machine:
    system = os.uname()
    return enrolments.Machine(hardware=f"{system.machine} {system.nodename}", software=f"gate {__version__}")


def read_journal_pub(folders: Folders) -> bytes:
    """The public half of the lane's journal key, which the lane leaves beside it. Raises: StorageError."""
    path = folders.state / "journal.pub"
    try:
        public = path.read_bytes()
    except OSError as error:
        raise StorageError(f"the journal's public key is not there yet: start the lane first ({path})") from error
    if len(public) != 32:
        raise StorageError(f"{path} does not hold an Ed25519 public key")
    return public


def only_one(folders: Folders) -> int:
    """sync.db has one writer: a second process stops here. Returns: the handle that holds the lock while open."""
    path = folders.state / "sync.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StorageError(f"another sync process works in {folders.state}") from error
    return handle
