"""What operators can ask over HTTP: a table of calls, each one command (`commands`), with the shape of what is sent.

How a call is let in and answered is in `adminapi`. Examples here are those of the OpenAPI document.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gate.central.importing import parse_flags, parse_state
from gate.model import ID_PATTERN, TicketState

ISSUE_MAX = 10_000
"""Tickets of one answer: some 3 MB, and a sheet of 834 pages."""
_MOMENT_MAX = 2**32 - 1
Id = Annotated[str, Field(pattern=f"^{ID_PATTERN}$")]
Short = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,2}$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Moment = Annotated[int, Field(ge=0, le=_MOMENT_MAX, description="Unix seconds")]
Small = Annotated[int, Field(ge=0, le=0xFFFF)]
As = Literal["json", "csv", "jsonl", "pdf"]
State = Literal["valid", "unpaid", "unapproved", "blocked", "canceled", "revoked", "removed"]


class Sent(BaseModel):
    """Unknown fields are refused: a typo must not be taken for a wish."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def args(self) -> dict[str, Any]:
        """As the command takes them."""
        return self.model_dump()


class Mode(Sent):
    mode: Literal["allow_list", "signature"] = "allow_list"
    warn_s: Annotated[int, Field(ge=0, le=10**9)] = 900
    stale_s: Annotated[int, Field(ge=0, le=10**9)] = 86_400
    stale: Literal["warn", "restrict", "refuse"] = "warn"


class NewEvent(Sent):
    policy: dict[str, Any]
    mode: Mode = Field(default_factory=Mode)


class Policy(Sent):
    policy: dict[str, Any]


class Publish(Sent):
    rebuild: bool = False


class Issue(Sent):
    count: Annotated[int, Field(ge=1, le=ISSUE_MAX)] = 1
    product: Small = 1
    zones: Small = 1
    exp: Moment
    nbf: Moment | None = None
    flags: Annotated[str, Field(max_length=100)] = ""
    state: State = "valid"
    uses: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1
    lang: Annotated[str, Field(pattern=r"^[A-Za-z-]{1,20}$")] | None = None

    def args(self) -> dict[str, Any]:
        return self.model_dump() | {"flags": parse_flags(self.flags), "state": parse_state(self.state)}


class SetState(Sent):
    state: State

    def args(self) -> dict[str, Any]:
        return {"state": int(TicketState[self.state.upper()])}


class Rotate(Sent):
    role: Literal["ticket", "manifest", "time", "rotating"]  # the root is changed at the machine alone
    event: Id | None = None
    lead_s: Annotated[int, Field(ge=0, le=10**8)] = 900


class Retire(Sent):
    at: Moment


class NewDevice(Sent):
    device: Id
    short: Short
    events: Annotated[list[Id], Field(max_length=1000)]
    profile: Literal["gate", "hub", "desk"] = "gate"
    gate: Id | None = None
    url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,400}$")] | None = None


class Task(Sent):
    do: Literal["pull", "disable", "enable", "open_once"]


class Person(Sent):
    name: Line
    role: Literal["attendant", "supervisor", "technician"]
    pin: Annotated[str, Field(pattern=r"^[0-9]{6,12}$")]


class End(Sent):
    back: bool = False


class Empty(Sent):
    """Nothing, or {}."""


# ---- queries


class Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Some(Query):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    event: Annotated[str, Field(pattern=f"^({ID_PATTERN})?$")] | None = None


class Tickets(Query):
    limit: Annotated[int, Field(ge=1, le=ISSUE_MAX)] = 100
    product: Small | None = None
    after: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$", description="`key` of the last ticket before")] | None = None


class Answered(Query):
    """In which form tickets are answered."""

    as_: Annotated[As, Field(alias="as")] = "json"


class TicketsAs(Tickets, Answered):
    pass


class ImportFile(Query):
    name: Annotated[str, Field(pattern=r"^[^/\x00-\x1f\x7f]{1,100}\.(csv|jsonl|ndjson)$")]
    check: bool = False
    again: bool = False
    """Issue tickets to rows without a text although an import did so to the same rows before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call. `name` is its operation id, `do` the command behind it; both arguments of the path and fields of body and
    query are the command's arguments. `role`: who may; an admin may everything."""

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    do: str
    words: str
    role: Literal["reader", "admin"] = "admin"
    body: type[Sent] | None = None
    query: type[Query] | None = None
    sent: Any = None
    answer: Any = field(default_factory=dict)
    kind: Literal["command", "tickets", "upload", "undo"] = "command"


_TICKET = {
    "number": "ZDK4-SE1E-0", "key": "fb664cb82e71e799031413261624b581", "product": 12, "zones": 3, "state": "valid",
    "flags": 0, "uses": 1, "nbf": None, "exp": None, "lang": None,
}  # fmt: skip
_DEVICE = {
    "device": "g2", "gate": "g2", "short": "G2", "profile": "gate", "events": ["spring"], "enrolled": 1798000000000,
    "revoked": None, "beat_at": 1798000017123,
}  # fmt: skip
_POLICY = {
    "event": "spring", "name": {"en": "Spring"}, "tz": "Asia/Jakarta", "products": [{"n": 12, "name": {"en": "Day"}}],
    "lists": [{"id": "main"}], "gates": [{"id": "g2", "short": "G2", "lists": ["main"]}],
}  # fmt: skip
_JOB: dict[str, Any] = {"job": "019b3f6c-1a2b-7c3d-8e4f-0123456789ab", "do": "import", "state": "running", "progress": {}, "result": None,
        "error": None}  # fmt: skip
