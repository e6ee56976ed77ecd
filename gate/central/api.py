"""The sync protocol v1 (contracts 5) as HTTP routes. Claims and the list of devices come with later parts.

Choices where the contract leaves one:

- `code`, `device_pub`, `seal_pub`, `journal_pub` of an enrolment are lower-case hex, `proof` is base64url.
- Enrolment errors: 404 `not_found` (unknown code), 401 `signature` (proof), 403 `forbidden` (too old, or used more than
  15 min ago by the same key), 409 `forbidden` (used by another key; an alarm here).
- `GET /v1/time?nonce=` takes 32 lower-case hex; the answer is a COSE object of `gate.wire.signedtime`, signed by a `time` key.
- `GET .../manifest`: ETag is `"<seq>"`; `If-None-Match` with it gives 304. An event that was never published is 404.
- Policy and base file are named by the SHA-256 of what is served: the signed policy object; the base file before zstd.
- `GET .../changes`: 410 also when `after` lies below the base file or above the log; a wait that ends with no row gives an
  empty page with the newest descriptor. `incarnation` is 16 hex, and new with every new base file.
- The feed cursor of `GET .../checkins` has an incarnation of its own: that of the server's life. Empty = from the start.
- A push of rows of another gate is refused whole (403); a record that is malformed but names its place is `quarantined`;
  one that does not, or belongs to another event than the path, makes the push 400 `invalid`. A quarantined place counts as
  held, so it is never asked for as missing. `stored_flagged`: chain or head contradicts, or the device is no longer of this
  event (an admission is a fact: it is stored).
- A replayed nonce, an unknown device and a bad signature are all 401 `signature`, `detail.why` tells which. Requests signed
  before the server started are 401 `clock`: nonces are remembered in memory only.
- An error of the server itself has the code `internal` (500).
- `wait` is at most 25 s, `limit` at most 5,000.
- `GET .../changes` ends its wait for a newer trust file too, when the request says in `Gate-Trust` which version the gate has.
  Every answer has that header with the server's newest: a revoked key reaches a waiting gate as fast as a revoked ticket.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from gate.central import (
    auth,
    basefile,
    describe,
    devices,
    events,
    feed,
    ingest,
    manifests,
    pushes,
    sealing,
    tasks,
    trustfiles,
)
from gate.central.adminapi import PREFIX as ADMIN
from gate.central.adminapi import AdminApi
from gate.central.admission import Admission, AdmissionMiddleware
from gate.central.devices import Device, EnrolError
from gate.central.http import (
    WAIT_MAX_S,
    ApiError,
    FileAnswer,
    install_errors,
    json_object,
    log,
    long_poll,
    read_body,
    unpack,
)
from gate.central.pushes import boot_of
from gate.central.searchapi import SearchApi
from gate.central.service import Central
from gate.central.signed import Signed, enrol_error
from gate.errors import ConfigError, FormatError, GateError
from gate.wire import cbor
from gate.wire.journal import DEVICE_STREAM, DEVICE_STREAM_PATH, PUSH_BYTES_MAX
from gate.wire.request import TRUST_HEADER
from gate.wire.signedtime import is_nonce, sign_time

_SMALL_BODY = 16 * 1024
_REISSUE_CHECK_S = 5.0
_CBOR = "application/cbor"
_COSE = "application/cose"
_BASE_NAME = re.compile(r"([0-9a-f]{64})\.sqlite\.zst")
_OBJECT_NAME = re.compile(r"[0-9a-f]{64}")
_FOREVER = "public, max-age=31536000, immutable"

Wait = Annotated[int, Query(ge=0, le=3600, description="Longest wait in seconds; 25 is the most that is used.")]
Limit = Annotated[int, Query(ge=1, le=5000, description="Most rows of a page.")]


def create_app(
    central: Central, *, live: bool = True, plain_operators: bool = False, admission: Admission | None = None
) -> FastAPI:
    """The whole HTTP face of a central server.

    Args:
        live: also serve the read-only live page at `/`, to this machine only.
        plain_operators: take operators' tokens from other machines without TLS, too.
    """
    app = FastAPI(
        title="Gate central server",
        version="1",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan(central),
    )
    install_errors(app)
    plain = app.openapi
    app.openapi = lambda: describe.complete(plain())  # type: ignore[method-assign]
    app.add_middleware(AdmissionMiddleware, admission=admission or Admission(), beside=ADMIN)
    guard = auth.Guard(central.clock())
    app.include_router(_Api(central, guard).router)
    app.include_router(SearchApi(central, guard).router)
    app.include_router(AdminApi(central, plain=plain_operators).router)
    if live:
        from gate.central.live import router as live_router

        app.include_router(live_router(central))
    return app


def _lifespan(central: Central) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> Any:
        task = asyncio.create_task(_keep_fresh(central))
        try:
            yield
        finally:
            task.cancel()

    return lifespan


async def _keep_fresh(central: Central) -> None:
    """A descriptor is never much older than 120 s while we serve: its age is how a gate knows that it is not cut off."""
    while True:
        try:
            await asyncio.to_thread(central.reissue)
            await asyncio.to_thread(central.rebuild_due)
        except GateError as error:
            log.error("descriptors are not fresh: %s", error)  # a full disk may be emptied: we go on trying
        await asyncio.sleep(_REISSUE_CHECK_S)


class _Api(Signed):
    def __init__(self, central: Central, guard: auth.Guard) -> None:
        super().__init__(central, guard)
        get, post = self._route("GET"), self._route("POST")
        post("/enrol", self.enrol)
        get("/time", self.time)
        get("/trust", self.trust)
        get("/events/{event}/manifest", self.manifest)
        get("/manifests/{name}", self.base)
        get("/objects/{name}", self.object)
        get("/events/{event}/changes", self.changes)
        get("/events/{event}/secrets", self.secrets)
        get("/events/{event}/checkins", self.checkins)
        post("/events/{event}/checkins", self.push)
        post("/heartbeat", self.heartbeat)

    # ---- unsigned

    async def enrol(self, request: Request) -> Response:
        """One-time code against keys; the same code with the same keys gives the same answer for 15 minutes."""
        try:
            wanted = devices.read_request(json_object(await read_body(request, _SMALL_BODY)))
        except FormatError as error:
            raise ApiError(400, "invalid", str(error)) from error
        now_ms = self._central.clock()

        def job(connection: Connection) -> tuple[dict[str, Any], EnrolError | None]:
            device, refused = devices.enrol(connection, wanted, now_ms)
            return ({} if refused else devices.answer(connection, device).to_json()), refused

        answer, refusal = await self._write(job)
        if refusal is not None:
            raise enrol_error(refusal)
        self._central.hints.wake(("device", answer["device"]))
        return JSONResponse(answer)

    async def time(self, nonce: str) -> Response:
        """Signed time, for a gate whose clock cannot sign requests yet."""
        if not is_nonce(nonce):
            raise ApiError(400, "invalid", "nonce is 32 lower-case hex")
        central = self._central
        now_s = central.clock() // 1000
        kid = await self._read(lambda connection: events.current_kid(connection, events.ANY_EVENT, "time", now_s))
        return Response(sign_time(central.keys.signing("time", kid), nonce, central.clock()), media_type=_COSE)

    # ---- pull

    async def trust(self, request: Request, after: Annotated[int, Query(ge=0, le=2**53)] = 0) -> Response:
        """CBOR array of every trust file above a version, in order."""
        await self._caller(request)
        files = await self._read(lambda connection: trustfiles.above(connection, after))
        return Response(cbor.dumps(files), media_type=_CBOR) if files else Response(status_code=304)

    async def manifest(self, request: Request, event: str) -> Response:
        """The newest signed descriptor."""
        await self._of_event(request, event)
        head = await self._read(lambda connection: manifests.head_of(connection, event))
        if head.descriptor is None:
            raise ApiError(404, "not_found", f"{event} is not published yet")
        headers = {"ETag": f'"{head.seq}"', "Cache-Control": "no-cache"}
        if headers["ETag"] in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(bytes(head.descriptor), media_type=_COSE, headers=headers)

    async def base(self, request: Request, name: str) -> Response:
        """A base file as zstd. Immutable; Range and If-Range resume a broken download."""
        device, _ = await self._caller(request)
        match = _BASE_NAME.fullmatch(name)
        return await self._artifact(device, match and match[1], "base")

    async def object(self, request: Request, name: str) -> Response:
        """A signed policy by its hash."""
        device, _ = await self._caller(request)
        match = _OBJECT_NAME.fullmatch(name)
        return await self._artifact(device, match and match[0], "policy")

    async def _artifact(self, device: Device, digest: str | None, kind: str) -> Response:
        if digest is None or not await self._read(
            lambda connection: manifests.has_artifact(connection, device.events, bytes.fromhex(digest), kind)
        ):
            raise ApiError(404, "not_found", "there is no such file for this device")
        if kind == "base":
            path, media = self._central.manifest_folder / basefile.name_of(bytes.fromhex(digest)), "application/zstd"
        else:
            path, media = self._central.object_folder / digest, _COSE
        if not path.is_file():
            raise ApiError(404, "not_found", "the file is gone from the server's folder; publish again")
        return FileAnswer(path, media_type=media, headers={"ETag": f'"{digest}"', "Cache-Control": _FOREVER})

    async def changes(
        self, request: Request, event: str, incarnation: str, after: Annotated[int, Query(ge=0, le=2**53)],
        limit: Limit = manifests.PAGE_ROWS, wait: Wait = 0,
    ) -> Response:  # fmt: skip
        """A page of the change log with the descriptor of its last row."""
        device = await self._of_event(request, event)
        if not re.fullmatch(r"[0-9a-f]{16}", incarnation):
            raise ApiError(400, "invalid", "incarnation is 16 lower-case hex")
        life = bytes.fromhex(incarnation)
        known = _trust_of(request)

        async def read() -> tuple[manifests.Rows, int]:
            await self._still(device)
            return await self._read(
                lambda connection: (
                    manifests.changes(connection, event, life, after, limit),
                    trustfiles.version(connection),
                )
            )

        rows, trust = await long_poll(
            self._central.hints,
            ("changes", event),
            min(wait, WAIT_MAX_S),
            read,
            lambda found: bool(found[0].rows) or (known is not None and found[1] > known),
        )
        if rows.descriptor is not None:
            page = rows.page(rows.descriptor)
        else:
            now_ms = self._central.clock()
            page = await self._write(
                lambda connection: manifests.middle_page(connection, self._central.signer, event, rows, now_ms)
            )
        return Response(page.encode(), media_type=_CBOR, headers={TRUST_HEADER: str(trust)})

    async def secrets(self, request: Request, event: str) -> Response:
        """The device's own sealed secrets."""
        device = await self._of_event(request, event)
        central = self._central
        seal_pub = device.seal_pub
        if seal_pub is None:
            raise ApiError(403, "forbidden", "this device has no sealing key")
        sealed = await self._write(
            lambda connection: sealing.secrets_for(
                connection, central.signer, event, device.device, seal_pub, central.random
            )
        )
        return Response(sealed, media_type=_COSE)

    async def checkins(
        self, request: Request, event: str, after: Annotated[str, Query(max_length=64)] = "",
        limit: Limit = feed.FEED_ROWS, wait: Wait = 0,
    ) -> Response:  # fmt: skip
        """Check-ins of all gates, the asking one's too, in order of commit."""
        device = await self._of_event(request, event)

        async def read() -> feed.FeedPage:
            await self._still(device)
            return await self._read(lambda connection: feed.read(connection, event, after, limit))

        page = await long_poll(
            self._central.hints, ("checkins", event), min(wait, WAIT_MAX_S), read, lambda found: bool(found.records)
        )
        return JSONResponse(page.to_json())

    # ---- push

    async def push(self, request: Request, event: str) -> Response:
        """Journal rows of one event, or with `-` of the device's own stream. Answered when they are on disk."""
        device, body = await self._caller(request, PUSH_BYTES_MAX)
        stream = DEVICE_STREAM if event == DEVICE_STREAM_PATH else event
        encoding = request.headers.get("content-encoding")
        try:
            pushed = await asyncio.to_thread(lambda: pushes.parse(unpack(body, encoding, PUSH_BYTES_MAX), stream))
        except (FormatError, ConfigError) as error:
            raise ApiError(400, "invalid", str(error)) from error
        now_ms = self._central.clock()

        def job(connection: Connection) -> tuple[ingest.Outcome, bool]:
            return (
                ingest.store(connection, stream, device, pushed, now_ms),
                pushed.boot is not None
                and pushed.boot != device.boot
                and devices.seen_boot(connection, device, pushed.boot, now_ms),
            )

        outcome, rebooted = await self._write(job, repeatable=True)
        if outcome.new:
            self._central.hints.wake(("checkins", stream))
        if rebooted:
            self._central.hints.wake(("device", device.device))
        return JSONResponse(outcome.to_json(now_ms))

    async def heartbeat(self, request: Request) -> Response:
        """How the device is. The answer takes along what operators want of it, each task once."""
        device, body = await self._caller(request, _SMALL_BODY)
        try:
            content = json_object(body)
        except FormatError as error:
            raise ApiError(400, "invalid", str(error)) from error
        now_ms = self._central.clock()
        boot = boot_of(content.get("clock"))

        def job(connection: Connection) -> tuple[list[dict[str, Any]], int]:
            devices.beat(connection, device.device, content, now_ms)
            if boot is not None and boot != device.boot:
                devices.seen_boot(connection, device, boot, now_ms)
            spreads = [events.policy_of(connection, event).get("reconnect_spread_s", 30) for event in device.events]
            return tasks.take(connection, device.device, now_ms), max(spreads, default=30)

        given, spread = await self._write(job)
        return JSONResponse({"now": now_ms, "tasks": given, "reconnect_spread_s": spread})


def _trust_of(request: Request) -> int | None:
    """The version of the trust file that the gate has, where it says so: a newer one ends its wait for changes."""
    said = request.headers.get(TRUST_HEADER, "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) <= 15 else None
