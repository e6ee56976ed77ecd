"""`gate staff`: the first people of a gate, from its own command line, while the gate is stopped.

While it runs, the lane is the only writer of kiosk.db, and a technician adds people on `/tech`.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from gate.cliargs import Config
from gate.cliout import CONFIG_PATH, state_of
from gate.errors import DeviceError, StorageError
from gate.storage.kioskdb import KioskDb
from gate.wire.pins import ROLES, make_verifier, valid_pin

app = typer.Typer(help="People who may log in at this gate.", no_args_is_help=True)
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_DIGITS = 6


def fresh_pin() -> str:
    """Six random digits that are no plain row."""
    while True:
        pin = "".join(secrets.choice("0123456789") for _ in range(_DIGITS))
        if valid_pin(pin):
            return pin


def put_staff(state_dir: Path, staff: str, name: str, role: str, pin: str) -> None:
    """Add or replace one person. Raises: DeviceError while the gate runs, StorageError."""
    if not state_dir.is_dir():
        raise StorageError(f"there is no state folder {state_dir}: name this gate's file with GATE_CONFIG or --config")
    with (state_dir / "lane.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DeviceError("the gate is running: add people on its page /tech, or stop it first") from error
        store = KioskDb(state_dir / "kiosk.db")
        try:
            verifier = make_verifier(pin, os.urandom(16))
            store.put("staff", id=staff, name=name, role=role, pin=verifier, at=time.time_ns() // 1_000_000)
        finally:
            store.close()


@app.command("add")
def add(
    staff: Annotated[str, typer.Argument(help="Id to log in with: small letters, digits and -.")],
    name: Annotated[str, typer.Option(help="Name as colleagues know it.")] = "",
    role: Annotated[str, typer.Option(help="attendant, supervisor or technician.")] = "attendant",
    config: Config = CONFIG_PATH,
) -> None:
    """Add a person, or give one a new PIN. The PIN is drawn and shown this once."""
    if not _ID.fullmatch(staff):
        raise typer.BadParameter("small letters, digits and -, at most 40")
    if role not in ROLES:
        raise typer.BadParameter(f"roles are {', '.join(ROLES)}")
    pin = fresh_pin()
    put_staff(state_of(config), staff, name or staff, role, pin)
    print(f"{staff} ({role}): PIN {pin}")
