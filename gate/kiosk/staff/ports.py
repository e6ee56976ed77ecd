"""What the staff pages need of the rest, as protocols; `gate.staffroom` builds the adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from gate.errors import GateError
from gate.lane.commands import Desk
from gate.lane.orders import By
from gate.wire.secrets import StaffPin

T = TypeVar("T")


class LaneAway(GateError):
    """The admission thread did not answer in time: nothing is known about the act, the same key may be sent again."""

    code = "busy"


class LaneDesk(Protocol):
    def run(self, task: Callable[[Desk], T]) -> T:
        """Do something on the admission thread and wait for it. Any thread but that one.

        Raises: LaneAway, and what the task raises.
        """
        ...


class Store(Protocol):
    """See `gate.storage.kioskdb`."""

    def put(self, table: str, **values: Any) -> None: ...
    def get(self, table: str, key: str | bytes) -> dict[str, Any] | None: ...
    def all(self, table: str) -> list[dict[str, Any]]: ...
    def remove(self, table: str, key: str | bytes) -> bool: ...
    def end_sessions(
        self, *, pairing: str | None = None, staff: str | None = None, before: int | None = None
    ) -> None: ...
    def seen(self, token: bytes, pairing: str, at: int) -> None: ...
    def count_override(self, staff: str, at: int) -> None: ...
    def overrides_since(self, staff: str, since: int) -> int: ...
    def answer(self, who: str, key: str) -> tuple[int, Any] | None: ...
    def keep_answer(self, who: str, key: str, at: int, status: int, body: Any) -> None: ...


class People(Protocol):
    def __call__(self) -> Sequence[StaffPin]:
        """Staff named by the organiser, in the gate's secrets; local staff are in the store."""
        ...


class Workshop(Protocol):
    """What the technician's page shows and does. Answers are JSON-ready; no secret and no ticket text is in them."""

    def status(self) -> dict[str, Any]:
        """Versions, inputs, pins, sync, storage, clock, trust."""
        ...

    def counts(self) -> dict[str, Any]:
        """Live figures of this gate."""
        ...

    def recent(self, input_: str) -> dict[str, Any]:
        """`{"mine": [last 20 scans by hand of this input], "denied": [last 20 refusals of the gate]}`, newest first."""
        ...

    def config(self) -> dict[str, Any]:
        """Every setting with its value, and the problems of the file as it is now."""
        ...

    def logs(self, last: int) -> list[str]: ...

    def self_test(self) -> list[dict[str, Any]]:
        """`{"name", "state": ok | warn | bad | none, "figure"}` of each test. Clicks the relay, shows the lamp."""
        ...

    def pin_test(self, what: str) -> dict[str, Any]: ...

    def enrol(self, text: str, by: str) -> dict[str, Any]: ...

    def search(self, name: str) -> dict[str, Any]:
        """People of a name, masked, asked of the server. `ok` false with a `code`: it cannot or may not be asked."""
        ...

    def reveal(self, event: str, number: str, reason: str, by: By) -> dict[str, Any]:
        """One whole name, with a row in the journal first.

        Raises: LaneAway; StorageError: the row could not be written, so nothing is shown.
        """
        ...

    def bundle(self) -> bytes:
        """A zip for support."""
        ...

    def preview(self, wanted: bool) -> None: ...
