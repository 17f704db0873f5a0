"""Pictures of text: image files and scanned pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import ingest.readers.ocr
from ingest.readers import read_document
from ingest.readers.ocr_model import _decoded, is_installed
from ingest.readers.options import ReadOptions
from rag.errors import ReadError

ROOT = Path(__file__).resolve().parent.parent
needs_ocr = pytest.mark.skipif(not is_installed(), reason="the extra `ocr` is not installed")
LINES = ("Replace the filter every 90 days.", "Call 555-0134 if lamp E12 is hot.")


def picture() -> Image.Image:
    image = Image.new("RGB", (900, 300), "white")
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(LINES):
        draw.text((40, 60 + 90 * row), line, "black", ImageFont.load_default(40))
    return image


def refused(path: Path, options: ReadOptions) -> ReadError:
    with pytest.raises(ReadError) as caught:
        read_document(path, options=options)
    assert str(path) in str(caught.value)
    return caught.value


@needs_ocr
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp"])
def test_an_image_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"note{suffix}"
    picture().save(path)
    document = read_document(path)
    assert " ".join(document.text.split()) == " ".join(LINES)
    assert {block.page for block in document.blocks} == {1}


@needs_ocr
def test_each_frame_is_a_page_and_sideways_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "fax.tiff"
    turned = picture().rotate(90, expand=True)
    picture().save(path, save_all=True, append_images=[turned])
    document = read_document(path)
    assert [block.page for block in document.blocks] in ([1, 2], [1, 1, 2, 2])
    assert " ".join(document.text.split()) == " ".join(LINES * 2)


@needs_ocr
def test_only_pages_without_text_are_read_as_pictures(tmp_path: Path) -> None:
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    path = tmp_path / "mixed.pdf"
    canvas = Canvas(str(path), pagesize=(600, 400))
    canvas.drawString(50, 350, "A page with text")
    canvas.drawImage(ImageReader(picture()), 0, 0, 450, 150)
    canvas.showPage()
    canvas.drawImage(ImageReader(picture()), 50, 100, 450, 150)
    canvas.showPage()
    canvas.save()
    document = read_document(path)
    by_page = {block.page: document.text[block.start : block.end] for block in document.blocks}
    assert by_page[1] == "A page with text"
    assert LINES[0].split()[0] in document.text.partition("A page with text")[2]
    without = read_document(path, options=ReadOptions(ocr=False))
    assert without.text == "A page with text"


@needs_ocr
def test_it_never_asks_for_a_network(tmp_path: Path) -> None:
    path = tmp_path / "note.png"
    picture().save(path)
    code = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('a socket was opened')\n"
        "socket.socket = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from pathlib import Path\n"
        "from ingest.readers import read_document\n"
        "print(read_document(Path(sys.argv[1])).text)\n"
        "assert 'rapidocr' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert LINES[0] in done.stdout


def test_switched_off_or_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "note.png"
    picture().save(path)
    error = refused(path, ReadOptions(ocr=False))
    assert error.reason == "notext" and "`ocr`" in str(error)
    monkeypatch.setattr(ingest.readers.ocr, "is_installed", lambda: False)
    error = refused(path, ReadOptions())
    assert error.reason == "notext" and "pip install 'footnote[ocr]'" in str(error)


@needs_ocr
def test_bombs_and_damaged_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)  # 50 MB of pixels in 49 kB
    assert refused(path, ReadOptions()).reason == "too_large"
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    assert refused(path, ReadOptions()).reason == "damaged"
    path = tmp_path / "blank.png"
    Image.new("RGB", (200, 200), "white").save(path)
    assert refused(path, ReadOptions()).reason == "notext"


@needs_ocr
@needs_ocr
def test_an_icon_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.readers.ocr.ocr_lines", lambda *_: pytest.fail("it was read"))
    Image.new("RGB", (64, 64), "white").save(tmp_path / "icon.png")
    assert refused(tmp_path / "icon.png", ReadOptions()).reason == "notext"


def test_repeated_characters_need_a_blank_between() -> None:
    steps = np.full((5, 18710), 0.0, np.float32)
    for step, sign in enumerate((5, 5, 0, 5, 6)):
        steps[step, sign] = 0.5 + step / 10
    assert _decoded(steps)[0] == "%%&"
