"""A reader on a real serial line (a pseudo terminal): texts, odd line ends, unplugging and plugging in again."""

from __future__ import annotations

import os
import pty
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gate.scanner.sources import Item, Line, Note
from gate.scanner.sources.faults import SourceError
from gate.scanner.sources.serialport import SerialSource
from gate.scanner.supervisor import ScannerProcess
from gate.settings import InputSettings
from tests.scanner.conftest import GT1
from tests.scanner.lane import Lane


class Port:
    """A pseudo terminal under a name that stays, as /dev/serial/by-id does."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master = -1
        self.plug()

    def plug(self) -> None:
        self._master, slave = pty.openpty()
        name = os.ttyname(slave)
        os.close(slave)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(name)

    def say(self, data: bytes) -> None:
        os.write(self._master, data)

    def unplug(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._link.unlink()
            self._master = -1


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    port = Port(tmp_path / "usb-reader")
    yield port
    port.unplug()


@pytest.fixture
def source(port: Port, tmp_path: Path) -> Iterator[SerialSource]:
    source = SerialSource(_settings(tmp_path))
    source.open()
    yield source
    source.close()


def _settings(folder: Path, suffix: str = "", **more: Any) -> InputSettings:
    return InputSettings(kind="serial", device=f"{folder}/usb-reader{suffix}", **more)


def _items(source: SerialSource, count: int, seconds: float = 60) -> list[Item]:
    found: list[Item] = []
    end = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < end:
        item = source.read()
        found += [item] if item is not None else []
    return found


def _texts(items: list[Item]) -> list[str]:
    return [item.text if isinstance(item, Line) else "?" for item in items]


def test_texts_end_by_any_line_end_and_nothing_else_is_changed(port: Port, source: SerialSource) -> None:
    port.say(f"{GT1}\r\nABC \rDEF\n\r\n".encode())
    assert _texts(_items(source, 3)) == [GT1, "ABC ", "DEF"]


def test_a_reader_without_line_end_is_ended_by_a_pause(port: Port, source: SerialSource) -> None:
    port.say(b"ABC")
    assert _texts(_items(source, 1)) == ["ABC"]


def test_a_text_in_pieces_is_one(port: Port, source: SerialSource) -> None:
    for piece in (b"GT1:", b"REST\r"):
        port.say(piece)
        # The line hands over in its own time; a text is only cut by a pause in which the source finds nothing.
        assert select.select([source._fd], [], [], 60)[0]
        item = source.read()
    assert isinstance(item, Line)
    assert item.text == "GT1:REST"


def test_control_bytes_reach_nobody_as_signals(port: Port, source: SerialSource) -> None:
    port.say(b"A\x03\x04\x1a\x13B\r")  # ^C ^D ^Z ^S would stop or end a terminal that is not raw
    assert _texts(_items(source, 1)) == ["A\x03\x04\x1a\x13B"]


def test_bytes_that_are_no_text_are_named_binary(port: Port, source: SerialSource) -> None:
    port.say(b"\xff\xfe\r" + b"x" * 3000)
    assert _items(source, 1) == [Note({"t": "binary"})]


def test_unplugging_is_named(port: Port, source: SerialSource) -> None:
    port.unplug()
    with pytest.raises(SourceError, match="was unplugged") as caught:
        _items(source, 1)
    assert caught.value.name == "unplugged"


def test_what_cannot_be_opened_is_named(port: Port, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no serial speed"):
        SerialSource(_settings(tmp_path, "@12345")).open()
    assert SerialSource(_settings(tmp_path, "@115200")).open().source.startswith("serial:")
    port.unplug()
    with pytest.raises(SourceError, match="plug it in"):
        SerialSource(_settings(tmp_path)).open()
    (tmp_path / "usb-reader").write_text("a file")
    with pytest.raises(SourceError, match="is no serial line"):
        SerialSource(_settings(tmp_path)).open()


def test_a_reader_that_is_unplugged_and_plugged_in_again_reads_on(
    port: Port, lane: Lane, started: Callable[..., ScannerProcess], tmp_path: Path
) -> None:
    started(lane, {"kind": "serial", "device": str(tmp_path / "usb-reader")}, backoff_s=(0.1, 0.3))
    lane.wait(lambda: bool(lane.of("hello")))
    assert lane.of("hello")[0]["engines"] == ["lines"]
    port.say(b"FIRST\r")
    lane.wait(lambda: bool(lane.of("appeared")))
    port.unplug()
    lane.wait(lambda: any(m["name"] == "unplugged" for m in lane.of("fault")))
    lane.wait(lambda: any(m["name"] == "no_source" for m in lane.of("fault")))
    port.plug()
    lane.wait(lambda: len(lane.of("hello")) == 2)
    port.say(b"SECOND\r")
    lane.wait(lambda: len(lane.of("appeared")) == 2)
    assert [(m["p"], m["text"]) for m in lane.of("appeared")] == [(1, "FIRST"), (2, "SECOND")]
