"""Our check-ins on their way to the server: the journal above what the peer holds, one batch in flight.

Nothing is ever taken out of the journal; a record the server cannot take is quarantined, shown, and the others go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import zstandard

from gate import steps
from gate.errors import FormatError, UplinkError
from gate.sync.client import Client
from gate.sync.clocks import SyncClock
from gate.sync.outbox import Outbox, to_json
from gate.sync.poison import RETRY_ASIDE_MS, SERVER_FAILS, Suspicion
from gate.sync.protocol import DELIVERED, QUARANTINED, Ack, BatchSize, PushAnswer, fits, parse_push_answer
from gate.sync.rows import StreamKey
from gate.sync.store import Store
from gate.wire.journal import DEVICE_STREAM, DEVICE_STREAM_PATH
from gate.wire.request import b64

_PACK_ABOVE = 4096
# Bytes. One record is not worth packing; a batch of 200 shrinks to a sixth.
_WHY_MAX = 300

Poison = tuple[str, bytes, int, str]


@dataclass(frozen=True, slots=True)
class _Item:
    epoch: bytes
    seq: int
    json: str


class Pusher:
    """Used by one thread.

    Args:
        peer: id of the server; what one server holds says nothing about another.
        most: records in a batch.
    """

    def __init__(self, *, peer: str, most: int, store: Store, outbox: Outbox, clock: SyncClock) -> None:
        self._peer = peer
        self._store = store
        self._outbox = outbox
        self._clock = clock
        self._acks: dict[StreamKey, Ack] = store.acks(peer)
        self._most = most
        self._sizes: dict[str, BatchSize] = {}
        self._suspicions: dict[str, Suspicion] = {}
        self.lost: set[str] = set()
        """Events of which the server had lost something that it once held: whoever reads its feed must begin again."""

    def look(self) -> list[str]:
        """Events with records that the peer does not hold, in order of birth. Raises: StorageError."""
        self._outbox.look()
        return list(
            dict.fromkeys(event for (event, epoch), top in self._outbox.tops.items() if self._open(event, epoch, top))
        )

    def queue(self) -> int:
        """Records not delivered yet."""
        return sum(self._ack(event, epoch).pending(top) for (event, epoch), top in self._outbox.tops.items())

    def forget(self) -> None:
        """Read again what the peer holds: it was changed in sync.db."""
        self._acks = self._store.acks(self._peer)

    def reconcile(self) -> None:
        """Contact again after a silence: offer the last row of each stream once more, old ones too.

        A server that still has it says `known`. One that was restored from a backup meanwhile says `stored` and names what
        else it misses; without the question nobody would ever ask for the rows of an epoch that is over.
        """
        self._outbox.look()
        for (event, epoch), top in self._outbox.tops.items():
            ack = self._ack(event, epoch)
            ack.asked.clear()
            if top not in self._store.quarantined(self._peer, event, epoch):
                ack.again.add(top)

    def retry_aside(self) -> int:
        """Offer once more what was set aside because the server failed at it, an hour ago or earlier. Returns: how many."""
        before = self._clock.now().at - RETRY_ASIDE_MS
        places = self._store.aside(self._peer, SERVER_FAILS, before)
        for event, epoch, seq in places:
            self._ack(event, epoch).again.add(seq)
        return len(places)

    def step(self, client: Client, event: str) -> int:
        """Send one batch of an event. Returns: records delivered or quarantined.

        Raises:
            UplinkError: not delivered; also after a batch was halved (`poison`: try again at once).
            FormatError: an answer that is none.
            StorageError: journal or sync.db.
        """
        size = self._sizes.setdefault(event, BatchSize(self._most))
        suspicion = self._suspicions.setdefault(event, Suspicion())
        items, poison = self._collect(event, size.now, suspicion)
        if not items and suspicion.suspect is not None:
            suspicion.alone()
            items, more = self._collect(event, size.now, suspicion)
            poison += more
        if not items:
            self._apply(event, PushAnswer(results=()), poison)
            return len(poison)
        try:
            steps.reach("push.ready")
            parsed = self._post(client, event, items)
            steps.reach("push.answered")
        except UplinkError as error:
            if error.code == "server_error":
                if suspicion.failed(error.status or 0, [(item.epoch, item.seq) for item in items]):
                    size.shrink(len(items))
                raise
            if error.code != "poison":
                raise
            if not size.shrink(len(items)):
                raise
            item = items[0]
            poison.append((event, item.epoch, item.seq, f"the server refused it: {error}"[:_WHY_MAX]))
            self._apply(event, PushAnswer(results=()), poison)
            return len(poison)
        known = {(item.epoch.hex(), item.seq) for item in items}
        for epoch, seq, word in parsed.results:
            if (epoch, seq) in known and word == QUARANTINED:
                poison.append((event, bytes.fromhex(epoch), seq, "the server holds another record of this number"))
        why = suspicion.why
        if (proven := suspicion.passed()) is not None:
            poison.append((event, *proven, why))
        self._apply(event, parsed, poison, known)
        size.grow()
        return len(items) + len(poison)

    # ---- making a batch

    def _collect(self, event: str, most: int, suspicion: Suspicion) -> tuple[list[_Item], list[Poison]]:
        items: list[_Item] = []
        poison: list[Poison] = []
        for (stream_event, epoch), top in self._outbox.tops.items():
            if stream_event == event and len(items) < most:
                ready, bad = self._stream(event, epoch, top, most - len(items), suspicion)
                items += ready
                poison += bad
        return items[: fits((len(item.json) for item in items), most)], poison

    def _stream(
        self, event: str, epoch: bytes, top: int, most: int, suspicion: Suspicion
    ) -> tuple[list[_Item], list[Poison]]:
        ack = self._ack(event, epoch)
        rows: list[tuple[int, bytes, bytes]] = []
        first = ack.first(top)
        if first is not None:
            rows = self._outbox.rows(event, epoch, first - 1, most + (suspicion.suspect is not None))
            # Numbers that the journal does not hold (retention, a lost tail) cannot be sent and must not hold up others.
            last = rows[-1][0] if rows else top
            ack.settle(set(range(first, last + 1)) - {seq for seq, _, _ in rows})
            rows = [row for row in rows if row[0] not in ack.settled]
        for seq in sorted(ack.again - {row[0] for row in rows})[:most]:
            again = self._outbox.rows(event, epoch, seq - 1, 1)
            if again and again[0][0] == seq:
                rows += again
            else:
                ack.again.discard(seq)
        items: list[_Item] = []
        poison: list[Poison] = []
        previous: tuple[int, bytes] | None = None
        for seq, body, digest in rows:
            before = previous[1] if previous and previous[0] == seq - 1 else self._outbox.hash_before(event, epoch, seq)
            previous = (seq, digest)
            if (epoch, seq) == suspicion.suspect:
                continue
            try:
                items.append(_Item(epoch, seq, to_json(before, body, digest)))
            except FormatError as error:
                if seq <= ack.upto or seq in ack.settled:
                    ack.again.discard(seq)  # it was delivered once, or is set aside already
                else:
                    poison.append((event, epoch, seq, str(error)[:_WHY_MAX]))
        return items[:most], poison

    def _post(self, client: Client, event: str, items: list[_Item]) -> PushAnswer:
        body = self._body(event, items)
        headers = {}
        if len(body) > _PACK_ABOVE:
            body, headers = zstandard.compress(body, 3), {"Content-Encoding": "zstd"}
        path = event if event != DEVICE_STREAM else DEVICE_STREAM_PATH
        answer = client.post(f"/events/{path}/checkins", body, headers=headers)
        return parse_push_answer(answer.json())

    def _body(self, event: str, items: list[_Item]) -> bytes:
        epochs = dict.fromkeys(item.epoch for item in items)
        heads = [b64(head) for epoch in epochs if (head := self._outbox.head(event, epoch)) is not None]
        records = ",".join(item.json for item in items)
        rest = json.dumps({"heads": heads, "mono": self._clock.mono_ms(), "boot": self._clock.boot})
        return f'{{"records":[{records}],{rest[1:]}'.encode()

    # ---- taking an answer

    def _apply(
        self,
        event: str,
        answer: PushAnswer,
        poison: list[Poison],
        sent: Iterable[tuple[str, int]] = (),
    ) -> None:
        """All effects of one answer, on disk in one transaction."""
        sent = set(sent)
        delivered: dict[str, set[int]] = {}
        for epoch, seq, word in answer.results:
            if word in DELIVERED and (epoch, seq) in sent:
                delivered.setdefault(epoch, set()).add(seq)
                if word != "known" and seq <= self._ack(event, bytes.fromhex(epoch)).upto:
                    self.lost.add(event)
        changed: dict[StreamKey, Ack] = {}
        freed: list[tuple[str, bytes, int]] = []
        for (stream_event, key), top in self._outbox.tops.items():
            if stream_event != event:
                continue
            ack, epoch = self._ack(event, key), key.hex()
            before = (ack.upto, ack.upstream)
            bad = {seq for _, bad_epoch, seq, _ in poison if bad_epoch == key}
            aside = self._store.quarantined(self._peer, event, key)
            arrived = delivered.get(epoch, set())
            freed += [(event, key, seq) for seq in arrived & aside]
            ack.again -= arrived | bad
            ack.settle(arrived | bad)
            ack.durable(answer.durable.get(epoch, 0), top)
            ack.upstream = max(ack.upstream, min(answer.upstream.get(epoch, 0), top))
            for low, high in answer.missing.get(epoch, ()):
                ack.missing(low, high, top, bad | (aside - arrived))
            if ack.upto < before[0]:
                self.lost.add(event)
            if (ack.upto, ack.upstream) != before:
                changed[event, key] = ack
        self._store.take_acks(self._peer, changed, poison, self._clock.now().at, freed)
        steps.reach("push.stored")

    def _ack(self, event: str, epoch: bytes) -> Ack:
        return self._acks.setdefault((event, epoch), Ack())

    def _open(self, event: str, epoch: bytes, top: int) -> bool:
        ack = self._ack(event, epoch)
        return ack.pending(top) > 0 or bool(ack.again)
