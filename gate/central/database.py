"""The one door to the database: a writer thread with group commit, and reading connections beside it.

No table is named here; what is special about an engine is in `engines`. One commit for all who wait: on a disk that needs
milliseconds to be sure, this decides how many check-ins a second there are, on SQLite and PostgreSQL alike.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, MetaData
from sqlalchemy.exc import DBAPIError

from gate.central import engines
from gate.errors import GateError, StorageError

T = TypeVar("T")
Job = Callable[[Connection], T]

_GROUP = 64
# Jobs that share one commit. More would only lengthen the answer time of the first of them.
_READERS = 4


class _Waiting(NamedTuple):
    job: Job[Any]
    future: Future[Any]
    repeatable: bool


class Database:
    """All writes run in one thread, in order; jobs that wait together share one commit, each in a savepoint of its own.

    Jobs that may be run twice go without savepoints first; when one of them fails, all are run again with them.

    Args:
        url: of SQLAlchemy, such as `sqlite:////var/lib/gate-central/central.db` or `postgresql+psycopg://...`.
    """

    def __init__(self, url: str) -> None:
        self._writer = engines.writer(url)
        self._reader = engines.reader(url, _READERS)
        self._jobs: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(_READERS, thread_name_prefix="central-read")
        self._thread = threading.Thread(target=self._run, name="central-write", daemon=True)
        self._closed = False
        self._thread.start()

    def create(self, metadata: MetaData) -> None:
        self.write(metadata.create_all)

    def submit(self, job: Job[T], *, repeatable: bool = False) -> Future[T]:
        """Queue a write. The future is done when the commit is on disk, or carries the job's exception.

        Args:
            repeatable: the job touches nothing but the database and may run again after a rollback.
        """
        future: Future[T] = Future()
        if self._closed:
            future.set_exception(StorageError("the database is closed"))
        else:
            self._jobs.put(_Waiting(job, future, repeatable))
        return future

    def write(self, job: Job[T]) -> T:
        return self.submit(job).result()

    @property
    def waiting(self) -> int:
        """Writes that have not begun."""
        return self._jobs.qsize()

    def submit_read(self, job: Job[T]) -> Future[T]:
        return self._pool.submit(self.read, job)

    def read(self, job: Job[T]) -> T:
        """Run in the calling thread, in one transaction: the job sees one moment of the database."""
        try:
            with self._reader.connect() as connection, connection.begin():
                return job(connection)
        except DBAPIError as error:
            raise StorageError(f"the database cannot be read: {error.orig}") from error

    def close(self) -> None:
        """Finish the queued writes, then close every connection. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._pool.shutdown()
        self._reader.dispose()
        self._writer.dispose()

    # ---- the writer thread

    def _run(self) -> None:
        while True:
            first = self._jobs.get()
            if first is None:
                return
            group, last = [first], False
            while len(group) < _GROUP:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                group.append(more)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Waiting]) -> None:
        done: list[tuple[Future[Any], Any]] = []
        try:
            if not all(waiting.repeatable for waiting in group) or not self._all_at_once(group, done):
                with self._writer.connect() as connection, connection.begin():
                    for waiting in group:
                        self._one(connection, waiting, done)
        except Exception as error:  # noqa: BLE001 - handed to everybody who waits
            for waiting in group:
                if not waiting.future.done():
                    waiting.future.set_exception(_translated(error))
            return
        for future, result in done:
            future.set_result(result)

    def _all_at_once(self, group: list[_Waiting], done: list[tuple[Future[Any], Any]]) -> bool:
        """Returns: whether every job was right; if not, nothing is written and `done` is empty."""
        try:
            with self._writer.connect() as connection, connection.begin():
                done.extend((waiting.future, waiting.job(connection)) for waiting in group)
        except Exception:  # noqa: BLE001 - found again, and told, in the second run
            done.clear()
            return False
        return True

    @staticmethod
    def _one(connection: Connection, waiting: _Waiting, done: list[tuple[Future[Any], Any]]) -> None:
        try:
            with connection.begin_nested():
                result = waiting.job(connection)
        except Exception as error:  # noqa: BLE001 - the job's failure is for whoever waits; the others go on
            waiting.future.set_exception(_translated(error))
        else:
            done.append((waiting.future, result))


def _translated(error: Exception) -> Exception:
    if isinstance(error, DBAPIError):
        translated: GateError = StorageError(f"the database refused a write: {error.orig}")
        translated.__cause__ = error
        return translated
    return error
