"""The live oracle, where its environment can be made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import required
from tests.verify.oracle.environment import Oracle, OracleMissing, oracle


@pytest.fixture(scope="session")
def live_oracle() -> Iterator[Oracle]:
    """Skips when the environment cannot be made (no network); fails when GATE_REQUIRE names `oracle`."""
    try:
        with oracle() as live:
            yield live
    except OracleMissing as error:
        message = f"the oracle's environment cannot be made: {error}"
        if "oracle" in required():
            pytest.fail(message)
        pytest.skip(message)
