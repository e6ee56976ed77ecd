"""The printable sheet can be read back by a decoder, from PNG and from PDF."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from gate.central import commands
from gate.central.service import Central
from gate.central.sheet import PER_PAGE, qr_matrix, write_qr, write_sheet
from gate.errors import ConfigError


@pytest.fixture
def tickets(central: Central, spring: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = commands.run(central, "tickets", {"event": spring, "limit": 15})
    return found


def read(image: Any) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(image)]


def test_every_code_of_a_png_sheet_reads_back(central: Central, tickets: list[dict[str, Any]], tmp_path: Path) -> None:
    files = write_sheet(tmp_path / "sheet.png", tickets, central.policy("spring"))
    assert [file.name for file in files] == ["sheet.png", "sheet-2.png"]
    texts = [text for file in files for text in read(np.asarray(Image.open(file)))]
    assert sorted(texts) == sorted(ticket["text"] for ticket in tickets)


def test_every_code_of_a_pdf_sheet_reads_back(central: Central, tickets: list[dict[str, Any]], tmp_path: Path) -> None:
    (file,) = write_sheet(tmp_path / "sheet.pdf", tickets, central.policy("spring"))
    pages = [page for page in streams(file.read_bytes()) if b" re f" in page]
    assert len(pages) == 2
    texts = [text for page in pages for text in read(drawn(page))]
    assert sorted(texts) == sorted(ticket["text"] for ticket in tickets)
    assert all(ticket["number"].encode() in pages[index // PER_PAGE] for index, ticket in enumerate(tickets))


def streams(pdf: bytes) -> list[bytes]:
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            continue  # not a packed stream
    return found


def drawn(page: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The filled rectangles of a page at 3 pixels a point: all that a sheet's codes are made of."""
    image = np.full((842 * 3, 596 * 3), 255, np.uint8)
    for left, bottom, width, height in re.findall(rb"([\d.-]+) ([\d.-]+) ([\d.-]+) ([\d.-]+) re f", page):
        x0, x1 = sorted((float(left), float(left) + float(width)))
        y0, y1 = sorted((842 - float(bottom), 842 - float(bottom) - float(height)))
        image[round(y0 * 3) : round(y1 * 3), round(x0 * 3) : round(x1 * 3)] = 0
    return image


def test_a_plain_ticket_is_a_version_6_code_in_alphanumeric_mode(tickets: list[dict[str, Any]]) -> None:
    assert len(qr_matrix(tickets[0]["text"])) == 17 + 4 * 6


def test_an_enrolment_code_reads_back_from_its_png(central: Central, spring: str, tmp_path: Path) -> None:
    text = central.add_device("g1", short="G1", events=[spring], url="http://127.0.0.1:8460").text()
    write_qr(tmp_path / "code.png", text)
    assert read(np.asarray(Image.open(tmp_path / "code.png").convert("L"))) == [text]


def test_a_name_that_the_fonts_lack_becomes_a_number(tickets: list[dict[str, Any]], tmp_path: Path) -> None:
    policy = {"products": [{"n": 1, "name": {"zh-Hant": "成人"}}]}
    (file,) = write_sheet(tmp_path / "sheet.pdf", tickets[:1], policy)
    assert any(b"Product 1" in page for page in streams(file.read_bytes()))


def test_an_empty_sheet_and_another_kind_of_file_are_refused(tickets: list[dict[str, Any]], tmp_path: Path) -> None:
    for path, rows in ((tmp_path / "a.pdf", []), (tmp_path / "a.doc", tickets)):
        with pytest.raises(ConfigError):
            write_sheet(path, rows, {})
