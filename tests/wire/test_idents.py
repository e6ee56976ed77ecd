"""Ids become file names and addresses: a signed object that carries anything else is refused as a whole."""

from __future__ import annotations

import pytest

from gate.errors import FormatError
from gate.wire.cbor import Fields

STRANGE = ["", "..", "../etc", "a/b", "A", "a b", "-a", "a" * 41, "a\n", "é", None, 7]


@pytest.mark.parametrize("value", STRANGE)
def test_strange_id_is_refused(value: object) -> None:
    fields = Fields({"event": value, "events": ["spring", value], "modes": {value: {}}}, "object")
    with pytest.raises(FormatError):
        fields.ident("event")
    with pytest.raises(FormatError):
        fields.idents("events", "*")
    with pytest.raises(FormatError):
        fields.named("modes")


def test_ids_of_the_contract_pass() -> None:
    fields = Fields({"event": "spring-2027", "events": ["a", "*", "0" * 40], "modes": {"spring": {}}}, "object")
    assert fields.ident("event") == "spring-2027"
    assert fields.idents("events", "*") == ["a", "*", "0" * 40]
    assert set(fields.named("modes")) == {"spring"}
