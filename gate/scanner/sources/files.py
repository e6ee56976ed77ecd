"""Video files and image folders, played in real time like a camera."""

from __future__ import annotations

import glob
import os
import time
from pathlib import Path

import cv2
import numpy as np

from gate.errors import DeviceError
from gate.scanner.frames import Frame
from gate.scanner.sources import EndOfSource, Item, Note, SourceFacts
from gate.settings import InputSettings

_VIDEO = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_NO_FILE_S = 0.2
_BAD_FILE_S = 1.0


def matching(device: str, suffixes: tuple[str, ...]) -> list[str]:
    """Complete files of a file, folder or glob, in lexical order; `x.part.mp4` and `x.mp4.part` are being written."""
    if os.path.isdir(device):
        device = os.path.join(device, "*")
    found = glob.glob(device) if glob.has_magic(device) else [device]
    return sorted(
        name
        for name in found
        if name.lower().endswith(suffixes) and not Path(name).stem.endswith(".part") and os.path.isfile(name)
    )


def _open_video(name: str) -> cv2.VideoCapture:
    return cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])


class VideoFiles:
    """Plays a file, or the files of a folder or glob in lexical order; at the end the newest file again.

    A frame's capture time is the moment it is due. Before each file a `loop` note tells the lane which one it is. No file
    yet is no fault: the source waits for the first.
    """

    live = False

    def __init__(self, settings: InputSettings) -> None:
        self._settings = settings
        self._capture: cv2.VideoCapture | None = None
        self._name = ""
        self._plays = 0
        self._seq = 0
        self._frame = 0
        self._start_s = 0.0
        self._period_s = 1.0
        self.skipped = 0
        """Frames passed over because the reader came late."""

    def open(self) -> SourceFacts:
        size, fps = (self._settings.width, self._settings.height), float(self._settings.fps)
        files = matching(self._settings.device, _VIDEO)
        if files:
            capture = _open_video(files[0])
            if capture.isOpened():
                size = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
                fps = capture.get(cv2.CAP_PROP_FPS) or fps
            capture.release()
        return SourceFacts(f"video:{self._settings.device}", size, fps)

    def read(self) -> Item | None:
        capture = self._capture
        if capture is None:
            return self._next_file()
        behind = int((time.monotonic() - self._start_s) / self._period_s) - self._frame
        for _ in range(max(0, behind)):
            if not capture.grab():
                break
            self._frame += 1
            self.skipped += 1
        ok, image = capture.read()
        if not ok or image is None:
            played = self._frame
            self.close()
            if played == 0:
                time.sleep(_BAD_FILE_S)
                return Note({"t": "fault", "name": "unreadable_file", "file": os.path.basename(self._name)})
            return self._next_file()
        due_s = self._start_s + self._frame * self._period_s
        self._frame += 1
        self._seq += 1
        time.sleep(max(0.0, due_s - time.monotonic()))
        return Frame(np.asarray(image), int(due_s * 1000), self._seq)

    def close(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _next_file(self) -> Item | None:
        files = matching(self._settings.device, _VIDEO)
        if not files:
            time.sleep(_NO_FILE_S)
            return None
        self._name = next((name for name in files if name > self._name), files[-1])
        capture = _open_video(self._name)
        if not capture.isOpened():
            capture.release()
            time.sleep(_BAD_FILE_S)
            return Note({"t": "fault", "name": "unreadable_file", "file": os.path.basename(self._name)})
        fps = capture.get(cv2.CAP_PROP_FPS)
        self._period_s = 1 / (fps if 1 <= fps <= 240 else float(self._settings.fps))
        self._capture = capture
        self._frame = 0
        self._plays += 1
        self._start_s = time.monotonic()
        at = int(self._start_s * 1000)
        return Note({"t": "loop", "file": os.path.basename(self._name), "n": self._plays, "at": at})


class ImageFolder:
    """Each picture of a file, folder or glob once, at least a frame period apart, in lexical order; then the end."""

    live = False

    def __init__(self, settings: InputSettings) -> None:
        self._settings = settings
        self._files: list[str] = []
        self._seq = 0
        self._due_s = 0.0

    def open(self) -> SourceFacts:
        self._files = matching(self._settings.device, IMAGE_SUFFIXES)
        if not self._files:
            raise DeviceError(f"input {self._settings.name}: no pictures at {self._settings.device}")
        size = (self._settings.width, self._settings.height)
        first = cv2.imread(self._files[0], cv2.IMREAD_COLOR)
        if first is not None:
            size = (first.shape[1], first.shape[0])
        return SourceFacts(f"images:{self._settings.device}", size, float(self._settings.fps))

    def read(self) -> Item | None:
        if self._seq >= len(self._files):
            raise EndOfSource
        name = self._files[self._seq]
        image = cv2.imread(name, cv2.IMREAD_COLOR)
        self._seq += 1
        if image is None:
            return Note({"t": "fault", "name": "unreadable_file", "file": os.path.basename(name)})
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        # From this picture, not from the first: after a pause of the machine, a burst would push pictures out unread.
        self._due_s = time.monotonic() + 1 / self._settings.fps
        return Frame(np.asarray(image), time.monotonic_ns() // 1_000_000, self._seq)

    def close(self) -> None:
        self._files = []
