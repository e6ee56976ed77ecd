"""`python -m gate.sync` is `gate sync`."""

import sys

from gate.cliout import fail_with
from gate.errors import GateError
from gate.sync.cli import app

try:
    app()
except GateError as error:
    fail_with(error, as_json="--json" in sys.argv)
