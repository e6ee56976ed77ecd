"""`python -m gate.central`: the same as `gate central`."""

from gate.central.cli import app

app(prog_name="gate central")
