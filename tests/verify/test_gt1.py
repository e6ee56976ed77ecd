"""GT1: what is issued is read back, in the size that fits a small QR code, and only with the right key of the right event."""

from __future__ import annotations

import itertools

import base45
import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import FormatError, TicketError
from gate.model import Kid, Reason
from gate.verify.formats import gt1, identify
from gate.verify.keyset import KeySet
from gate.wire.sign1 import Aad, kid_of, public_bytes
from tests.fakes.issuer import AUTUMN, CTI, DAY_S, NOW_S, SPRING, Issuer, key, record

ISSUER = Issuer()
KEYS = ISSUER.keyset()
TEXT = ISSUER.ticket()
PAYLOAD = gt1.claims_payload(exp=NOW_S + DAY_S, cti=CTI, product=12, zones=3)

TIMES = st.integers(2**30, 2**32 - 1)


@st.composite
def claims(draw: st.DrawFn) -> dict[str, object]:
    nbf, exp = sorted(draw(st.lists(TIMES, min_size=2, max_size=2, unique=True)))
    return {
        "exp": exp,
        "nbf": draw(st.none() | st.just(nbf)),
        "cti": draw(st.binary(min_size=12, max_size=12)),
        "product": draw(st.integers(0, 0xFFFF)),
        "zones": draw(st.integers(0, 0xFFFF)),
        "flags": draw(st.integers(0, 0xFF)),
    }


@given(claims())
def test_every_ticket_reads_back(wanted: dict[str, object]) -> None:
    text = ISSUER.ticket(**wanted)
    found = identify(text, KEYS, NOW_S)
    assert {name: getattr(found, name) for name in wanted} == wanted
    assert (found.format, found.event, found.signed) == ("gt1", SPRING, True)
    assert found.kid == kid_of(public_bytes(ISSUER.ticket_keys[SPRING]))
    assert found.key_input == b"\x01" + found.cti  # type: ignore[operator]


BAD_CLAIMS = {
    "exp too early": {"exp": 2**30 - 1},
    "exp too late": {"exp": 2**32},
    "nbf after exp": {"nbf": NOW_S + 2 * DAY_S},
    "nbf equal to exp": {"nbf": NOW_S + DAY_S},
    "nbf too early": {"nbf": 0},
    "cti of 11 bytes": {"cti": bytes(11)},
    "cti of 13 bytes": {"cti": bytes(13)},
    "product negative": {"product": -1},
    "product over 16 bits": {"product": 0x10000},
    "zones over 16 bits": {"zones": 0x10000},
    "flags over 8 bits": {"flags": 256},
    "flags negative": {"flags": -1},
    "exp a fraction": {"exp": float(NOW_S)},
    "product true": {"product": True},
}


