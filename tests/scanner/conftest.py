"""Shared by the scanner tests: texts, a short rendered video, and QR pictures. Drawn by the product's own simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import segno

from gate.scanner.frames import Picture
from gate.scanner.simulator import Scene, Shown, render_video
from gate.scanner.supervisor import ScannerProcess
from tests.scanner.lane import Lane, Message

GT1 = (
    "GT1:/2O5VSHRKDF3K.6F8GWR9572OI2/T2H-2 73+J3100000$JGEM00MPI0R*585ZN/48TDV402%MMXSEYCSHHR "
    "CIP7RMJMUVKIQIIUUDLP15I27CE5EQEN7WE$+P.76YXA.KI1F7/DCVOS$+U70"
)
"""A real signed ticket text (the published vector)."""

SCENES = (
    Scene(text=GT1, medium="phone", hold_s=0.7, gap_s=0.7),
    Scene(text=GT1[:-2] + "A1", medium="phone_dark", hold_s=0.7, gap_s=0.7),
    Scene(text="https://example.org/menu?table=7", medium="paper", title="Menu", hold_s=0.7, gap_s=0.7),
    Scene(text=GT1, medium="paper", hold_s=0.7, gap_s=0.7),
)
"""The first ticket comes back on paper at the end: presence, not the text, makes a presentation."""


class Video(NamedTuple):
    path: Path
    shown: list[Shown]
    fps: float


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    path = tmp_path_factory.mktemp("video") / "round-0001.mp4"
    return Video(path, render_video(SCENES, path, fps=30, seed=11, lead_s=0.5), 30)


@pytest.fixture(scope="session")
def qr() -> Callable[..., Picture]:
    """`qr(text or bytes, scale=6, **segno options)`: a clean symbol on white, gray."""

    def draw(content: str | bytes, scale: int = 6, **options: object) -> Picture:
        code = segno.make(content, **({"micro": False, "error": "m"} | options))
        modules = np.array([list(row) for row in code.matrix_iter(border=4)], dtype=bool)
        return np.where(modules, 20, 240).astype(np.uint8).repeat(scale, axis=0).repeat(scale, axis=1)

    return draw


@pytest.fixture(scope="session")
def place() -> Callable[..., Picture]:
    """`place(symbol, x, y, size=(1280, 720))`: a symbol on an empty gray frame."""

    def put(symbol: Picture, x: int, y: int, size: tuple[int, int] = (1280, 720)) -> Picture:
        frame = np.full((size[1], size[0]), 110, np.uint8)
        frame[y : y + symbol.shape[0], x : x + symbol.shape[1]] = symbol
        return frame

    return put


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    cv2.setNumThreads(1)


@pytest.fixture
def lane() -> Lane:
    return Lane()


@pytest.fixture
def started() -> Iterator[Callable[..., ScannerProcess]]:
    """Starts a scanner child that is given all the time a busy machine may take, unless the test says otherwise."""
    running: list[ScannerProcess] = []

    def start(lane: Lane, config: Message, **options: Any) -> ScannerProcess:
        scanner = ScannerProcess({"name": "cam0", **config}, lane, **{"start_s": 120, "stall_s": 60, **options})
        running.append(scanner)
        scanner.start()
        return scanner

    yield start
    for scanner in running:
        scanner.stop()
