"""Texts that are no ticket: named by family, and only after every look-up has failed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate.verify.foreign import family
from tests.fakes.issuer import Issuer

TICKET = Issuer().ticket()

FAMILIES: dict[str, tuple[str, ...]] = {
    "foreign_url": (
        "https://example.org/menu", "http://192.0.2.7", "HTTPS://EXAMPLE.ORG/T/1", "www.example.org/a", "ftp://example.org",
        "intent://scan/#Intent;end", "myapp://open?id=3", "URLTO:Shop:example.org", " https://example.org",
    ),
    "foreign_health": (
        "HC1:6BFOXN*TS0BI$ZD-PHQ7I9AD66V5B22CH9M9ESI9XBHXK-%69LQOGI.*V76GCV4*XUA2P", "hc1:6BF",
        "shc:/567629595326546034602925407728043360287028647167452228092862", "NZCP:/1/2KCEVIQEIVVWK6JN",
        '{"data":{"hdr":{"is":"UTO","t":"icao.vacc","v":1}}}',
    ),
    "foreign_boarding": (
        "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 226F001A0025 106>60000",
        "M2DOE/JOHN            EXYZ789 CGKTPECI 0762 001Y012A0099 100",
    ),
    "foreign_rail": ("#UT010080000010,0,AB", "#UT02"),
    "foreign_payment": (
        "00020101021126570011ID.DANA.WWW011893600915", "BCD\n002\n1\nSCT\nBHBLDEHHXXX\nRed Cross", "BCD\r\n001\r\n1",
        "SPC\r\n0200\r\n1\r\nCH44", "upi://pay?pa=x@y", "bitcoin:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", "lnbc2500u1pvjluezpp5",
        "wxp://f2f0abc", "ST00012|Name=X",
    ),
    "foreign_contact": (
        "BEGIN:VCARD\nVERSION:3.0\nN:Doe;John\nEND:VCARD", "MECARD:N:Doe,John;;", "BEGIN:VEVENT\nSUMMARY:x", "mailto:a@example.org",
        "tel:+886", "SMSTO:+62:hi", "geo:25.03,121.56", "MATMSG:TO:a@example.org;;",
    ),
    "foreign_wifi": ("WIFI:T:WPA;S:guest;P:secret;;", "DPP:C:81/1;K:MDkw;;"),
    "foreign_login": (
        "otpauth://totp/Example:a?secret=JBSWY3DPEHPK3PXP", "otpauth-migration://offline?data=x", "FIDO:/0912345",
    ),
    "foreign_ticket": ("BVBAhF0DkZ7mGxQpL2wTzQ==::123456::654321", "QUFBQUFBQUFBQUFBQUFBQQ::000000"),
    "foreign_goods": ("4006381333931", "036000291452", "96385074", "00012345600012", "4006381333931\r\n"),
    "foreign_lookalike": ("ＧＴ１：ABC", "ＧT1:" + TICKET[4:], "GТ1:" + TICKET[4:], "ԌT1:abc", "ｇｔ１：abc", "GR１:abc", "GΤ1:X"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [(text, name) for name, texts in FAMILIES.items() for text in texts],
    ids=lambda value: value[:24],
)
def test_a_family_is_known_by_its_beginning(text: str, expected: str) -> None:
    assert family(text) == expected
    assert family("]Q1\\000026" + text) == expected


UNKNOWN = (
    "", "ABC123", "k3cm97xzqvmwp2hfj4ybnu8t6regs5ad", TICKET, "GR1:123", "4006381333930", "1234567", "123456789", "票券", "é", "M1",
    "HC2:", "HC1", "shc", "WIFI", "M1 short", "a:b", "M1" + "-" * 60, "BEGIN", "000201", "Hello: you", "GT2:x", "ＡＢＣ",
    "٤٠٠٦٣٨١٣٣٣٩٣١", "GE1:ABC",
)  # fmt: skip


@pytest.mark.parametrize("text", UNKNOWN)
def test_what_has_no_family_gets_no_name(text: str) -> None:
    assert family(text) is None


@given(st.text(alphabet=st.characters(codec=None), max_size=700))
def test_any_text_has_a_known_family_or_none(text: str) -> None:
    assert family(text) in {None, *FAMILIES}


STARTS = ("", "A" * 16, "M1" + "A" * 20, "000201", "HC1:", "a" * 31, "AAAAAAAAAAAAAAAA:", "www.", "0" * 13, "ԌТ")


@pytest.mark.parametrize("start", STARTS)
def test_a_hostile_length_costs_no_time(start: str) -> None:
    for tail in ("A" * 4_296, "::" * 2_148, ":" * 4_000, "1" * 4_296, "\n" * 4_000, "\u0345" * 4_000):
        began = time.thread_time()  # of work, whatever else the machine does meanwhile
        family(start + tail)
        assert time.thread_time() - began < 1
