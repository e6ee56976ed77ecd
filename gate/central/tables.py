"""Issued tickets as CSV or JSON Lines, in files that nobody else may read: whoever has a text has the ticket."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gate.errors import ConfigError, StorageError


def private(path: str, flags: int) -> int:
    """An opener of files that nobody else may read."""
    return os.open(path, flags, 0o600)


def write_issued(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write issued texts and numbers as `.csv` or `.jsonl`, 0600: whoever has a text has the ticket.

    Raises: ConfigError, StorageError.
    """
    columns = ("text", "number", "key", "product", "zones", "state", "flags", "uses", "lang")
    if path.suffix not in (".csv", ".jsonl"):
        raise ConfigError([("out", f"{path.name} is neither .csv nor .jsonl", "name the file after what it holds")])
    count = 0
    try:
        with open(path, "w", encoding="utf-8", newline="", opener=private) as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            if path.suffix == ".csv":
                writer.writeheader()
            for row in rows:
                count += 1
                if path.suffix == ".csv":
                    writer.writerow(row)
                else:
                    file.write(json.dumps({name: row[name] for name in columns}, ensure_ascii=False) + "\n")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    return count
