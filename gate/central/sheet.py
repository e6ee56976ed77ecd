"""Printable tickets: QR codes with product and number on A4, as PDF (drawn as vectors) or PNG (a file a page)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segno

from gate.errors import ConfigError, StorageError

_ACROSS, _DOWN = 3, 4
PER_PAGE = _ACROSS * _DOWN
_A4_MM = (210.0, 297.0)
_MARGIN_MM = 10.0
_QR_MM = 44.0
# 41 modules of a version 6 code and its quiet zone: 0.9 mm a module, read by a phone-class camera from over half a metre.
_QUIET = 4
_DPI = 200
_TITLE_PT, _NUMBER_PT = 10, 12


@dataclass(frozen=True, slots=True)
class _Label:
    matrix: tuple[tuple[int, ...], ...]
    title: str
    number: str


def qr_matrix(text: str) -> tuple[tuple[int, ...], ...]:
    """Modules of a code, 1 = dark. Alphanumeric mode where the text allows it (GT1, GE1), error correction M."""
    code = segno.make_qr(text, error="m", boost_error=False)
    return tuple(tuple(int(bool(module)) for module in row) for row in code.matrix)


def write_sheet(path: Path, tickets: Sequence[dict[str, Any]], policy: dict[str, Any]) -> list[Path]:
    """Write a sheet.

    Args:
        path: `.pdf`, or `.png` (further pages are `name-2.png`, ...).
        tickets: with `text`, `number`, `product`.

    Returns: the files.
    Raises: ConfigError: another kind of file, or no ticket. StorageError.
    """
    if not tickets:
        raise ConfigError([("tickets", "there is no issued ticket", "issue some first")])
    if path.suffix not in (".pdf", ".png"):
        raise ConfigError([("sheet", f"{path.name} is neither .pdf nor .png", "name the file after its kind")])
    names = {product["n"]: _name(product.get("name", {}), product["n"]) for product in policy.get("products", [])}
    labels = [
        _Label(qr_matrix(item["text"]), names.get(item["product"], f"Product {item['product']}"), item["number"])
        for item in tickets
    ]
    pages = [labels[start : start + PER_PAGE] for start in range(0, len(labels), PER_PAGE)]
    try:
        return [_pdf(path, pages)] if path.suffix == ".pdf" else _pngs(path, pages)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def write_qr(path: Path, text: str, scale: int = 12) -> None:
    """One code as PNG, `scale` pixels a module. Raises: StorageError."""
    try:
        segno.make_qr(text, error="m", boost_error=False).save(str(path), kind="png", scale=scale, border=_QUIET)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error


def _name(names: dict[str, str], number: int) -> str:
    """A name that the built-in fonts can print; they know Latin letters only."""
    for text in (names.get("en", ""), *names.values()):
        if text and text.encode("latin-1", "ignore").decode("latin-1") == text:
            return text[:40]
    return f"Product {number}"


def _places() -> Iterator[tuple[float, float, float]]:
    """Left edge, top edge and width of each cell in mm."""
    width = (_A4_MM[0] - 2 * _MARGIN_MM) / _ACROSS
    height = (_A4_MM[1] - 2 * _MARGIN_MM) / _DOWN
    for index in range(PER_PAGE):
        yield _MARGIN_MM + index % _ACROSS * width, _MARGIN_MM + index // _ACROSS * height, width


def _runs(matrix: tuple[tuple[int, ...], ...]) -> Iterator[tuple[int, int, int]]:
    """Row, first column and length of each run of dark modules: a run drawn as one has no hairlines in it."""
    for y, row in enumerate(matrix):
        start = None
        for x, dark in enumerate((*row, 0)):
            if dark and start is None:
                start = x
            elif not dark and start is not None:
                yield y, start, x - start
                start = None


def _pdf(path: Path, pages: list[list[_Label]]) -> Path:
    from fpdf import FPDF

    pdf = FPDF(unit="mm", format="A4")
    pdf.set_auto_page_break(False)
    pdf.set_title("Tickets")
    for page in pages:
        pdf.add_page()
        for label, (left, top, width) in zip(page, _places(), strict=False):
            module = _QR_MM / (len(label.matrix) + 2 * _QUIET)
            x0, y0 = left + (width - _QR_MM) / 2 + _QUIET * module, top + _QUIET * module
            for y, x, length in _runs(label.matrix):
                pdf.rect(x0 + x * module, y0 + y * module, length * module, module, style="F")
            pdf.set_font("Helvetica", size=_TITLE_PT)
            pdf.set_xy(left, top + _QR_MM)
            pdf.cell(width, 5, label.title, align="C")
            pdf.set_font("Courier", style="B", size=_NUMBER_PT)
            pdf.set_xy(left, top + _QR_MM + 5)
            pdf.cell(width, 6, label.number, align="C")
    pdf.output(str(path))
    return path


def _pngs(path: Path, pages: list[list[_Label]]) -> list[Path]:
    from PIL import Image, ImageDraw, ImageFont

    def pixels(mm: float) -> int:
        return round(mm * _DPI / 25.4)

    title = ImageFont.load_default(size=_TITLE_PT * _DPI / 72)
    number = ImageFont.load_default(size=_NUMBER_PT * _DPI / 72)
    files = []
    for index, page in enumerate(pages, 1):
        image = Image.new("L", (pixels(_A4_MM[0]), pixels(_A4_MM[1])), 255)
        draw = ImageDraw.Draw(image)
        for label, (left, top, width) in zip(page, _places(), strict=False):
            # Whole pixels a module: edges stay sharp.
            module = pixels(_QR_MM) // (len(label.matrix) + 2 * _QUIET)
            x0, y0 = pixels(left + width / 2) - len(label.matrix) * module // 2, pixels(top) + _QUIET * module
            for y, x, length in _runs(label.matrix):
                box = (x0 + x * module, y0 + y * module, x0 + (x + length) * module - 1, y0 + (y + 1) * module - 1)
                draw.rectangle(box, fill=0)
            middle = pixels(left + width / 2)
            draw.text((middle, pixels(top + _QR_MM)), label.title, fill=0, font=title, anchor="ma")
            draw.text((middle, pixels(top + _QR_MM + 5.5)), label.number, fill=0, font=number, anchor="ma")
        file = path if index == 1 else path.with_name(f"{path.stem}-{index}{path.suffix}")
        image.save(file, dpi=(_DPI, _DPI))
        files.append(file)
    return files
