from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lane.rig import Rig

MakeRig = Callable[..., Rig]


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[MakeRig]:
    """Builds lanes; each ends with the test."""
    made: list[Rig] = []

    def make(**changes: Any) -> Rig:
        rig = Rig(tmp_path, **changes)
        made.append(rig)
        return rig

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """One entry with a passage sensor, five tickets."""
    return make_rig()