_E = "/events/{event}"

CALLS: tuple[Call, ...] = (
    Call(name="events", method="GET", path="/events", do="event_list", role="reader", words="All events with their counters.",
         answer=[{"event": "spring", "tz": "Asia/Jakarta", "mode": "allow_list", "ended": None, "seq": 1798000000, "cursor": 3, "published": 1798000000000,
                  "records": 7, "admissions": 5, "incidents": 0}]),
    Call(name="make_event", method="POST", path="/events", do="event_create", body=NewEvent,
         words="Make an event with its keys. Nothing reaches a gate before it is published.",
         sent={"policy": _POLICY, "mode": {"mode": "allow_list"}}, answer={"event": "spring"}),
    Call(name="policy", method="GET", path=_E + "/policy", do="event_policy", role="reader", words="The organiser's policy.",
         answer=_POLICY),
    Call(name="set_policy", method="PUT", path=_E + "/policy", do="event_set_policy", body=Policy,
         words="Replace the policy; the new one is in force when it is published.", sent={"policy": _POLICY},
         answer={"event": "spring"}),
    Call(name="publish", method="POST", path=_E + "/publish", do="publish", body=Publish,
         words="Put policy and tickets in force: base file, policy, signed descriptor.", sent={"rebuild": False},
         answer={"event": "spring", "seq": 1798000000, "cursor": 3, "rows": 100, "base": "fd" * 32, "size": 8192,
                 "zst_size": 4000, "rebuilt": True}),
    Call(name="end_event", method="POST", path=_E + "/end", do="event_end", body=End,
         words="End an event: gates forget it and destroy its salt. With `back` it is brought back.", sent={"back": False},
         answer={"event": "spring", "ended": True}),
    Call(name="tickets", method="GET", path=_E + "/tickets", do="tickets", query=TicketsAs, kind="tickets",
         words="Issued tickets with their texts, as JSON, CSV, JSON Lines, or a sheet of QR codes (PDF).",
         answer=[{"text": "GT1:/2O5VSHRKDF3K", **_TICKET}]),
    Call(name="issue", method="POST", path=_E + "/tickets", do="issue", body=Issue, query=Answered, kind="tickets",
         words="Issue one ticket or many alike, answered as JSON, CSV, JSON Lines, or a sheet of QR codes (PDF).",
         sent={"count": 2, "product": 12, "zones": 3, "exp": 1798761600}, answer=[{"text": "GT1:/2O5VSHRKDF3K", **_TICKET}]),
    Call(name="ticket", method="GET", path=_E + "/tickets/{number}", do="ticket_show", role="reader",
         words="What the organiser says of a ticket.", answer=_TICKET),
    Call(name="set_state", method="PUT", path=_E + "/tickets/{number}/state", do="ticket_set_state", body=SetState,
         words="Cancel, block, revoke or free a ticket. A published event tells its gates at once.",
         sent={"state": "blocked"}, answer=_TICKET | {"state": "blocked"}),
    Call(name="imports", method="GET", path=_E + "/imports", do="imports", role="reader",
         words="Imports, newest first. One without `done` was cut off.",
         answer=[{"n": 1, "file": "guests.csv", "at": 1798000000000, "created": 30, "updated": 0, "unchanged": 0,
                  "done": 1798000001000, "undone": None}]),
    Call(name="start_import", method="POST", path=_E + "/imports", do="import", query=ImportFile, kind="upload",
         words="Bring in tickets from CSV or JSON Lines; with `check` only say what is wrong. A job: see `/jobs/{job}`, whose "
         "result has preview, counts, each wrong row with its line, and `warnings` of rows that will hardly let anybody in. Rows "
         "without a text that an import issued before (`repeats`) are refused, `import.again`, unless `again` is true.",
         answer=_JOB),
    Call(name="undo_import", method="POST", path=_E + "/imports/{import}/undo", do="import_undo", body=Empty, kind="undo",
         words="Take an import back; tickets that were changed since stay. A job: see `/jobs/{job}`.", sent={}, answer=_JOB),
    Call(name="forget_names", method="DELETE", path=_E + "/names", do="names_forget",
         words="Forget the names of all ticket holders of an event.", answer={"event": "spring", "forgotten": 30}),
    Call(name="staff", method="GET", path=_E + "/staff", do="staff_list", role="reader", words="People with a PIN at the gates.",
         answer=[{"staff": "budi", "name": "Budi R.", "role": "supervisor"}]),
    Call(name="set_staff", method="PUT", path=_E + "/staff/{staff}", do="staff_add", body=Person,
         words="Give a person a PIN, or a new one. It reaches the gates sealed, as a verifier.",
         sent={"name": "Budi R.", "role": "supervisor", "pin": "471093"},
         answer={"event": "spring", "staff": "budi", "secrets": 2}),
    Call(name="end_staff", method="DELETE", path=_E + "/staff/{staff}", do="staff_remove", words="Take a person's PIN away.",
         answer={"event": "spring", "staff": "budi", "secrets": 3}),
    Call(name="keys", method="GET", path="/keys", do="key_list", role="reader", words="Every signing key with its state.",
         answer=[{"kid": "be5de2f4", "role": "ticket", "event": "spring", "since": 1798000000, "exp": 1861000000,
                  "state": "in use"}]),
    Call(name="rotate_key", method="POST", path="/keys", do="key_rotate", body=Rotate,
         words="Make the next key of a role, used after `lead_s`, when connected gates know it.",
         sent={"role": "ticket", "event": "spring", "lead_s": 900},
         answer={"role": "ticket", "kid": "be5de2f4", "since": 1798000900, "trust": 4}),
    Call(name="retire_key", method="POST", path="/keys/{kid}/retire", do="key_retire", body=Retire,
         words="Let a key end: what it signed is believed until then.", sent={"at": 1798761600},
         answer={"kid": "be5de2f4", "role": "ticket", "exp": 1798761600, "trust": 5}),
    Call(name="revoke_key", method="POST", path="/keys/{kid}/revoke", do="key_revoke", body=Empty,
         words="A key was stolen: nothing that it signed is believed any more, tickets included.", sent={},
         answer={"kid": "be5de2f4", "role": "ticket", "trust": 6}),
    Call(name="devices", method="GET", path="/devices", do="device_list", role="reader", words="All devices.",
         answer=[_DEVICE]),
    Call(name="add_device", method="POST", path="/devices", do="device_add", body=NewDevice,
         words="Register a device, or give one a new code: `text` as a QR is what its camera reads. One use, 24 hours. `warnings`: "
         "events whose policy has no such gate yet.",
         sent={"device": "g2", "short": "G2", "events": ["spring"]},
         answer={"text": "GE1:6BF", "url": "https://tickets.example", "warnings": [
             {"event": "spring", "gate": "g2", "gates": ["g1"], "problem": "the policy of spring has no gate g2, it has g1: g2 stays "
              "out of service there", "hint": "add it to the policy, and publish"}]}),
    Call(name="revoke_device", method="POST", path="/devices/{device}/revoke", do="device_revoke", body=Empty,
         words="Answer a device from now on with `revoked`: it stops syncing and wipes its secrets.", sent={},
         answer={"device": "g2"}),
    Call(name="tasks", method="GET", path="/devices/{device}/tasks", do="task_list", role="reader",
         words="Remote tasks of a device, newest first. `state`: waiting, expired, given (nothing is heard of it yet, or the gate "
         "ignored it), done, refused, with the gate's word `why`.",
         answer=[{"task": "019b3f6c-1a2b-7c3d-8e4f-0123456789ab", "do": "pull", "by": "operator:ana", "made": 1798000000000,
                  "given": None, "state": "waiting", "why": ""}]),
    Call(name="put_task", method="POST", path="/devices/{device}/tasks", do="task_put", body=Task,
         words="Put a task for the device's next heartbeat. It is given once, within 90 seconds (`open_once`: 45) or not at all; "
         "the gate obeys what its own configuration allows.", sent={"do": "pull"},
         answer={"task": "019b3f6c-1a2b-7c3d-8e4f-0123456789ab", "device": "g2", "do": "pull", "expires": 1798000090000}),
    Call(name="incidents", method="GET", path="/incidents", do="incidents", role="reader", query=Some,
         words="What people must be told, newest first. `event` empty: those of devices.",
         answer=[{"event": "spring", "n": 1, "kind": "duplicate_admission", "gate": "g2", "device": None, "at": 1798000000000,
                  "detail": {"number": "ZDK4-SE1E-0", "why": "total"}, "ended": None}]),
    Call(name="audit", method="GET", path="/audit", do="audit", query=Some,
         words="Who had what done, newest first. `result` null: under way, or cut off.",
         answer=[{"id": "019b3f6c-1a2b-7c3d-8e4f-0123456789ab", "at": 1798000000000, "event": "spring", "who": "operator:ana",
                  "do": "publish", "detail": {"rebuild": False}, "result": "ok"}]),
    Call(name="live", method="GET", path="/live", do="live", role="reader", words="Events, devices, the last check-ins and incidents.",
         answer={"now": 1798000000000, "events": [], "devices": [], "checkins": [], "incidents": []}),
    Call(name="me", method="GET", path="/me", do="me", role="reader", words="Whose token this is.",
         answer={"operator": "ana", "role": "admin"}),
    Call(name="job", method="GET", path="/jobs/{job}", do="job",
         words="How far a long command is, and what came of it: a preview has names and texts, so whoever may import may see it. "
         "Jobs are known to the process that began them.",
         answer=_JOB | {"state": "done", "result": {"ok": True, "rows": 30}}),
)  # fmt: skip
