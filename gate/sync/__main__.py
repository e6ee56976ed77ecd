"""`python -m gate.sync` is `gate sync`."""

from gate.sync.cli import app

app()