@pytest.mark.parametrize("changes", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_no_ticket_is_issued_that_would_not_be_read(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        ISSUER.ticket(**changes)


# ---- sizes (contracts 1)

SMALL, MIDDLE, LARGE = 23, 255, 0xFFFF


def body_bytes(text: str) -> int:
    return len(base45.b45decode(text[4:]))


def version(text: str, error: str) -> int:
    code = segno.make_qr(text, error=error, boost_error=False)
    assert code.mode == "alphanumeric"
    return int(code.version)


@pytest.mark.parametrize(
    ("number", "most_bytes", "most_characters"), [(SMALL, 97, 150), (MIDDLE, 99, 153), (LARGE, 101, 156)]
)
def test_size_of_a_plain_ticket(number: int, most_bytes: int, most_characters: int) -> None:
    text = ISSUER.ticket(product=number, zones=number)
    assert (body_bytes(text), len(text)) == (most_bytes, most_characters)


@pytest.mark.parametrize("number", [SMALL, MIDDLE, LARGE])
def test_nbf_adds_six_bytes_and_flags_one_or_two(number: int) -> None:
    plain = body_bytes(ISSUER.ticket(product=number, zones=number))
    assert body_bytes(ISSUER.ticket(product=number, zones=number, nbf=NOW_S)) == plain + 6
    assert body_bytes(ISSUER.ticket(product=number, zones=number, flags=1)) == plain + 1
    assert body_bytes(ISSUER.ticket(product=number, zones=number, flags=255)) == plain + 2


def test_nothing_is_larger_than_109_bytes_and_168_characters() -> None:
    text = ISSUER.ticket(product=LARGE, zones=LARGE, nbf=NOW_S, flags=255)
    assert (body_bytes(text), len(text)) == (109, 168)


@pytest.mark.parametrize(("product", "zones"), list(itertools.product((0, SMALL, MIDDLE), repeat=2)))
def test_a_plain_ticket_fits_version_5_at_l_and_6_at_m(product: int, zones: int) -> None:
    text = ISSUER.ticket(product=product, zones=zones)
    assert version(text, "L") <= 5
    assert version(text, "M") <= 6


@pytest.mark.parametrize(("nbf", "flags"), [(NOW_S, 0), (NOW_S, 255), (None, 255)])
def test_every_other_ticket_fits_version_6_at_l_and_7_at_m(nbf: int | None, flags: int) -> None:
    text = ISSUER.ticket(product=LARGE, zones=LARGE, nbf=nbf, flags=flags)
    assert version(text, "L") <= 6
    assert version(text, "M") <= 7


# ---- keys


def refused(text: str, keys: KeySet = KEYS, now_s: int = NOW_S) -> tuple[Reason, str]:
    with pytest.raises(TicketError) as caught:
        identify(text, keys, now_s)
    return caught.value.reason, caught.value.detail


def test_a_ticket_of_an_event_not_served_here_is_named_by_its_event() -> None:
    assert refused(ISSUER.ticket(AUTUMN)) == (Reason.WRONG_EVENT, "autumn")
    assert identify(ISSUER.ticket(AUTUMN), ISSUER.keyset(SPRING, AUTUMN), NOW_S).event == AUTUMN


def test_a_key_makes_tickets_of_its_own_event_only() -> None:
    """The event is the key's; nothing in the text can choose another."""
    assert identify(ISSUER.ticket(SPRING), ISSUER.keyset(SPRING, AUTUMN), NOW_S).event == SPRING


def test_a_signature_of_another_events_key_under_this_kid_is_refused() -> None:
    forged = gt1.to_sign1(ISSUER.ticket(AUTUMN))
    forged = type(forged)(kid_of(public_bytes(ISSUER.ticket_keys[SPRING])), forged.payload, forged.signature)
    assert refused(gt1.to_text(forged)) == (Reason.INVALID_SIGNATURE, "")


def test_an_unknown_key_is_named() -> None:
    assert refused(ISSUER.ticket_of(PAYLOAD, key("stranger"))) == (Reason.UNKNOWN_KEY, "")


@pytest.mark.parametrize(
    "signer", [ISSUER.manifest_key, ISSUER.time_key, ISSUER.root], ids=["manifest", "time", "root"]
)
def test_a_key_of_another_role_is_no_ticket_key(signer: object) -> None:
    assert refused(ISSUER.ticket_of(PAYLOAD, signer)) == (Reason.UNKNOWN_KEY, "")  # type: ignore[arg-type]


def test_a_revoked_key_is_named_and_only_that_key() -> None:
    revoked = frozenset({kid_of(public_bytes(ISSUER.ticket_keys[SPRING]))})
    keys = ISSUER.keyset(SPRING, AUTUMN, revoked_kids=revoked)
    assert refused(TEXT, keys) == (Reason.UNKNOWN_KEY, "key_revoked")
    assert identify(ISSUER.ticket(AUTUMN), keys, NOW_S).event == AUTUMN


def test_a_key_counts_from_its_first_second_to_its_last() -> None:
    start, end = NOW_S - 10, NOW_S + 10
    keys = ISSUER.keyset(keys=(record(ISSUER.ticket_keys[SPRING], "ticket", [SPRING], nbf=start, exp=end),))
    assert refused(TEXT, keys, start - 1) == (Reason.UNKNOWN_KEY, "key_not_yet")
    assert identify(TEXT, keys, start)
    assert identify(TEXT, keys, end)
    assert refused(TEXT, keys, end + 1) == (Reason.UNKNOWN_KEY, "key_expired")


def test_an_expired_ticket_is_still_authentic() -> None:
    """Its window is a question of the decision, which knows the manifest row too."""
    assert identify(ISSUER.ticket(exp=NOW_S - 1), KEYS, NOW_S).exp == NOW_S - 1


@pytest.mark.parametrize("aad", [aad for aad in Aad if aad is not Aad.TICKET])
def test_what_is_signed_as_another_kind_is_no_ticket(aad: Aad) -> None:
    assert refused(ISSUER.ticket_of(PAYLOAD, aad=aad)) == (Reason.INVALID_SIGNATURE, "")


def test_a_signature_over_the_bare_payload_is_no_ticket() -> None:
    signer = ISSUER.ticket_keys[SPRING]
    ticket = gt1.Sign1(Kid(kid_of(public_bytes(signer))), PAYLOAD, signer.sign(PAYLOAD))
    assert refused(gt1.to_text(ticket)) == (Reason.INVALID_SIGNATURE, "")


def test_an_empty_key_set_knows_no_ticket() -> None:
    assert refused(TEXT, KeySet()) == (Reason.UNKNOWN_KEY, "")
