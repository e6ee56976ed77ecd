"""Codes of every format through a whole lane: rotating, pretix's, foreign; and trust that ends while the gate is open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gate.errors import TrustError
from gate.model import ClockTrust, EventId, EventMode, GateId, TicketFlag
from gate.storage.world import WorldReader
from gate.verify.formats import rotating
from gate.wire.secrets import RotationKey
from gate.wire.sign1 import kid_of, public_bytes
from tests.fakes.issuer import DAY_S, NOW_S, SPRING, Issuer, key, record
from tests.fakes.pretix import code, message
from tests.fakes.state import StateFolder
from tests.lane.conftest import MakeRig
from tests.lane.rig import WINDOW_MS, Rig

KEY = bytes(range(0x60, 0x80))
ISSUER = Issuer(rotating=(RotationKey(nbf=NOW_S - DAY_S, exp=NOW_S + DAY_S, key=KEY),))


@pytest.fixture
def rig(make_rig: MakeRig, tmp_path: Path) -> Rig:
    """Three tickets that rotate, with as many entries as one likes."""
    state = StateFolder(tmp_path, ISSUER)
    state.ready([state.row(n, flags=TicketFlag.ROTATING, uses=0) for n in range(3)])
    return make_rig(state=state)


def shown_at(rig: Rig, n: int, at_s: int) -> str:
    return rotating.encode(rig.state.text(n, flags=1), KEY, rig.state.cti(n), at_s)


def scan(rig: Rig, text: str) -> str:
    decision = rig.scan(text)
    assert decision is not None
    return f"{decision.reason} {decision.detail}".strip()


def now(rig: Rig) -> int:
    return rig.clock.now().seconds


def test_a_code_admits_once_and_the_next_one_again(rig: Rig) -> None:
    text = shown_at(rig, 0, now(rig))
    assert scan(rig, text) == "ok"
    rig.walk()
    assert scan(rig, text) == "code_expired replayed"
    assert scan(rig, shown_at(rig, 0, now(rig) - 30)) == "code_expired replayed"
    rig.clock.advance(30)
    assert scan(rig, shown_at(rig, 0, now(rig))) == "ok"


def test_a_code_counts_for_its_step_and_its_neighbours(rig: Rig) -> None:
    assert scan(rig, shown_at(rig, 0, now(rig) - 60)) == "code_expired old"
    assert scan(rig, shown_at(rig, 0, now(rig) + 60)) == "code_expired early"
    assert scan(rig, shown_at(rig, 0, now(rig) - 30)) == "ok"
    rig.walk()
    assert scan(rig, shown_at(rig, 1, now(rig) + 30)) == "ok"


def test_nobody_went_through_so_the_same_code_counts_once_more(rig: Rig) -> None:
    rig.clock.advance(30 - now(rig) % 30)
    text = shown_at(rig, 0, now(rig))
    assert scan(rig, text) == "ok"
    rig.wait(WINDOW_MS / 1000 + 1)
    assert len(rig.rows("annulled")) == 1
    assert scan(rig, text) == "ok"
    rig.walk()
    assert scan(rig, text) == "code_expired replayed"


def test_a_screenshot_of_the_static_form_is_refused(rig: Rig) -> None:
    assert scan(rig, rig.state.text(0, flags=1)) == "code_required"


def test_a_wrong_code_is_no_ticket(rig: Rig) -> None:
    good = shown_at(rig, 0, now(rig))
    assert scan(rig, good[:4] + str(10**8 - 1 - int(good[4:12])).zfill(8) + good[12:]) == "invalid_signature totp"
    assert scan(rig, rotating.encode(rig.state.text(0, flags=1), bytes(32), rig.state.cti(0), now(rig))) == (
        "invalid_signature totp"
    )


@pytest.mark.parametrize(("policy", "expected"), [("admit_marked", "ok"), ("staff", "clock_untrusted"), ("refuse", "clock_untrusted")])  # fmt: skip
def test_without_a_trusted_clock_the_policy_decides(
    make_rig: MakeRig, tmp_path: Path, policy: str, expected: str
) -> None:
    state = StateFolder(tmp_path, ISSUER)
    state.ready([state.row(0, flags=TicketFlag.ROTATING), state.row(1)])
    rig = make_rig(state=state, clock_policy=policy)
    rig.clock.trust, rig.clock.error_ms = ClockTrust.UNTRUSTED, None
    assert scan(rig, shown_at(rig, 0, now(rig) + 600)) == expected
    assert rig.rows()[-1]["clock"] == "untrusted"
    rig.wait(WINDOW_MS / 1000 + 1)
    assert scan(rig, rig.state.text(1)) == "ok", "a static ticket needs no clock"


# ---- pretix


def pretix_rig(make_rig: MakeRig, tmp_path: Path, mode: str) -> tuple[Rig, str, str]:
    """A code in the manifest, and one that is signed and not in it."""
    state = StateFolder(tmp_path, ISSUER)
    known, unknown = (code(ISSUER.ticket_keys[SPRING], message(seed, 12)) for seed in ("aaaaaaaaa", "bbbbbbbbb"))
    state.enrol()
    state.trust(events={SPRING: EventMode(mode=mode)})
    state.publish([state.opaque(known), state.opaque("randomsecretofpretix")])
    return make_rig(state=state), known, unknown


@pytest.mark.parametrize(("mode", "expected"), [("allow_list", "invalid unknown"), ("signature", "ok")])
def test_a_pretix_code_is_looked_up_by_its_exact_text(
    make_rig: MakeRig, tmp_path: Path, mode: str, expected: str
) -> None:
    rig, known, unknown = pretix_rig(make_rig, tmp_path, mode)
    assert scan(rig, known) == "ok"
    rig.walk()
    assert scan(rig, known) == "already_redeemed total"
    assert scan(rig, "randomsecretofpretix") == "ok"
    rig.walk()
    assert scan(rig, unknown) == expected


# ---- foreign

FOREIGN = {
    "https://example.org/menu": "foreign_url",
    "HC1:6BFOXN*TS0BI$ZD": "foreign_health",
    "shc:/" + "5676" * 300: "foreign_health",
    "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Doe\r\nEND:VCARD": "foreign_contact",
    "WIFI:T:WPA;S:guest;P:secret;;": "foreign_wifi",
    "x" * 601: "too_long",
    "a\nb": "control",
    "hello": "unknown",
}


@pytest.mark.parametrize("text", FOREIGN, ids=lambda text: text[:16])
def test_a_foreign_text_is_named_by_family_and_kept_as_a_hash_only(rig: Rig, text: str) -> None:
    assert scan(rig, text) == f"invalid {FOREIGN[text]}"
    assert text not in str(rig.rows())
    assert rig.shown()["detail"] == FOREIGN[text]


def test_a_ticket_that_looks_foreign_is_still_a_ticket(make_rig: MakeRig, tmp_path: Path) -> None:
    """Families are asked after the look-up: a vendor may well issue addresses."""
    state = StateFolder(tmp_path)
    state.ready([state.opaque("https://tickets.example.org/1")])
    rig = make_rig(state=state)
    assert scan(rig, "https://tickets.example.org/1") == "ok"


# ---- trust


def stale_rig(make_rig: MakeRig, tmp_path: Path, stale: str) -> Rig:
    state = StateFolder(tmp_path)
    state.enrol()
    mode = {SPRING: EventMode(stale=stale, stale_s=100 * DAY_S)}
    state.trust(events=mode, expires=(NOW_S + 60) * 1000)
    state.publish([state.row(n) for n in range(3)])
    return make_rig(state=state)


@pytest.mark.parametrize(("stale", "expected"), [("warn", "ok"), ("restrict", "ok"), ("refuse", "stale_data")])
def test_an_expired_trust_file_is_as_old_as_data_can_be(
    make_rig: MakeRig, tmp_path: Path, stale: str, expected: str
) -> None:
    rig = stale_rig(make_rig, tmp_path, stale)
    assert scan(rig, rig.state.text(0)) == "ok"
    rig.walk()
    rig.clock.advance(61)
    assert scan(rig, rig.state.text(1)) == expected
    rig.lane.publish_state()
    assert rig.shown()["data_age_s"] is None


def test_a_manifest_whose_key_was_revoked_is_not_served_until_there_is_a_new_one(
    make_rig: MakeRig, tmp_path: Path
) -> None:
    rig = make_rig(state=StateFolder(tmp_path).ready())
    state, stolen = rig.state, kid_of(public_bytes(rig.state.issuer.manifest_key))
    honest = key("manifest 2")
    keys = (*state.issuer.records(), record(honest, "manifest", ["*"]))
    state.trust(2, keys=keys, revoked_kids=frozenset({stolen}))
    world = rig.reader.read(now(rig))
    assert (world.missing, world.events) == ("key", ())
    rig.use_world()
    assert scan(rig, state.text(0)) == "out_of_service"
    state.issuer.manifest_key = honest
    state.publish([state.row(0)])
    rig.use_world()
    assert scan(rig, state.text(0)) == "ok"


def test_other_trouble_with_a_manifest_is_an_error(tmp_path: Path) -> None:
    """Only a key that the organiser took away lets an event go; a damaged file is told."""
    state = StateFolder(tmp_path).ready()
    data: Any = state.issuer.descriptor(NOW_S + 5, event=EventId("autumn"))
    state.run("UPDATE event SET descriptor = ?", data)
    reader = WorldReader(state.path, gate=GateId("g2"))
    with pytest.raises(TrustError):
        reader.read(NOW_S)
    reader.close()
