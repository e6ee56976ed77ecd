"""The protocol's model holds within small bounds, and every seeded bug in it is found."""

from __future__ import annotations

import pytest

from tests.conftest import need
from tests.model.spin import BUGS, SHORT, Bounds, Bug, check, found, name_of


@pytest.fixture(scope="module", autouse=True)
def _spin() -> None:
    need("spin")


@pytest.mark.parametrize("bounds", SHORT, ids=name_of)
def test_the_protocol_as_designed_loses_and_doubles_nothing(bounds: Bounds) -> None:
    result = check(bounds, limit_s=120)
    assert result.violated == ""
    assert result.complete
    assert result.states > 10_000


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.switch)
def test_a_seeded_bug_is_found(bug: Bug) -> None:
    result = check({"ADMISSIONS": 2, **bug.bounds}, bug.switch, limit_s=120)
    assert found(bug, result), f"{bug.what}: spin says {result.violated or 'all is well'}"
