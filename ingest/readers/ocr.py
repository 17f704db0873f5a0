"""Pictures of text: image files, and pages of PDFs that have no text of their own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.ocr_model import OcrLine, is_installed, read_picture
from ingest.readers.options import ReadOptions
from ingest.readers.pdf_lines import Line, paragraphs
from ingest.readers.pdf_order import in_reading_order
from ingest.readers.pdf_tables import Table, with_tables
from rag.errors import ReadError
from rag.types import Document

MAX_PIXELS = 100_000_000  # an A4 page at 600 dots an inch has 35 million
MIN_PIXELS = 5_000  # fewer are an icon: 100 by 50 is a word or two
MAX_FRAMES = 2000  # of a TIFF
DOTS_PER_INCH = 200  # a page is rendered at; small print needs it
_SAME_LINE = 0.5  # of the height: boxes whose middles are closer stand on one line


def read_image(path: Path, options: ReadOptions) -> Document:
    """Read an image file, each frame a page. Raises ReadError notext or too_large."""
    require_ocr(path, options)
    from PIL import Image

    builder = DocumentBuilder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the check below is ours
        try:
            with Image.open(path) as image:
                for number in range(min(getattr(image, "n_frames", 1), MAX_FRAMES)):
                    image.seek(number)
                    _check_pixels(path, image.width * image.height)
                    if image.width * image.height < MIN_PIXELS:
                        continue
                    builder.set_page(number + 1)
                    add_lines(builder, ocr_lines(_upright(image), 72 / DOTS_PER_INCH))
        except Image.DecompressionBombError as error:
            raise _too_large(path) from error
        except OSError as error:
            if error.errno is not None:  # the file's own: it may not be opened
                raise
            message = f"{path}: the picture is damaged ({error}); save it anew"
            raise ReadError("damaged", message) from error
    document = builder.build(path.stem)
    if not document.blocks:
        message = f"{path}: no text is found in this picture; if it has some, scan it sharper"
        raise ReadError("notext", message)
    return document


def require_ocr(path: Path, options: ReadOptions) -> None:
    """Raise ReadError notext if reading pictures is switched off or not installed."""
    if not options.ocr:
        message = f"{path}: holds pictures of text at most; switch on the setting `ocr` to read it"
        raise ReadError("notext", message)
    if not is_installed():
        message = (
            f"{path}: holds pictures of text at most; to read them: pip install 'footnote[ocr]'"
        )
        raise ReadError("notext", message)


def _upright(image: Any) -> Any:
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _check_pixels(path: Path, pixels: int) -> None:
    if pixels > MAX_PIXELS:
        raise _too_large(path)


def _too_large(path: Path) -> ReadError:
    limit = MAX_PIXELS // 1_000_000
    return ReadError("too_large", f"{path}: over {limit} million pixels; save a smaller picture")


def page_picture(page: Any) -> tuple[Any, float]:
    """A PDFium page as a PIL picture, and how many points one of its pixels is."""
    scale = DOTS_PER_INCH / 72
    scale = min(scale, (MAX_PIXELS / max(page.get_width() * page.get_height(), 1.0)) ** 0.5)
    bitmap = page.render(scale=scale)
    try:
        return bitmap.to_pil().convert("RGB"), 1 / scale
    finally:
        bitmap.close()


def ocr_lines(picture: Any, points: float) -> list[Line | Table]:
    """The picture's lines and tables in reading order; a pixel is so many points."""
    lines = []
    for row in _rows(read_picture(picture)):
        for line in row:
            height = (line.bottom - line.top) * points
            bottom = -row[0].bottom * points  # one baseline for all of a row
            left, right = line.left * points, line.right * points
            lines.append(Line(line.text.strip(), left, right, bottom, 0.7 * height))
    return in_reading_order(with_tables(lines))


def _rows(lines: Sequence[OcrLine]) -> list[list[OcrLine]]:
    """Lines that stand beside each other, from left to right."""
    rows: list[list[OcrLine]] = []
    for line in lines:
        height = line.bottom - line.top
        if rows and _middle(line) - _middle(rows[-1][0]) < _SAME_LINE * height:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _middle(line: OcrLine) -> float:
    return (line.top + line.bottom) / 2


def add_lines(builder: DocumentBuilder, items: Sequence[Line | Table]) -> None:
    """Add what was read of a picture: tables, and paragraphs between them."""
    held: list[Line] = []
    for item in [*items, None]:
        if isinstance(item, Line):
            held.append(item)
            continue
        for paragraph in paragraphs(held):
            builder.add_paragraph(paragraph)
        held = []
        if item is not None:
            builder.add_table(item.rows)
