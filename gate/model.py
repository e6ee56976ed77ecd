"""The words of the field as types: tickets, scans, decisions, policy.

Frozen values only. Nothing here reads a clock, a file or a socket; nothing here knows a wire format (that is
`gate.wire`) or a rule (that is `gate.decision`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag, StrEnum
from typing import Any, NamedTuple, NewType

EventId = NewType("EventId", str)
ListId = NewType("ListId", str)
GateId = NewType("GateId", str)
TicketKey = NewType("TicketKey", bytes)
"""16 bytes, HMAC of the ticket id under the event salt: the only name of a ticket that a gate stores."""
Kid = NewType("Kid", bytes)
"""4 bytes, the first of the COSE Key Thumbprint (RFC 9679)."""


ID_PATTERN = r"[a-z0-9][a-z0-9-]{0,39}"
"""Ids of events, lists, gates, devices and inputs (contracts 0). They become parts of file names and addresses."""


class Direction(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"


class Reason(StrEnum):
    """Why a scan was answered as it was. Stable wire values: add, never rename."""

    OK = "ok"
    INVALID = "invalid"
    INVALID_SIGNATURE = "invalid_signature"
    UNKNOWN_KEY = "unknown_key"
    WRONG_EVENT = "wrong_event"
    REVOKED = "revoked"
    BLOCKED = "blocked"
    CANCELED = "canceled"
    UNPAID = "unpaid"
    UNAPPROVED = "unapproved"
    INVALID_TIME = "invalid_time"
    PRODUCT = "product"
    ALREADY_REDEEMED = "already_redeemed"
    CHECKOUT_REQUIRED = "checkout_required"
    NO_ENTRY = "no_entry"
    RULES = "rules"
    AMBIGUOUS = "ambiguous"
    CODE_EXPIRED = "code_expired"
    CODE_REQUIRED = "code_required"
    CAPACITY = "capacity"
    STALE_DATA = "stale_data"
    CLOCK_UNTRUSTED = "clock_untrusted"
    INCOMPLETE = "incomplete"
    LANE_BUSY = "lane_busy"
    OUT_OF_SERVICE = "out_of_service"
    ERROR = "error"
    ANNULLED = "annulled"
    OVERRIDE = "override"


class Verdict(StrEnum):
    """What people see: eight screens, `verdicts.md` has their look."""

    GO = "GO"
    GO_ATTENTION = "GO_ATTENTION"
    STOP_USED = "STOP_USED"
    STOP = "STOP"
    SEE_STAFF = "SEE_STAFF"
    WAIT = "WAIT"
    OUT_OF_ORDER = "OUT_OF_ORDER"
    EMERGENCY = "EMERGENCY"


class ClockTrust(StrEnum):
    SYNCED = "synced"
    HOLDOVER = "holdover"
    UNTRUSTED = "untrusted"


class TicketState(IntEnum):
    VALID = 0
    UNPAID = 1
    UNAPPROVED = 2
    BLOCKED = 3
    CANCELED = 4
    REVOKED = 5
    REMOVED = 9


class TicketFlag(IntFlag):
    ATTENTION = 1
    VIP = 2
    MINOR = 4
    ACCESSIBILITY = 8
    ROTATING = 16
    STAFF = 32
    ANSWERS = 64
    TEST = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """One row of the manifest: what the organiser says of a ticket. Times are Unix seconds, None = as in the claims."""

    key: TicketKey
    product: int
    zones: int
    state: int = TicketState.VALID
    flags: int = 0
    uses: int = 1
    """Entries allowed in total; 0 = unlimited."""
    nbf: int | None = None
    exp: int | None = None
    parent: bytes | None = None
    lang: str | None = None
    note: bytes | None = None
    ext: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an authentic code says of itself. Times are Unix seconds."""

    format: str
    key_input: bytes
    """What the ticket key is the HMAC of: type byte and id (contracts 1)."""
    event: EventId | None
    """The event of the signing key; None for an opaque text, which is looked up in every event."""
    kid: Kid | None = None
    cti: bytes | None = None
    product: int | None = None
    zones: int | None = None
    flags: int = 0
    nbf: int | None = None
    exp: int | None = None
    code_step: int | None = None
    """Rotating codes: number of the 30 s step (since 1970) that the code was made for."""
    variation: int | None = None
    """pretix: variation and date of the item, None = none."""
    subevent: int | None = None

    @property
    def signed(self) -> bool:
        return self.kid is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    n: int
    name: dict[str, str] = field(default_factory=dict)
    kind: str = "admission"
    flags: int = 0
    max_day: int = 0
    max_total: int = 0
    reentry: str = "none"
    passback: str | int = "off"
    claim: bool = False
    text: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckinList:
    """Which tickets count at the gates that use this list. Times are Unix seconds."""

    id: ListId
    products: tuple[int, ...] | None = None
    zones: int = 0xFFFF
    include_unpaid: bool = False
    multiple: bool = False
    reentry: bool = False
    addon_of: str | None = None
    rules: str | None = None
    opens: int | None = None
    closes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDef:
    id: GateId
    short: str
    name: dict[str, str]
    zones: int
    lists: tuple[ListId, ...]
    direction: str = "entry"
    area: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """What a gate leads into. `capacity`: persons, 0 = nobody counts."""

    id: str
    name: dict[str, str] = field(default_factory=dict)
    capacity: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the organiser decided for an event (contracts 2). `raw` keeps the keys later parts read."""

    event: EventId
    name: dict[str, str]
    tz: str
    day_start: int
    products: dict[int, Product]
    lists: dict[ListId, CheckinList]
    gates: dict[GateId, GateDef]
    areas: dict[str, Area] = field(default_factory=dict)
    annul_max: int = 3
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMode:
    """How the trust file wants an event decided. Ages in seconds."""

    mode: str = "allow_list"
    warn_s: int = 0
    stale_s: int = 0
    stale: str = "warn"


class Day(NamedTuple):
    """A local day of an event: its label and its bounds in Unix ms, start inclusive, end exclusive."""

    label: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One reading of all clocks. `at` is trusted Unix ms (never falls), `mono` CLOCK_MONOTONIC ms, `boot` 32 hex."""

    at: int
    mono: int
    boot: str
    trust: ClockTrust
    error_ms: int | None = None

    @property
    def seconds(self) -> int:
        return self.at // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One presented code. `captured` and `decoded` are CLOCK_MONOTONIC ms of the frame and of its reading."""

    text: str
    input: str
    direction: Direction
    captured: float
    decoded: float
    presentation: int | None = None
    engine: str = ""
    corners: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstUse:
    gate: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to one scan. `rule` names the rule that answered, empty when every rule let it pass."""

    admit: bool
    reason: Reason
    detail: str = ""
    rule: str = ""
    attention: bool = False
    first_use: FirstUse | None = None
