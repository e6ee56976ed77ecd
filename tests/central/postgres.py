"""A PostgreSQL server of our own, for tests and benches: the system's programs, a folder that is thrown away, no root.

It listens on a socket in its folder only.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

_START_S = 90.0
_USER = "gate"
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """Runs in the child: a test run that is killed must not leave a database server behind."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


class Postgres:
    """Args:
    programs: folder of `initdb` and `postgres`.
    durable: with fsync, as in operation; tests need not wait for a disk that nobody will read again.
    """

    def __init__(self, programs: Path, *, durable: bool = False) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="gate-pg-", dir="/tmp"))
        self._numbers = itertools.count(1)
        # PostgreSQL refuses to run as root.
        self._owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self._folder, self._owner.pw_uid, self._owner.pw_gid)
        data = self._folder / "data"
        self._run(programs / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = {"listen_addresses": "", "unix_socket_directories": str(self._folder), "max_connections": "200"}
        if not durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._log = (self._folder / "log").open("wb")
        self.process = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), *flags],
            stdout=self._log, stderr=self._log, cwd=self._folder,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - it takes no lock
            **self._as_owner(),
        )  # fmt: skip
        self._wait()
        self.admin = psycopg.connect(self.url("postgres"), autocommit=True)

    def _as_owner(self) -> dict[str, object]:
        if os.geteuid() != 0:
            return {}
        return {"user": self._owner.pw_uid, "group": self._owner.pw_gid, "extra_groups": []}

    def _run(self, *command: object) -> None:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, cwd=self._folder, check=False,
            **self._as_owner(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def _wait(self) -> None:
        until = time.monotonic() + _START_S
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self._folder / "log").read_text()
                assert time.monotonic() < until, "PostgreSQL did not start"
                time.sleep(0.05)

    def url(self, database: str) -> str:
        return f"postgresql://{_USER}@/{database}?host={self._folder}"

    def create(self, template: str = "template0", name: str = "") -> str:
        """A new database, as a copy of another that nobody uses. Returns: its URL."""
        name = name or f"t{next(self._numbers)}"
        self.admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def close(self) -> None:
        self.admin.close()
        self.process.send_signal(signal.SIGQUIT)  # at once: the folder is thrown away, and no client is waited for
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)
