"""What nobody sees in a file is not read, and what only looks like it is."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from ingest.readers import read_document
from rag.evaluation.attack_pdf import write_pdf

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def html_text(tmp_path: Path, head: str, body: str) -> str:
    path = tmp_path / "page.html"
    path.write_text(f"<html><head>{head}</head><body><p>The pond is deep.</p>{body}</body></html>")
    return read_document(path).text


@pytest.mark.parametrize(
    ("sheet", "body"),
    [
        (".a{display:none}", '<p class="b a">FIG</p>'),
        ("#a { visibility: hidden }", '<p id="a">FIG</p>'),
        ("x, p.a { font-size: 0 !important; }", '<p class="a">FIG</p>'),
        ("/* . */ .a{opacity:0;}", '<ul><li class="a">FIG</li></ul>'),
        (".a{color:#fff;background-color:rgb(255, 255, 255)}", '<p class="a">FIG</p>'),
        ("", '<p style="color:white">FIG</p>'),
        ("", '<font color="#ffffff">FIG</font>'),
        ("", '<p style="color:transparent">FIG</p>'),
    ],
)
def test_what_styles_hide_is_not_read(sheet: str, body: str, tmp_path: Path) -> None:
    head = f"<style>{sheet}</style>" if sheet else ""
    assert html_text(tmp_path, head, f"{body}<p>It is cold.</p>") == (
        "The pond is deep.\n\nIt is cold."
    )


@pytest.mark.parametrize(
    ("sheet", "body"),
    [
        ("@media print{.a{display:none}}", '<p class="a">FIG</p>'),
        (".tab{display:none} .tab.open{display:block}", '<p class="tab open">FIG</p>'),
        ("body{opacity:0}", "<p>FIG</p>"),
        (".menu .a{display:none}", '<p class="a">FIG</p>'),
        (".b{display:none}", '<p class="a">FIG</p>'),
        ("", '<div style="background:#036"><p style="color:#fff">FIG</p></div>'),
        ("", '<div class="dark"><p style="color:#fff">FIG</p></div>'),
        ("", '<p style="color:#auto;background-color:#auto">FIG</p>'),
        (
            ".a{display:none}",
            '<div class="a"><p>FIG</p>' + "<p>All of the page.</p>" * 9 + "</div>",
        ),
    ],
)
def test_what_may_be_seen_is_read(sheet: str, body: str, tmp_path: Path) -> None:
    head = f"<style>{sheet}</style>" if sheet else ""
    assert "FIG" in html_text(tmp_path, head, body)


def docx(path: Path, body: str) -> Path:
    relation = f'<Relationship Id="r1" Type="{OFFICE}" Target="word/document.xml"/>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "_rels/.rels", f'<Relationships xmlns="{RELATIONS}">{relation}</Relationships>'
        )
        first = "<w:p><w:r><w:t>Deep.</w:t></w:r></w:p>"
        page = f"<w:document {W}><w:body>{first}{body}</w:body></w:document>"
        archive.writestr("word/document.xml", page)
    return path


WHITE = '<w:r><w:rPr><w:color w:val="FFFFFF"/>{}</w:rPr><w:t>FIG</w:t></w:r>'


@pytest.mark.parametrize(
    ("paragraph", "run", "is_read"),
    [
        ("", "", False),
        ("", '<w:shd w:fill="FFFFFF"/>', False),
        ("", '<w:shd w:fill="003366"/>', True),
        ("", '<w:highlight w:val="black"/>', True),
        ('<w:shd w:fill="003366"/>', "", True),
        ('<w:pStyle w:val="Banner"/>', "", True),
        ('<w:pStyle w:val="Normal"/>', "", False),
    ],
)
def test_white_text_of_a_word_file(paragraph: str, run: str, is_read: bool, tmp_path: Path) -> None:
    body = f"<w:p><w:pPr>{paragraph}</w:pPr>{WHITE.format(run)}</w:p>"
    document = read_document(docx(tmp_path / "a.docx", body))
    assert ("FIG" in document.text) == is_read and bool(document.notes) != is_read


def test_white_text_of_a_pdf_page_is_read_where_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    write_pdf(path, [("The pond is deep.", ""), ("FIG", "white"), ("PLUM", "invisible")])
    assert read_document(path).text == "The pond is deep."
    ground = b"BT 0 0 1 rg 30 700 500 120 re f BT"  # a box behind the lines
    data = path.read_bytes()
    path.write_bytes(data.replace(b"BT\n", ground[3:-2] + b"BT\n", 1))
    document = read_document(path)
    assert "FIG" in document.text and "PLUM" not in document.text
