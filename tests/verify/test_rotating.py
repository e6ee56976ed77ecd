"""GR1: a GT1 ticket with a code that changes every 30 seconds. Published vectors, the contract's sample, and every way to fail."""

from __future__ import annotations

import hmac
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from gate.errors import TicketError
from gate.model import Reason
from gate.verify.formats import identify, rotating
from gate.wire.secrets import RotationKey
from gate.wire.ticketkey import cti_input
from tests.fakes.issuer import AUTUMN, CTI, DAY_S, NOW_S, SPRING, Issuer

VECTORS = Path(__file__).parent.parent / "vectors"
KEY = bytes(range(0x60, 0x80))
ISSUER = Issuer(rotating=(RotationKey(nbf=NOW_S - DAY_S, exp=NOW_S + DAY_S, key=KEY),))
KEYS = ISSUER.keyset()
TICKET = ISSUER.ticket(flags=1)
TEXT = rotating.encode(TICKET, KEY, CTI, NOW_S)


def refused(text: str, keys: object = KEYS, now_s: int = NOW_S) -> tuple[Reason, str]:
    with pytest.raises(TicketError) as caught:
        identify(text, keys, now_s)  # type: ignore[arg-type]
    return caught.value.reason, caught.value.detail


def answer(text: str) -> str:
    try:
        return identify(text, KEYS, NOW_S).format
    except TicketError as error:
        return str(error)


# ---- published vectors

TOTP = json.loads((VECTORS / "totp-rfc6238/totp.json").read_text())


def test_rfc_6238_has_18_values_of_which_6_are_of_our_kind() -> None:
    assert len(TOTP["totp"]) == 18
    assert sum(case["alg"] == "SHA1" for case in TOTP["totp"]) == 6


@pytest.mark.parametrize("case", TOTP["totp"], ids=[f"{case['alg']} {case['time']}" for case in TOTP["totp"]])
def test_rfc_6238(case: dict[str, object]) -> None:
    """All 18 by the same truncation; the gate itself uses SHA-1."""
    secret, step = bytes.fromhex(str(case["seed_hex"])), int(str(case["step"]))
    assert int(str(case["time"])) // rotating.STEP_S == step
    mac = hmac.digest(secret, step.to_bytes(8, "big"), str(case["alg"]).lower())
    assert rotating.truncated(mac, rotating.DIGITS) == case["totp"]
    if case["alg"] == "SHA1":
        assert rotating.totp(secret, step) == case["totp"]


@pytest.mark.parametrize("case", TOTP["hotp"], ids=[str(case["counter"]) for case in TOTP["hotp"]])
def test_rfc_4226(case: dict[str, object]) -> None:
    secret = bytes.fromhex(str(case["seed_hex"]))
    assert rotating.totp(secret, int(str(case["counter"])), digits=6) == case["hotp"]


HKDF_CASES = [
    case
    for group in json.loads((VECTORS / "wycheproof/hkdf_sha256_test.json").read_text())["testGroups"]
    for case in group["tests"]
]


def test_the_hkdf_we_use_answers_as_wycheproof_says() -> None:
    assert len(HKDF_CASES) == 86
    for case in HKDF_CASES:
        ikm, salt, info, okm = (bytes.fromhex(case[name]) for name in ("ikm", "salt", "info", "okm"))
        try:
            found = HKDF(algorithm=SHA256(), length=case["size"], salt=salt, info=info).derive(ikm)
        except (ValueError, InvalidKey):
            found = None
        assert (found == okm) == (case["result"] == "valid"), case["tcId"]


