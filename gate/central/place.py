"""Which database a state folder belongs to: one file, `database.json`, so that server and commands always open the same one.

0600, for the URL may carry a password. Without the file it is `central.db` in the folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from gate.central import engines
from gate.errors import ConfigError, StorageError
from gate.sqlitefile import sync_folder

FILE = "database.json"
SQLITE = "central.db"


def url_of(state: Path) -> str:
    """The database of a folder. Raises: ConfigError, StorageError."""
    stored = _stored(state)
    return engines.sqlite_url(state / SQLITE) if stored is None else stored


def settle(state: Path, wanted: str | None) -> str:
    """The database of a folder; a fresh folder takes `wanted` for good.

    Raises: ConfigError: the folder has another one. Events would seem to be gone, so nobody changes it by accident.
    """
    if wanted is None:
        return url_of(state)
    wanted = engines.parse(wanted).render_as_string(hide_password=False)
    stored = _stored(state)
    if stored == wanted:
        return wanted
    if stored is not None or (state / SQLITE).exists():
        place = masked(stored) if stored else str(state / SQLITE)
        raise ConfigError(
            [("database", f"{state} uses {place}", f"take a fresh folder, or move the data and edit {FILE}")]
        )
    _write(state / FILE, wanted)
    return wanted


def masked(url: str) -> str:
    """For people and logs: without the password."""
    return engines.parse(url).render_as_string(hide_password=True)


def _stored(state: Path) -> str | None:
    path = state / FILE
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["url"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError([("database", f"{path} is damaged", 'it holds {"url": "postgresql://..."}')]) from error


def _write(path: Path, url: str) -> None:
    fresh = path.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"url": url}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    sync_folder(path.parent)
