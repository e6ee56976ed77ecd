"""Filling a stick for gates without a network (contracts 5, File transfer): the same signed objects that they would fetch.

Nothing on it is secret to others than the device it is sealed for, and nothing counts but what a gate verifies. Outward boxes
on the same stick are left alone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from gate.central import basefile, devices, manifests, sealing, trustfiles
from gate.central.service import Central
from gate.errors import ConfigError, StorageError
from gate.wire import cbor
from gate.wire.transfer import FOLDER, INWARD


def run(central: Central, folder: Path, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Write all that the enrolled devices may have: trust files, manifests, changes, policies, each device's secrets.

    Raises: ConfigError: no such folder. StorageError: the stick, or a file of this server that is gone.
    """
    if not folder.is_dir():
        raise ConfigError([("folder", f"{folder} is no folder", "mount the stick, and give its folder")])
    root = folder / FOLDER
    enrolled = [item for item in central.device_list() if item.seal_pub is not None and item.revoked is None]
    events = sorted({event for item in enrolled for event in item.events})
    written = 0
    try:
        _put(root / "trust.cbor", cbor.dumps(central.db.read(lambda connection: trustfiles.above(connection, 0))))
        for event in events:
            small, bases = central.db.write(partial(_event, central, event, enrolled))
            if not small:
                continue  # not published yet
            _clear(root / event / "changes", f"{event}/changes/")
            for name in bases:
                _copy(central.manifest_folder / name, root / "manifests" / name)
            for name, data in small.items():  # the descriptor last: what it names is there before it
                _put(root / name, data)
            written += len(small) + len(bases)
            progress({"rows": written, "step": f"written, {event}"})
    except OSError as error:
        raise StorageError(f"the stick cannot be written: {error.strerror or error}") from error
    return {"files": written + 1, "events": events, "devices": [item.device for item in enrolled]}


def _event(
    central: Central, event: str, enrolled: list[devices.Device], connection: Connection
) -> tuple[dict[str, bytes], list[str]]:
    """Small files by name, and the base files to copy: of one moment. Empty before the first publication."""
    head = manifests.head_of(connection, event)
    if head.descriptor is None or head.base_sha256 is None or head.incarnation is None:
        return {}, []
    small: dict[str, bytes] = {}
    policy = bytes(head.policy_sha256)
    small[f"objects/{policy.hex()}.cbor"] = (central.object_folder / policy.hex()).read_bytes()
    for device in enrolled:
        if event in device.events and device.seal_pub is not None:
            small[f"{event}/secrets-{device.device}.cbor"] = sealing.secrets_for(
                connection, central.signer, event, device.device, device.seal_pub, central.random
            )
    after, more = head.base_cursor, head.cursor > head.base_cursor
    while more:
        rows = manifests.changes(connection, event, bytes(head.incarnation), after, manifests.PAGE_ROWS)
        page = (
            rows.page(rows.descriptor)
            if rows.descriptor is not None
            else manifests.middle_page(connection, central.signer, event, rows, central.clock())
        )
        small[f"{event}/changes/{after + 1}-{rows.next}.cbor"] = page.encode()
        after, more = rows.next, rows.more
    small[f"{event}/descriptor.cbor"] = bytes(manifests.head_of(connection, event).descriptor)
    return small, [basefile.name_of(bytes(head.base_sha256))]


def _clear(folder: Path, prefix: str) -> None:
    """Pages of an earlier time; nothing else is touched."""
    for path in folder.glob("*") if folder.is_dir() else ():
        if INWARD.fullmatch(prefix + path.name) and path.is_file() and not path.is_symlink():
            path.unlink()


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}")
    with made.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


def _copy(source: Path, path: Path) -> None:
    if path.is_file() and path.stat().st_size == source.stat().st_size:
        return  # its name is its content's; a gate proves it
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}")
    shutil.copyfile(source, made)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(path)