def test_the_sample_of_the_contract() -> None:
    secret = rotating.ticket_secret(KEY, CTI)
    assert secret.hex() == "a72c531486e163619932d72b2abeca90a7be49f0"
    assert rotating.totp(secret, 1798000017 // 30) == "65713891"
    assert rotating.encode(TICKET, KEY, CTI, 1798000017).startswith("GR1:657138911798000017")


# ---- what is accepted


def test_a_code_of_now_reads_back_as_the_ticket_with_its_step() -> None:
    claims = identify(TEXT, KEYS, NOW_S)
    static = identify(TICKET, KEYS, NOW_S)
    assert (claims.format, claims.code_step) == ("rotating", NOW_S // 30)
    assert claims.key_input == static.key_input == cti_input(CTI)
    assert (claims.event, claims.product, claims.zones, claims.flags, claims.exp, claims.kid, claims.signed) == (
        SPRING, static.product, static.zones, 1, static.exp, static.kid, True,
    )  # fmt: skip
    assert (static.format, static.code_step) == ("gt1", None)


@given(st.integers(NOW_S - DAY_S, NOW_S + DAY_S))
def test_every_second_of_the_keys_time_has_its_code(at_s: int) -> None:
    """Whether the step is one of now is not asked here: the decision has the clock."""
    assert identify(rotating.encode(TICKET, KEY, CTI, at_s), KEYS, NOW_S).code_step == at_s // 30


def test_any_second_of_the_step_may_stand_in_the_text() -> None:
    """The time is not signed; only its step is proven, and only that is used."""
    step = NOW_S // 30 * 30
    for at_s in (step, step + 29):
        text = f"GR1:{TEXT[4:12]}{at_s:010}{TICKET[4:]}"
        assert identify(text, KEYS, NOW_S).code_step == NOW_S // 30
    for at_s in (step - 1, step + 30):
        assert refused(f"GR1:{TEXT[4:12]}{at_s:010}{TICKET[4:]}") == (Reason.INVALID_SIGNATURE, "totp")


# ---- rotation keys


def keys(*windows: tuple[int, int, bytes], event: object = SPRING) -> object:
    records = tuple(RotationKey(nbf=NOW_S + start, exp=NOW_S + end, key=secret) for start, end, secret in windows)
    return ISSUER.trusted().keyset((SPRING, AUTUMN), {event: records})  # type: ignore[dict-item]


OTHER = bytes(32)


def test_while_keys_change_both_count() -> None:
    both = keys((-100, 100, OTHER), (-10, 500, KEY))
    assert identify(TEXT, both, NOW_S).code_step  # type: ignore[arg-type]
    assert identify(rotating.encode(TICKET, OTHER, CTI, NOW_S), both, NOW_S).code_step  # type: ignore[arg-type]


def test_a_third_key_is_not_tried() -> None:
    assert refused(TEXT, keys((-1, 1, OTHER), (-1, 1, bytes(31) + b"1"), (-1, 1, KEY))) == (
        Reason.INVALID_SIGNATURE,
        "totp",
    )
    assert identify(TEXT, keys((-9, -5, OTHER), (5, 9, OTHER), (-1, 1, KEY)), NOW_S)  # type: ignore[arg-type]


def test_a_key_counts_from_its_first_to_its_last_second() -> None:
    for window in ((0, 0), (-5, 0), (0, 5)):
        assert identify(TEXT, keys((*window, KEY)), NOW_S).code_step  # type: ignore[arg-type]
    for window in ((1, 9), (-9, -1)):
        assert refused(TEXT, keys((*window, KEY))) == (Reason.UNKNOWN_KEY, "rotation")


def test_no_key_is_ever_shown() -> None:
    """Not in a log, not in a trace."""
    record = ISSUER.rotating[0]
    for value in (record, ISSUER.secrets_plain(), KEYS):
        assert repr(KEY)[2:20] not in repr(value)
        assert repr(ISSUER.salt)[2:20] not in repr(value)


def test_without_a_key_no_code_counts() -> None:
    assert refused(TEXT, Issuer().keyset()) == (Reason.UNKNOWN_KEY, "rotation")
    assert refused(TEXT, keys((-1, 1, KEY), event=AUTUMN)) == (Reason.UNKNOWN_KEY, "rotation")


# ---- what is refused


def test_every_other_code_is_refused() -> None:
    for at in range(4, 12):
        for digit in "0123456789":
            if digit != TEXT[at]:
                assert refused(TEXT[:at] + digit + TEXT[at + 1 :]) == (Reason.INVALID_SIGNATURE, "totp")


def test_the_code_of_another_ticket_does_not_fit() -> None:
    other = bytes(12)
    wrong = rotating.encode(TICKET, KEY, other, NOW_S)
    assert refused(wrong) == (Reason.INVALID_SIGNATURE, "totp")


def test_the_ticket_inside_is_asked_first() -> None:
    """No code is computed for a text whose signature is not ours: the reason is that of the ticket."""
    at = 60
    bad = TEXT[:at] + ("A" if TEXT[at] != "A" else "B") + TEXT[at + 1 :]
    assert refused(bad)[0] in (Reason.INVALID_SIGNATURE, Reason.INVALID)
    assert refused(bad)[1] != "totp"
    assert refused(rotating.encode(ISSUER.ticket(AUTUMN), KEY, CTI, NOW_S)) == (Reason.WRONG_EVENT, AUTUMN)
    stranger = Issuer(ticket_keys={SPRING: ISSUER.root})
    assert refused(rotating.encode(stranger.ticket(), KEY, CTI, NOW_S)) == (Reason.UNKNOWN_KEY, "")


FORMS = {
    "nothing after the prefix": "GR1:",
    "a static ticket under our prefix": "GR1:" + TICKET[4:],
    "one digit less": "GR1:" + TEXT[5:],
    "one digit more": "GR1:0" + TEXT[4:],
    "a letter in the code": "GR1:A" + TEXT[5:],
    "a sign in the time": TEXT[:12] + "-" + TEXT[13:],
    "digits of another script": "GR1:" + "".join(chr(0x0660 + int(d)) for d in TEXT[4:12]) + TEXT[12:],
    "superscript digits": "GR1:" + "¹" * 8 + TEXT[12:],
    "too short": TEXT[:167],
    "too long": TEXT + "0" * 30,
    "GT1 inside": "GR1:" + TEXT[4:22] + TICKET,
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_another_form_is_refused(text: str) -> None:
    reason, detail = refused(text)
    assert reason is Reason.INVALID
    assert detail in ("form", "base45")


def test_changed_letters_are_named() -> None:
    assert refused(TEXT.lower()) == (Reason.INVALID, "case")
    assert refused(TEXT.swapcase()) == (Reason.INVALID, "case")


@given(st.text(alphabet="0123456789", min_size=18, max_size=18))
def test_any_digits_are_answered(digits: str) -> None:
    right = digits[:8] == rotating.totp(rotating.ticket_secret(KEY, CTI), int(digits[8:]) // 30)
    in_time = NOW_S - DAY_S <= int(digits[8:]) <= NOW_S + DAY_S
    expected = "rotating" if right and in_time else "invalid_signature: totp" if in_time else "unknown_key: rotation"
    assert answer("GR1:" + digits + TICKET[4:]) == expected


def test_bit_0_is_signed() -> None:
    """What is sold as rotating says so under the signature; the decision refuses its static form."""
    assert identify(TICKET, KEYS, NOW_S).flags == 1
    assert identify(ISSUER.ticket(), KEYS, NOW_S).flags == 0
