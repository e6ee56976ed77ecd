from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kiosk.staff.house import House, Phone, opened


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gate with staff pages, for a file of tests; each test takes tickets of its own."""
    with opened(Path(tmp_path_factory.mktemp("house"))) as made:
        yield made


@pytest.fixture
def phone(house: House) -> Iterator[Phone]:
    """The gate's own screen, nobody logged in."""
    house.room.allowance.tries.forget()
    with httpx.Client(base_url=house.url, timeout=10) as client:
        yield Phone(client)


@pytest.fixture(scope="module")
def sari(house: House) -> Phone:
    """An attendant on a paired phone."""
    return house.paired("sari")


@pytest.fixture(scope="module")
def budi(house: House) -> Phone:
    """A technician on a paired phone."""
    return house.paired("budi")
