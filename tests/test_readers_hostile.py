"""Files that lie about what they are, or are made to do harm."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_asserts import assert_sound, blocks_of, failure, read_bytes

from ingest.readers import SUFFIXES, read_document
from ingest.readers.formats import LEGACY
from ingest.readers.sniff import OLE_MAGIC, sniff
from rag.errors import ReadError

REASONS = {"unsupported", "empty", "notext", "password", "damaged", "too_large", "unreadable"}


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", b"<!DOCTYPE html><title>t</title><p>hello", "hello"),
        ("a.doc", b"<html><p>hello</html>", "hello"),
        ("a.doc", b"{\\rtf1 hello\\par}", "hello"),
        ("a.doc", b"hello", "hello"),
        ("a.xls", b"a\tb\n1\t2\n", "| a | b |\n| 1 | 2 |"),
        ("a.xls", b"<?xml version='1.0'?><r>hello</r>", "hello"),
        ("a.xml", b"<html><p>hello</p></html>", "hello"),
    ],
)
def test_wrong_names_are_read_by_content_and_noted(
    tmp_path: Path, name: str, data: bytes, text: str
) -> None:
    document = read_bytes(tmp_path / name, data)
    assert document.text == text
    assert name in document.notes[0] and "true suffix" in document.notes[0]


def test_zips_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    for name, inside, kind in [
        ("a.docx", "note.txt", "zip"),
        ("b.zip", "word/document.xml", "docx"),
        ("c.docx", "xl/workbook.xml", "xlsx"),
        ("d.txt", "ppt/presentation.xml", "pptx"),
        ("e.bin", "META-INF/container.xml", "epub"),
        ("f.xlsx", "xl/workbook.bin", "xlsb"),
    ]:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(inside, "text")
        assert sniff(tmp_path / name, "text") == kind
    document = read_bytes(tmp_path / "a.docx", (tmp_path / "a.docx").read_bytes())
    assert blocks_of(document, "paragraph") == ["text"]


def test_markdown_and_code_may_begin_like_html(tmp_path: Path) -> None:
    document = read_bytes(tmp_path / "a.md", "<html>\n\n# Head\n\ntext")
    assert blocks_of(document, "heading") == ["Head"]
    assert not read_bytes(tmp_path / "a.php", "<!DOCTYPE html>\n<?php echo 1;").notes


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.txt", b"\x7fELF\x02"),
        ("a.txt", b"MZ\x90\x00"),
        ("a.exe", b"MZ\x90\x00"),
    ],
)
def test_what_is_no_document(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert failure(tmp_path / name) == "unsupported"


def test_old_formats_name_the_new_one() -> None:
    assert all("save it as" in LEGACY[kind] for kind in ("doc", "xls", "ppt", "xlsb"))


def test_deep_html_keeps_its_text(tmp_path: Path) -> None:
    deep = "<div>" * 50_000 + "bottom" + "</div>" * 50_000
    assert "bottom" in read_bytes(tmp_path / "a.html", f"<p>top</p>{deep}").text
    assert "bottom" in read_bytes(tmp_path / "b.html", "<div>" * 200 + "bottom").text


def test_deep_xml_and_json_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>" * 100_000 + "</a>" * 100_000)
    assert failure(tmp_path / "a.xml") == "damaged"
    (tmp_path / "a.json").write_text("[" * 100_000 + "]" * 100_000)
    assert failure(tmp_path / "a.json") == "too_large"


def test_entities_do_not_multiply(tmp_path: Path) -> None:
    entities = '<!ENTITY a0 "lol">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)
    )
    source = f"<?xml version='1.0'?><!DOCTYPE r [{entities}]><r><b>text</b><c>&a9;</c></r>"
    (tmp_path / "a.xml").write_text(source)
    assert failure(tmp_path / "a.xml") == "damaged"
    few = "<!DOCTYPE r [<!ENTITY a 'lol'>]><r><b>text</b><c>&a;</c></r>"
    assert read_bytes(tmp_path / "b.xml", few).text == "b: text\nc: &a;"


def test_an_office_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.readers.MAX_UNZIPPED_BYTES", 1_000)
    with zipfile.ZipFile(tmp_path / "a.docx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", "0" * 2_000)
    assert failure(tmp_path / "a.docx") == "too_large"


@pytest.mark.parametrize("name", ["a.xml", "a.html", "a.json"])
def test_trees_too_large_for_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("ingest.readers.xml_tree.MAX_TREE_BYTES", 10)
    (tmp_path / name).write_text("<a>long enough</a>" if name != "a.json" else '["long enough"]')
    assert failure(tmp_path / name) == "too_large"


def test_one_long_line(tmp_path: Path) -> None:
    assert len(read_bytes(tmp_path / "a.txt", b"word " * 400_000).blocks) == 1
    wide = ",".join(map(str, range(20_000)))
    assert len(read_bytes(tmp_path / "a.csv", f"{wide}\n{wide}\n").text) > 200_000
    field = "x" * 500_000
    assert field in read_bytes(tmp_path / "b.csv", f'a,b\n1,"{field}"\n').text


@pytest.mark.parametrize("name", ["a b.txt", "引号'\".md", "-rf.txt", "%s{}.csv", "é\u0301.txt"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    assert read_bytes(tmp_path / name, "a,b\n1,2\n").title == Path(name).stem


HEADS = [b"", b"%PDF-1.4\n", b"PK\x03\x04", OLE_MAGIC, b"{\\rtf1", b"\x1f\x8b\x08", b"BZh9",
         b"<html>", b"<?xml version='1.0'?><a>", b"{", b"\xff\xfe", b"WEBVTT\n\n"]  # fmt: skip


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(sorted(SUFFIXES)), st.sampled_from(HEADS), st.binary(max_size=300))
def test_any_bytes_give_a_sound_document_or_a_reason(suffix: str, head: bytes, tail: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"x{suffix}"
        path.write_bytes(head + tail)
        try:
            assert_sound(read_document(path))
        except ReadError as error:
            assert error.reason in REASONS


def _zip_of(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "<w:document/>")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["word/document.xml", "ppt/presentation.xml", "xl/workbook.xml"])
def test_an_office_file_without_its_relations_is_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.docx").write_bytes(_zip_of(name))
    assert failure(tmp_path / "a.docx") == "damaged"
