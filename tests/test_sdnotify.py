"""What reaches systemd's socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gate.sdnotify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(60)
        yield channel


def test_each_call_is_one_datagram(systemd: socket.socket) -> None:
    n = Notifier({"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": "10000000"})
    assert n.wanted
    n.ready("entry open\nlocal only")
    n.watchdog()
    n.status("camera gone")
    n.status("camera gone")
    n.stopping()
    assert [systemd.recv(4096) for _ in range(4)] == [
        b"READY=1\nSTATUS=entry open local only",
        b"WATCHDOG=1",
        b"STATUS=camera gone",
        b"STOPPING=1",
    ]
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(4096)


def test_an_abstract_socket_is_reached(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("\0gate-test-" + tmp_path.name + str(id(tmp_path)))
        channel.settimeout(60)
        Notifier({"NOTIFY_SOCKET": "@" + channel.getsockname()[1:].decode()}).stopping()
        assert channel.recv(100) == b"STOPPING=1"


def test_without_systemd_nothing_happens() -> None:
    n = Notifier({})
    assert not n.wanted
    n.ready()
    n.watchdog()


def test_a_socket_that_is_gone_does_not_stop_the_gate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).stopping()
    assert "could not be told" in caplog.text


@pytest.mark.parametrize(
    ("environment", "fed"),
    [
        ({"WATCHDOG_USEC": "10000000"}, 5),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "42"}, 5),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "43"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({}, 0),
    ],
)
def test_the_watchdog_is_fed_four_times_in_its_time_and_only_if_it_is_ours(
    systemd: socket.socket, environment: dict[str, str], fed: int
) -> None:
    now = 0.0
    n = Notifier({"NOTIFY_SOCKET": systemd.getsockname(), **environment}, pid=42, monotonic=lambda: now)
    for i in range(101):
        now = i / 10
        n.watchdog()
    n.stopping()
    assert [systemd.recv(100) for _ in range(fed + 1)] == [b"WATCHDOG=1"] * fed + [b"STOPPING=1"]
