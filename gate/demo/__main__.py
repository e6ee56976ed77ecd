"""`python -m gate.demo SEED N FILE`: draw round N in the background. Started by the supervisor."""

from __future__ import annotations

import sys
from pathlib import Path

from gate.demo import seed

if __name__ == "__main__":
    folder, number, path = sys.argv[1:4]
    seed.render_round(seed.tickets_of(Path(folder)), int(number), Path(path), print)
