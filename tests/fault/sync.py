"""The real sync process, killed at a named step: `python -m tests.fault.sync STEP NTH CONFIG`."""

from __future__ import annotations

import sys

from gate.sync.cli import app
from tests.fault.halt import stop_at

if __name__ == "__main__":
    step, nth, config = sys.argv[1:4]
    stop_at(step, int(nth))
    app(["run", "--config", config])
