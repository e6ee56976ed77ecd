"""Bodies of the local API, checked before anything else sees them. Unknown fields are refused: a typo must not admit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gate.lane.orders import COUNT_MAX

TEXT_MAX = 2_000
"""Longer than any ticket; the verifier has a stricter limit of its own and a word for it."""


def _encodable(value: str) -> str:
    """JSON can carry halves of a sign that no other text can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text has a broken sign in it") from None
    return value


Text = Annotated[str, AfterValidator(_encodable)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_encodable)]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$", description="Sent again, it gives the same answer again.")]
Ref = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}/[0-9a-f]{16}/[0-9]{1,12}$")]
Pin = Annotated[str, Field(pattern=r"^[0-9]{6,12}$")]
StaffId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,39}$")]
Way = Literal["entry", "exit"]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ScanIn(Body):
    """One code or number. `mode` inspect looks without admitting; `open` opens the lane for an admission."""

    text: Annotated[Text | None, Field(max_length=TEXT_MAX)] = None
    number: Annotated[Text | None, Field(max_length=40)] = None
    dir: Way = "entry"
    list: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] = None
    mode: Literal["admit", "inspect"] = "admit"
    open: bool = False
    count: Annotated[int, Field(ge=1, le=COUNT_MAX)] = 1
    key: Key

    @model_validator(mode="after")
    def _one(self) -> ScanIn:
        if (self.text is None) == (self.number is None):
            raise ValueError("exactly one of text and number")
        return self


class Neighbour(Body):
    """Where a lane out of order sends people."""

    short: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,3}$")]
    way: Literal["left", "right", "up"] | None = None


class CommandIn(Body):
    """One act. `reason` is asked by open_once, disable, enable, out_of_order, mode and override."""

    do: Literal[
        "open_once", "enable", "disable", "out_of_order", "mode", "undo", "override", "pair", "self_test", "pin_test"
    ]
    key: Key
    dir: Way = "entry"
    reason: Line | None = None
    ref: Ref | None = None
    open: bool = False
    pin: Pin | None = None
    second: StaffId | None = None
    second_pin: Pin | None = None
    to: Neighbour | None = None
    mode: Annotated[
        Literal["normal", "signature", "paper", "open", "training"] | None,
        Field(description="With `do: mode`. This version has no lane that takes one: the answer is 409 `mode`."),
    ] = None
    what: Literal["relay_entry", "relay_exit", "lamp", "buzzer"] | None = None


class PairIn(Body):
    code: Annotated[Text, Field(min_length=4, max_length=20)]
    name: Annotated[Text, Field(max_length=60)] = ""


class LoginIn(Body):
    staff: StaffId
    pin: Pin


class PersonIn(Body):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    name: Line
    role: Literal["attendant", "supervisor", "technician"]
    pin: Pin


class TokenIn(Body):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    scopes: Annotated[list[str], Field(max_length=10)]


class EnrolIn(Body):
    text: Annotated[Text, Field(min_length=1, max_length=TEXT_MAX)]


class WedgeIn(Body):
    """What a reader typed: text and the names of the keys as the browser saw them."""

    text: Annotated[Text, Field(max_length=TEXT_MAX)]
    keys: Annotated[list[Annotated[Text, Field(max_length=20)]], Field(max_length=TEXT_MAX)] = []


class SearchIn(Body):
    name: Annotated[Text, Field(min_length=3, max_length=60)]


class RevealIn(Body):
    """One person of a search. `reason` is kept with who asked, here and at the server."""

    event: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    number: Annotated[Text, Field(min_length=1, max_length=40)]
    reason: Line
