"""Imports a base file again and again, as sync does it: the load beside which the lane is measured. No measuring here.

`python -m tests.bench.importing PACKED FOLDER SHA256 SIZE`: until it is ended. The packed file is written in steps as a
download is, unpacked, hashed and flushed by sync's own code, at idle I/O priority and nice 10 as the unit says.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gate.sync import files


def chunks(packed: Path) -> Iterator[bytes]:
    with packed.open("rb") as file:
        while chunk := file.read(1 << 16):
            yield chunk


def main() -> None:
    packed, folder, sha256, size = Path(sys.argv[1]), Path(sys.argv[2]), bytes.fromhex(sys.argv[3]), int(sys.argv[4])
    os.nice(10)
    part, raw, final = folder / ".import.part", folder / ".import.raw", folder / "imported.sqlite"
    with files.idle_io():
        while True:
            part.unlink(missing_ok=True)
            files._write_steps(chunks(packed), part, 0, packed.stat().st_size)
            files._unpack(part, raw, sha256, size)
            raw.rename(final)
            files.sync_folder(folder)
            print("imported", flush=True)


if __name__ == "__main__":
    main()
