"""What the fuzzer calls with bytes of its own making. Run by `test_fuzz.py`, or by hand:

    PYTHONPATH=.:<folder of atheris> python tests/fuzz/target.py -max_total_time=600 CORPUS_FOLDER

The first byte chooses the door; the rest is the stranger's. Anything but the errors of that door is a crash, and so is a
signed answer to bytes that nobody signed. Where the target signs the bytes itself, an accepted one must mean exactly them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gate.verify", "gate.wire"]):
    from gate.errors import FormatError, TicketError, TrustError
    from gate.verify.foreign import family
    from gate.verify.formats import gt1, identify
    from gate.verify.trust import TrustedSet
    from gate.wire import cbor, enrol, manifest, trust
    from gate.wire.journal import decode_record
    from gate.wire.policy import parse_policy
    from gate.wire.secrets import parse_secrets, unseal
    from gate.wire.sign1 import split
    from tests.fakes.issuer import NOW_S, SPRING, seal_key
    from tests.fakes.pretix import code, message, text_of
    from tests.fuzz.others import ISSUER, ROTATION_KEY, Others
    from tests.verify.mutate import encoded

KEYS = ISSUER.keyset()
SIGNER = ISSUER.ticket_keys[SPRING]
TRUSTED = ISSUER.trusted()
TRUSTED.update_descriptor(SPRING, ISSUER.descriptor(), NOW_S)
OTHERS = Others(1)
GENUINE = [identify(text, KEYS, NOW_S) for text in OTHERS.genuine()]


def unsigned(text: str) -> None:
    """Nobody signed it, so nothing may come of it but a refusal or an opaque text.

    But a seed is a spoiled ticket, and what spoils one can mend it (a time moved back into its step): then it must say
    exactly what was signed.
    """
    family(text)
    try:
        claims = identify(text, KEYS, NOW_S)
    except TicketError:
        return
    assert not claims.signed or claims in GENUINE, text


def text_door(data: bytes) -> None:
    unsigned(data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("latin-1"))


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def gt1_door(data: bytes) -> None:
    unsigned(encoded(data))


def gr1_door(data: bytes) -> None:
    digits = str(int.from_bytes(data[:8], "big") % 10**18).zfill(18)
    unsigned("GR1:" + digits + encoded(data[8:])[4:])


def sig1_door(data: bytes) -> None:
    unsigned(text_of(data[:-64], data[-64:]))


def signed_gt1_door(data: bytes) -> None:
    payload = data[:41].ljust(29, b"\0")
    try:
        claims = identify(ISSUER.ticket_of(payload), KEYS, NOW_S)
    except TicketError:
        return
    assert claims.cti is not None
    assert claims.exp is not None
    assert claims.product is not None
    assert claims.zones is not None
    again = gt1.claims_payload(
        exp=claims.exp, cti=claims.cti, product=claims.product, zones=claims.zones, nbf=claims.nbf, flags=claims.flags
    )
    assert again == payload, "two texts for one content"


def signed_sig1_door(data: bytes) -> None:
    try:
        claims = identify(code(SIGNER, data[:380]), KEYS, NOW_S)
    except TicketError:
        return
    if claims.format == "pretix_sig1":
        assert claims.product
        assert data[:2] != b"\x84\x6a"


def trust_door(data: bytes) -> None:
    for fresh in (TRUSTED.copy(), TrustedSet(ISSUER.root_thumbprint)):
        with contextlib.suppress(TrustError):
            fresh.update_trust(data)
            assert data == ISSUER.trust()


def objects_door(data: bytes) -> None:
    fresh = TRUSTED.copy()
    before = dict(fresh.events)
    for update in (
        lambda: fresh.update_descriptor(SPRING, data, NOW_S),
        lambda: fresh.update_secrets(SPRING, "g2", data, seal_key("g2"), NOW_S),
    ):
        with contextlib.suppress(TrustError):
            update()
    assert dict(fresh.events) == before or data == ISSUER.descriptor()


READERS: tuple[Callable[[bytes], object], ...] = (
    trust.parse_payload, manifest.parse_descriptor, manifest.parse_change, manifest.parse_page, parse_policy, parse_secrets,
    decode_record, trust.open_envelope, lambda data: split(data, limit=10_000), lambda data: unseal(data, seal_key("g2"), b""),
    lambda data: enrol.parse_code(data.decode("latin-1")),
)  # fmt: skip


def readers_door(data: bytes) -> None:
    """Every reader of a payload, as if the signature had been good: other errors than theirs must not come out."""
    for read in READERS:
        with contextlib.suppress(FormatError):
            read(data)
    with contextlib.suppress(FormatError):
        assert cbor.dumps(cbor.loads(data)) == data


DOORS = (
    text_door,
    gt1_door,
    gr1_door,
    sig1_door,
    signed_gt1_door,
    signed_sig1_door,
    trust_door,
    objects_door,
    readers_door,
)


def one(data: bytes) -> None:
    if data:
        DOORS[data[0] % len(DOORS)](data[1:])


def seeds(folder: Path) -> None:
    """Good inputs to begin from, one a file, at every door."""
    ticket = gt1.to_sign1(ISSUER.ticket())
    assert ticket.payload is not None
    others = iter(OTHERS)
    texts = [next(others) for _ in range(60)]
    good = {
        0: [text.encode("utf-8", "surrogatepass")[:2000] for text in texts],
        1: [ticket.kid + ticket.payload + bytes(64)],
        2: [bytes(8) + ticket.kid + ticket.payload + bytes(64), ROTATION_KEY],
        3: [message() + bytes(64)],
        4: [ticket.payload, gt1.claims_payload(exp=NOW_S + 9, nbf=NOW_S, cti=bytes(12), product=999, zones=999, flags=1)],
        5: [message(), message("x", 2**40, 5, 6, NOW_S, NOW_S + 1)],
        6: [ISSUER.trust()[:-1]],
        7: [ISSUER.descriptor()[:-1], ISSUER.secrets()[:-1]],
        8: [
            ISSUER.trust_file().payload(), ISSUER.descriptor_of().payload(), ISSUER.change(1), ISSUER.page([ISSUER.change(1)]).encode(),
            ISSUER.secrets_plain().encode(), ISSUER.trust(),
        ],
    }  # fmt: skip
    for door, inputs in good.items():
        for number, data in enumerate(inputs):
            (folder / f"{door}-{number}").write_bytes(bytes([door]) + data)


def main() -> None:
    atheris.Setup(sys.argv, one)
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    for folder in folders[:1]:
        folder.mkdir(parents=True, exist_ok=True)
        seeds(folder)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
