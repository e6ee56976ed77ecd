"""Pairing of phones over TLS, hand-over of a shift, and what stops those who guess."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from gate.kiosk.tls import certificate, fingerprint
from tests.kiosk.staff.house import House, Phone


def offer(house: House, budi: Phone) -> dict[str, str]:
    """What the gate's screen shows after a technician asked."""
    assert budi.command("pair").status_code == 200
    house.desk(lambda _desk: None)
    shown: dict[str, str] = dict(house.app.view.state())["pair"]
    return shown


def test_phone_pairs_by_the_code_on_the_screen_and_keeps_its_cookie_from_scripts(house: House, budi: Phone) -> None:
    shown = offer(house, budi)
    assert shown["url"].endswith("/staff#pair=" + shown["code"].replace("-", ""))
    assert len(shown["qr"]) == len(shown["qr"][0]) > 20
    phone = house.phone()
    assert phone.login("sari").status_code == 401, "not before it is paired"
    answer = phone.post("pair", code=shown["code"].lower())
    assert answer.status_code == 200
    for part in ("httponly", "secure", "samesite=strict"):
        assert part in answer.headers["set-cookie"].lower()
    assert phone.login("sari").status_code == 200
    house.app.inbox.put(house.room.tick)
    house.desk(lambda _desk: None)
    assert dict(house.app.view.state())["pair"] is None, "used: it leaves the screen"
    assert house.phone().post("pair", code=shown["code"]).status_code == 401, "once only"


def test_fingerprint_on_the_screen_is_that_of_the_listener(house: House, budi: Phone) -> None:
    shown = offer(house, budi)
    pem = ssl.get_server_certificate(("127.0.0.1", house.settings.kiosk.lan_port))
    assert fingerprint(x509.load_pem_x509_certificate(pem.encode())) == shown["fingerprint"]


def test_five_wrong_codes_end_the_offer_and_are_journaled(house: House, budi: Phone) -> None:
    shown = offer(house, budi)
    before = len(house.said("pairing_stopped"))
    phone = house.phone()
    for _ in range(5):
        assert phone.post("pair", code="AAAA-AAAA").status_code == 401
    assert phone.post("pair", code=shown["code"]).status_code == 401
    assert len(house.said("pairing_stopped")) == before + 1
    house.app.inbox.put(house.room.tick)
    house.desk(lambda _desk: None)
    assert dict(house.app.view.state())["pair"] is None


def test_staff_button_offers_pairing_and_stops_the_lane(house: House, budi: Phone) -> None:
    from gate.ports import PinEvent

    house.room.allowance.tries.forget()
    for _ in range(2):
        house.app.inbox.put(lambda: house.app._pin(PinEvent("staff", "", True, 0)))
    house.desk(lambda _desk: None)
    house.desk(lambda _desk: None)
    assert dict(house.app.view.state())["pair"]["code"]
    assert house.said("pairing_offered")[-1]["data"]["via"] == "staff_button"


def test_shift_moves_to_another_phone_at_once(house: House) -> None:
    sari = house.paired("sari")
    code = sari.post("handover").json()["code"]
    other = house.phone()
    answer = other.post("pair", code=code)
    assert answer.json() == {"paired": True, "handover": True}
    session = other.get("session").json()
    assert session["staff"] == "sari"
    other.csrf = session["csrf"]
    assert other.scan(house.state.text(15)).json()["admitted"]
    assert sari.get("session").json()["staff"] is None


def test_phone_that_is_unpaired_is_out(house: House, budi: Phone) -> None:
    sari = house.paired("sari")
    pairing = sari.get("session").json()["pairing"]
    gone = budi.client.delete(f"/api/v1/tech/phones/{pairing}", headers={"x-gate-csrf": budi.csrf})
    assert gone.status_code == 200
    assert sari.get("session").json() == {"paired": False, "staff": None, "gate": sari.get("session").json()["gate"]}
    assert sari.scan("x").status_code == 401


def test_cookie_of_another_phone_is_no_use(house: House) -> None:
    sari, thief = house.paired("sari"), house.paired("dewi")
    thief.client.cookies.set("gate_session", sari.client.cookies["gate_session"], domain="127.0.0.1")
    assert thief.get("session").json().get("staff") != "sari"


def test_session_ends_when_it_is_not_used(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sari = house.paired("sari")
    now = house.room.access._now
    monkeypatch.setattr(house.room.access, "_now", lambda: now() + 31 * 60_000)
    assert sari.get("session").json()["staff"] is None


def test_plain_http_and_foreign_names_find_nothing(house: House) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{house.settings.kiosk.lan_port}/staff", timeout=3)
    answer = house.phone().client.get("/staff", headers={"host": "evil.example:8443"})
    assert answer.status_code == 421


def test_own_authority_is_offered_and_the_policy_allows_the_decoder_alone(house: House) -> None:
    client = house.phone().client
    der = client.get("/gate-ca.crt").content
    assert x509.load_der_x509_certificate(der).subject.rfc4514_string().startswith("CN=Gate g2")
    policy = client.get("/staff").headers["content-security-policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert client.get("/staff").headers["permissions-policy"].startswith("camera=(self)")


def test_certificate_is_kept_renewed_and_follows_the_names(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    now = dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    first = certificate(folder, "g2", ["10.0.0.5", "gate-2.local"], now)
    again = certificate(folder, "g2", ["10.0.0.5"], now)
    assert again.fingerprint == first.fingerprint
    moved = certificate(folder, "g2", ["10.0.0.6"], now)
    assert moved.fingerprint != first.fingerprint
    assert moved.ca == first.ca, "phones trust it once"
    later = certificate(folder, "g2", ["10.0.0.6"], now + dt.timedelta(days=700))
    assert later.fingerprint != moved.fingerprint
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600
    leaf = x509.load_pem_x509_certificate(later.cert.read_bytes())
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 825
