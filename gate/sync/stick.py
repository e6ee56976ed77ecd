"""A USB stick in place of the network, inward: the same signed objects as files, through the same doors.

The folder answers the calls of contracts 5, so what comes from a stick is verified by the code that verifies what comes
from a server. No link is followed, no file is run; names outside the pattern are ignored and counted.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import httpx

from gate.errors import FormatError, StorageError
from gate.model import ID_PATTERN
from gate.wire import cbor
from gate.wire.manifest import parse_descriptor, parse_page
from gate.wire.sign1 import split
from gate.wire.transfer import FILES_MAX, FOLDER, INWARD, OUTWARD
from gate.wire.trust import open_envelope, parse_payload

_DEPTH_MAX = 3
_STEP = 1024 * 1024
_SMALL_MAX = 4 * 1024 * 1024
_CHANGES = re.compile(rf"/v1/events/({ID_PATTERN})/changes")
_CALLS = (
    (re.compile(rf"/v1/events/({ID_PATTERN})/manifest"), "{0}/descriptor.cbor"),
    (re.compile(r"/v1/manifests/([0-9a-f]{64}\.sqlite\.zst)"), "manifests/{0}"),
    (re.compile(r"/v1/objects/([0-9a-f]{64})"), "objects/{0}.cbor"),
    (re.compile(rf"/v1/events/({ID_PATTERN})/secrets"), "{0}/secrets-{1}.cbor"),
)


class Stick(httpx.BaseTransport):
    """
    Args:
        folder: the stick, or `gate-transfer` on it.
        device: whose sealed secrets are taken.

    Raises: StorageError: there is no such folder.
    """

    def __init__(self, folder: Path, device: str) -> None:
        inner = folder / FOLDER
        self._root = inner if inner.is_dir() and not inner.is_symlink() else folder
        if not self._root.is_dir():
            raise StorageError(f"{folder} is no folder")
        self._device = device
        self.ignored = 0
        """Names that no transfer has, links, and what is no plain file."""
        self.names = frozenset(self._scan())

    def events(self) -> list[str]:
        """Those with a descriptor here."""
        return sorted(name.split("/")[0] for name in self.names if name.endswith("/descriptor.cbor"))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        found = _CHANGES.fullmatch(path)
        if found:
            return self._changes(found[1], query)
        if path == "/v1/trust":
            return self._trust(query)
        for call, name in _CALLS:
            if (found := call.fullmatch(path)) is not None:
                return self._file(name.format(*found.groups(), self._device))
        return _empty(404)

    # ---- reading

    def _scan(self) -> Iterator[str]:
        seen = 0
        folders = [(self._root, "", 1)]
        while folders:
            folder, prefix, depth = folders.pop()
            with os.scandir(folder) as entries:
                for entry in entries:
                    seen += 1
                    if seen > FILES_MAX:
                        raise StorageError(f"more than {FILES_MAX} files are on the stick")
                    name = prefix + entry.name
                    if entry.is_dir(follow_symlinks=False) and depth < _DEPTH_MAX:
                        folders.append((Path(entry.path), f"{name}/", depth + 1))
                    elif entry.is_file(follow_symlinks=False) and INWARD.fullmatch(name):
                        yield name
                    elif not (entry.is_file(follow_symlinks=False) and OUTWARD.fullmatch(name)):
                        self.ignored += 1

    def _open(self, name: str) -> tuple[int, int]:
        """(handle, size) of a plain file. Checked once more at the open handle: a stick can change under us."""
        handle = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            os.close(handle)
            raise OSError(f"{name} is no plain file")
        return handle, found.st_size

    def _file(self, name: str) -> httpx.Response:
        if name not in self.names:
            return _empty(404)
        try:
            handle, size = self._open(name)
        except OSError as error:
            raise httpx.ReadError(f"{name}: {error.strerror or error}") from error
        return httpx.Response(200, headers={"content-length": str(size)}, stream=_Reading(handle))

    def _small(self, name: str) -> bytes:
        try:
            handle, size = self._open(name)
            with os.fdopen(handle, "rb") as file:
                return file.read(_SMALL_MAX) if size <= _SMALL_MAX else b""
        except OSError as error:
            raise httpx.ReadError(f"{name}: {error.strerror or error}") from error

    def _trust(self, query: str) -> httpx.Response:
        """The files above a version, as a server would choose them. Unproven: the keeper of the trust checks each."""
        if "trust.cbor" not in self.names:
            return _empty(404)
        data = self._small("trust.cbor")
        after = int(parse_qs(query).get("after", ["0"])[0])
        try:
            files = cbor.loads(data, max_depth=1)
            newer = [file for file in files if parse_payload(open_envelope(file)[0]).version > after]
        except (FormatError, TypeError):
            return _body(data)
        return _body(cbor.dumps(newer)) if newer else _empty(304)

    def _changes(self, event: str, query: str) -> httpx.Response:
        """The page that begins behind `after`; 410 when the stick's manifest is another one. Nothing is proven here."""
        asked = {key: values[0] for key, values in parse_qs(query).items()}
        try:
            signed = split(self._small(f"{event}/descriptor.cbor"), limit=_SMALL_MAX)
            if parse_descriptor(signed.payload or b"").incarnation.hex() != asked.get("incarnation"):
                return _empty(410)
        except FormatError:
            return _empty(410)
        after = int(asked.get("after", "0"))
        for name in sorted(name for name in self.names if name.startswith(f"{event}/changes/")):
            data = self._small(name)
            try:
                page = parse_page(data)
            except FormatError:
                continue  # counted as nothing: the page that is missing then is named by whoever needs it
            if page.rows and page.next - len(page.rows) == after:
                return _body(data)
        return _empty(304)


def _empty(status: int) -> httpx.Response:
    return httpx.Response(status, stream=_Bytes(b""))


def _body(data: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"content-length": str(len(data))}, stream=_Bytes(data))


class _Reading(httpx.SyncByteStream):
    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __iter__(self) -> Iterator[bytes]:
        while chunk := os.read(self._handle, _STEP):
            yield chunk

    def close(self) -> None:
        os.close(self._handle)


class _Bytes(httpx.SyncByteStream):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self._data
