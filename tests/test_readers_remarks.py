"""Comments by readers: on slides, cells and passages, in the old and the new forms."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from reading_asserts import block_with, blocks_of, read
from test_readers_office import PACKAGE, R, W, p, write_word

from ingest.readers.remarks import names_by_id, remark, sheet_remarks, slide_remarks, thread_remarks
from ingest.readers.xml_tree import parse_xml

MODERN = "http://schemas.microsoft.com/office/powerpoint/2018/8/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"


def body(text: str) -> str:
    return f"<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody>"


def test_a_line_says_who_and_where() -> None:
    assert remark("Jane", " Too low. ", "B2") == "[B2, Jane]: Too low."
    assert remark(None, "Too low.", "B2") == "[B2]: Too low." and remark("Jane", " ") == ""


def test_slides_in_both_forms() -> None:
    authors = names_by_id(parse_xml(b'<l><!-- x --><a id="0" name="Jane"/><a id="1"/></l>'))
    old = parse_xml(b'<l><cm authorId="0"><text>Old</text></cm><cm authorId="7"/></l>')
    assert list(slide_remarks(old, authors)) == ["[Jane]: Old"]
    new = parse_xml(
        f'<p:cmLst xmlns:p="{MODERN}" xmlns:a="{A}"><p:cm authorId="0"><p:replyLst>'
        f'<p:reply authorId="1">{body("Answer")}</p:reply></p:replyLst>{body("Question")}</p:cm>'
        "</p:cmLst>".encode()
    )
    assert list(slide_remarks(new, authors)) == ["[Jane]: Question", "Answer"]


@pytest.mark.parametrize("is_broken", [False, True])
def test_a_slide_s_comments_follow_its_texts(is_broken: bool, tmp_path: Path) -> None:
    import pptx
    from pptx.opc.package import Part
    from pptx.opc.packuri import PackURI

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Plan"
    package = presentation.part.package
    comments = b"<broken" if is_broken else b'<l><cm authorId="0"><text>Too late</text></cm></l>'
    for owner, kind, data in (
        (presentation.part, "commentAuthors", b'<l><a id="0" name="Jane"/></l>'),
        (slide.part, "comments", comments),
    ):
        part = Part(PackURI(f"/ppt/{kind}.xml"), "application/xml", package, data)
        owner.relate_to(part, f"{R}/{kind}")
    presentation.save(str(tmp_path / "a.pptx"))
    document = read(tmp_path / "a.pptx")
    assert blocks_of(document, "heading") == ["Plan"]
    assert blocks_of(document, "paragraph") == ([] if is_broken else ["[Jane]: Too late"])
    assert all(block.page == 1 for block in document.blocks)


def test_cells_notes_and_threads() -> None:
    notes = parse_xml(
        b"<c><authors><author>Jane</author><author>tc={1}</author></authors><commentList>"
        b'<comment ref="A1" authorId="0"><text><r><t>Why </t></r><r><t>so?</t></r></text></comment>'
        b'<comment ref="A2" authorId="1"><text><t>[Threaded comment]</t></text></comment>'
        b'<comment ref="A3" authorId="9"><text><t>Lost</t></text></comment></commentList></c>'
    )
    assert list(sheet_remarks(notes)) == ["[A1, Jane]: Why so?", "[A3]: Lost"]
    persons = names_by_id(parse_xml(b'<l><person displayName="Li" id="{2}"/></l>'))
    threads = parse_xml(
        b'<t><threadedComment ref="A2" personId="{2}"><text>New</text></threadedComment></t>'
    )
    assert list(thread_remarks(threads, persons)) == ["[A2, Li]: New"]


def test_a_workbook_s_comments_follow_its_cells(tmp_path: Path) -> None:
    import openpyxl
    from openpyxl.comments import Comment

    workbook = openpyxl.Workbook()
    workbook.active.append(["Ducks", 5])
    workbook.active["B1"].comment = Comment("Who counted?", "Jane")
    hidden = workbook.create_sheet("secret")
    hidden.append(["x"])
    hidden["A1"].comment = Comment("Do not show", "Jane")
    hidden.sheet_state = "hidden"
    workbook.save(tmp_path / "a.xlsx")
    document = read(tmp_path / "a.xlsx")
    assert blocks_of(document, "paragraph") == ["[B1, Jane]: Who counted?"]
    assert block_with(document, "Who counted?").headings == ("Sheet",)


def test_a_workbook_whose_comments_are_broken_keeps_its_cells(tmp_path: Path) -> None:
    import openpyxl
    from openpyxl.comments import Comment

    workbook = openpyxl.Workbook()
    workbook.active.append(["Ducks", 5])
    workbook.active["B1"].comment = Comment("Who counted?", "Jane")
    workbook.save(tmp_path / "a.xlsx")
    with zipfile.ZipFile(tmp_path / "a.xlsx") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, b"<broken" if "comment" in name else data)
    document = read(tmp_path / "b.xlsx")
    assert "| Ducks | 5 |" in document.text
    assert "beside the cells of 'Sheet' cannot be read" in document.notes[0]


def test_word_s_comments_follow_their_paragraph(tmp_path: Path) -> None:
    path = write_word(
        tmp_path / "a.docx",
        p('<w:r><w:t>Text</w:t></w:r><w:r><w:commentReference w:id="3"/></w:r>') + p("After"),
    )
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    relation = f'<Relationship Id="r9" Type="{R}/comments" Target="comments.xml"/>'
    parts["word/_rels/document.xml.rels"] = (
        f'<Relationships xmlns="{PACKAGE}">{relation}</Relationships>'.encode()
    )
    comment = f'<w:comment w:id="3" w:author="Jane">{p("Says who?")}</w:comment>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        archive.writestr("word/comments.xml", f'<w:comments xmlns:w="{W}">{comment}</w:comments>')
    assert blocks_of(read(path), "paragraph") == ["Text", "[Jane]: Says who?", "After"]
