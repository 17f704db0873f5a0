"""Every reader against a real file made by the format's own library."""

from __future__ import annotations

import datetime
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_asserts import CHINESE, assert_sound, block_text, block_with, blocks_of, failure, read

from ingest.readers import SUFFIXES
from ingest.readers.builder import DocumentBuilder, clean, join_lines
from ingest.readers.encoding import decode
from ingest.readers.pdf import guess_level
from ingest.readers.pdf_lines import Line, join_wrapped, paragraphs
from ingest.readers.records import RECORD_CHARACTERS
from ingest.readers.tables import sniff_delimiter
from rag.types import Document

# --- builder -----------------------------------------------------------------------------------

_text = st.text(st.characters(exclude_categories=()), max_size=40)
_call = st.one_of(
    st.tuples(st.just("add_heading"), st.tuples(st.integers(0, 6), _text)),
    st.tuples(st.sampled_from(["add_paragraph", "add_list_item", "add_code"]), st.tuples(_text)),
    st.tuples(st.just("add_table"), st.tuples(st.lists(st.lists(_text, max_size=3), max_size=3))),
    st.tuples(st.just("add_record"), st.tuples(_text, _text)),
)


@given(st.lists(_call, max_size=12))
def test_builder_blocks_cover_the_text(calls: list[tuple[str, tuple[object, ...]]]) -> None:
    builder = DocumentBuilder()
    for name, arguments in calls:
        getattr(builder, name)(*arguments)
    document = builder.build("title")
    assert_sound(document)
    document.text.encode()  # no lone surrogates
    assert document.text == clean(document.text)
    for block in document.blocks:
        if block.kind == "table":
            assert block_text(document, block).split("\n")[0] == block.header


@given(st.lists(st.text(max_size=40), max_size=8))
def test_builder_loses_nothing_but_white_space_and_controls(texts: list[str]) -> None:
    builder = DocumentBuilder()
    for text in texts:
        builder.add_paragraph(text)
    expected = "".join("".join(clean(text).split()) for text in texts)
    assert "".join(builder.build("").text.split()) == expected


def test_builder_heading_path() -> None:
    builder = DocumentBuilder()
    for level, text in [(1, "A"), (2, "B"), (3, "C"), (2, "D"), (1, "E")]:
        builder.add_heading(level, text)
        builder.add_paragraph(f"under {text}")
    document = builder.build("")
    paths = [block.headings for block in document.blocks if block.kind == "paragraph"]
    assert paths == [("A",), ("A", "B"), ("A", "B", "C"), ("A", "D"), ("E",)]
    assert [block.headings for block in document.blocks if block.kind == "heading"][2] == ("A", "B")


def test_join_lines_puts_no_space_beside_chinese() -> None:
    assert join_lines(["one", "two"]) == "one two"
    assert join_lines(["出差人", "员"]) == "出差人员"


# --- text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"])
def test_decode(encoding: str) -> None:
    assert decode(CHINESE.encode(encoding)) == CHINESE


def test_decode_guesses_the_rest() -> None:
    german = "Die Prüfung der Geräte erfolgt jährlich; über Mängel wird sofort berichtet. " * 4
    assert decode(german.encode("cp1252")) == german


def test_text_in_gb18030(tmp_path: Path) -> None:
    path = tmp_path / "制度.txt"
    path.write_bytes(f"差旅制度\r\n\r\n{CHINESE}\r\n  \r\n第二段".encode("gb18030"))
    document = read(path)
    assert document.title == "制度"
    assert blocks_of(document, "paragraph") == ["差旅制度", CHINESE, "第二段"]


# --- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", '名称,数量\n"螺钉, M4",20\n\n垫片,7\n'),
        ("b.csv", "名称;数量\n螺钉, M4;20\n垫片;7\n"),
        ("c.tsv", "名称\t数量\n螺钉, M4\t20\n垫片\t7\n"),
    ],
)
def test_delimited(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    [block] = (document := read(path)).blocks
    assert block.kind == "table" and block.header == "| 名称 | 数量 |"
    assert document.text == "| 名称 | 数量 |\n| 螺钉, M4 | 20 |\n| 垫片 | 7 |"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_end_in_any_way_and_cells_hold_lines(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(end.join(["a,b", '"one', 'two",3', "", "4,5"]).encode())
    assert read(path).text == "| a | b |\n| one two | 3 |\n| 4 | 5 |"


@given(st.text(st.characters(exclude_categories=())))
def test_clean_is_as_thorough_on_its_short_way(text: str) -> None:
    assert clean(text) == clean(f"{text}\x00") == clean(clean(text))


def test_sniff_keeps_the_likely_delimiter_without_evidence() -> None:
    assert sniff_delimiter("only\none column\n", ",") == ","


# --- records -----------------------------------------------------------------------------------


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    orders = '[{"id": 1, "price": 12.50}, {"id": 2, "客户": "明灯", "tags": ["a", "b"], "x": null}]'
    path.write_text(f'{{"shop": "北京", "open": true, "orders": {orders}}}', encoding="utf-8")
    document = read(path)
    found = {block.headings: block_text(document, block) for block in document.blocks}
    assert found == {
        ("$",): "shop: 北京\nopen: true",
        ("$.orders[0]",): "id: 1\nprice: 12.50",
        ("$.orders[1]",): "id: 2\n客户: 明灯\ntags: a, b",
    }


def test_json_splits_a_large_object(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    value = {"name": "n", "part": {"text": "x" * RECORD_CHARACTERS}, "other": {"deep": {"k": 1}}}
    path.write_text(json.dumps(value))
    document = read(path)
    assert [block.headings[-1] for block in document.blocks] == ["$", "$.part", "$.other"]
    assert block_text(document, document.blocks[2]) == "deep.k: 1"


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "tickets.jsonl"
    path.write_text('{"问题": "无法开机"}\n\n{"a": {"b": [1, {"c": 2}]}}\n', encoding="utf-8")
    document = read(path)
    assert [block.headings for block in document.blocks] == [("$[0]",), ("$[1]",)]
    assert blocks_of(document, "record") == ["问题: 无法开机", "a.b[0]: 1\na.b[1].c: 2"]


def test_a_broken_line_of_jsonl_loses_no_other(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"a": 1}\n{"a": \n{"b": 2}\n')
    document = read(path)
    assert [block.headings for block in document.blocks] == [
        ("$[0]",),
        ("$[1]",),
        ("line 2, not JSON",),
    ]
    assert document.text == 'a: 1\n\nb: 2\n\n{"a":'
    assert ["line 2" in note for note in document.notes] == [True]
    path.write_text("none\nof it\n")
    assert failure(path) == "damaged"


def test_xml(tmp_path: Path) -> None:
    path = tmp_path / "catalog.xml"
    path.write_text(
        '<?xml version="1.0" encoding="gb18030"?><catalog xmlns="urn:x" year="2026"><!-- no -->'
        "<owner>Library</owner><book id='1'><title>红楼梦</title></book>"
        "<book id='2'><title>Emma</title><note>by <b>Jane</b> Austen</note></book></catalog>",
        encoding="gb18030",
    )
    document = read(path)
    found = {block.headings[-1]: block_text(document, block) for block in document.blocks}
    assert found == {
        "/catalog": "year: 2026\nowner: Library",
        "/catalog/book[1]": "id: 1\ntitle: 红楼梦",
        "/catalog/book[2]": "id: 2\ntitle: Emma\nnote: by Jane Austen",
    }


def test_xml_reads_no_outside_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("TOP SECRET")
    path = tmp_path / "evil.xml"
    entity = f'<!DOCTYPE r [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    path.write_text(f"{entity}<r><a>before &e; after</a></r>")
    assert "SECRET" not in read(path).text


# --- HTML, EPUB, Markdown ----------------------------------------------------------------------

HTML = f"""<html><head><title>Safety
 rules</title><style>p {{}}</style></head><body><nav><p>menu</p></nav>
<h1>Rules<a href="#r">¶</a></h1><p>First <b>bold</b>
line<br>second</p><script>alert(1)</script><h2>报销</h2><div>{CHINESE[:9]}
{CHINESE[9:]}</div><ol start="3"><li>three<ul><li>inner</li></ul></li><li><p>four</p></li></ol>
<table><caption>Limits</caption><tr><th>City</th><th>Limit</th></tr><tr><td>北京</td><td>500</td>
</tr></table><pre>if x:
    y()</pre>tail</body></html>"""


def check_html(document: Document) -> None:
    assert blocks_of(document, "heading") == ["Rules", "报销"]
    assert blocks_of(document, "paragraph") == [
        "First bold line\nsecond",
        CHINESE,
        "Limits",
        "tail",
    ]
    assert blocks_of(document, "list") == ["3. three", "- inner", "4. four"]
    assert blocks_of(document, "table") == ["| City | Limit |\n| 北京 | 500 |"]
    assert blocks_of(document, "code") == ["if x:\n    y()"]
    assert block_with(document, CHINESE).headings == ("Rules", "报销")
    assert "menu" not in document.text and "alert" not in document.text


def test_html(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(HTML, encoding="utf-8")
    document = read(path)
    assert document.title == "Safety rules"
    check_html(document)


def test_html_leaves_out_what_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    hidden = ["hidden", 'aria-hidden="true"', 'style="Display : None"', 'style="font-size:0"']
    hidden += ['style="visibility:hidden;"', 'style="opacity: 0"', 'role="navigation"']
    parts = "".join(f"<p {attribute}>secret</p>" for attribute in hidden)
    cell = "<table><tr><td>a</td><td>b<i hidden>secret</i></td></tr></table>"
    path.write_text(
        f'<body>{parts}<p style="opacity: 0.5">shown {"and " * 20}</p>{cell}<script>secret</script>'
    )
    assert read(path).text == f"shown {'and ' * 20}".strip() + "\n\n| a | b |"


def test_html_made_of_menus_keeps_them(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text('<ul role="menu"><li>one</li><li>two</li></ul><p>x</p>')
    assert blocks_of(read(path), "list") == ["- one", "- two"]


def test_html_takes_the_main_part(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(f"<div>banner</div><main><h1>Head</h1><p>{'text ' * 20}</p></main><p>foot</p>")
    document = read(path)
    assert "banner" not in document.text and "foot" not in document.text
    path.write_text(f"<main>x</main><p>{'outside ' * 20}</p>")
    assert "outside" in read(path).text


def test_html_tables_lists_and_formulas(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        '<table><tr><th colspan="2">Head</th><th>C</th></tr><tr><td rowspan="2">Y</td><td>1</td>'
        "<td>2</td></tr><tr><td>3</td><td>4</td></tr></table>"
        "<dl><dt>Cat</dt><dd>An animal</dd><dt>Dog</dt><dt>Hound</dt><dd>Another</dd>"
        "<dd>It <b>barks</b></dd><dt>Yeti</dt></dl>"
        "<p>so <math><semantics><mfrac><mi>a</mi><mn>2</mn></mfrac><annotation>x</annotation>"
        "</semantics></math> it is</p>",
        encoding="utf-8",
    )
    document = read(path)
    assert blocks_of(document, "table") == ["| Head |  | C |\n| Y | 1 | 2 |\n| Y | 3 | 4 |"]
    assert blocks_of(document, "list") == [
        "- Cat: An animal",
        "- Dog, Hound: Another",
        "- It barks",
        "- Yeti",
    ]
    assert blocks_of(document, "paragraph") == ["so a/2 it is"]


def test_html_that_calls_gbk_gb2312(tmp_path: Path) -> None:
    path = tmp_path / "old.htm"
    page = '<meta http-equiv="Content-Type" content="text/html; charset=gb2312"><p>朱镕基 café</p>'
    path.write_bytes(page.encode("gb18030"))
    assert read(path).text == "朱镕基 café"


def write_epub(path: Path, extra: dict[str, str] | None = None) -> Path:
    package = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>明灯往事</dc:title></metadata>
<manifest><item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="text/b%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="text/a.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="b"/><itemref idref="a"/></spine></package>"""
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/content.opf"/></rootfiles></container>'
    )
    page = (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">{}</html>'
    )
    files = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": container,
        "OEBPS/content.opf": package,
        "OEBPS/nav.xhtml": page.format("<body><p>contents</p></body>"),
        "OEBPS/text/b b.xhtml": page.format("<body><h1>第一章</h1><p>从前。</p></body>"),
        "OEBPS/text/a.xhtml": page.format("<body><h1>Two</h1><p>Then.</p></body>"),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, **(extra or {})}.items():
            archive.writestr(name, text)
    return path


def test_epub(tmp_path: Path) -> None:
    document = read(write_epub(tmp_path / "book.epub"))
    assert document.title == "明灯往事"
    assert document.text == "第一章\n\n从前。\n\nTwo\n\nThen."
    assert block_with(document, "Then.").headings == ("Two",)


def test_a_chapter_without_heading_gets_its_title_in_the_contents(tmp_path: Path) -> None:
    contents = (
        '<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><a href="text/b%20b.xhtml#x">First'
        '</a><a href="text/a.xhtml">Second</a></nav></body></html>'
    )
    plain = '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>No heading.</p></body></html>'
    extra = {"OEBPS/nav.xhtml": contents, "OEBPS/text/a.xhtml": plain}
    document = read(write_epub(tmp_path / "book.epub", extra))
    assert block_with(document, "No heading.").headings == ("Second",)
    assert blocks_of(document, "heading") == ["第一章", "Second"]


def test_epub_under_copy_protection(tmp_path: Path) -> None:
    path = write_epub(tmp_path / "book.epub", {"META-INF/rights.xml": "<rights/>"})
    assert failure(path) == "password"


def test_markdown(tmp_path: Path) -> None:
    path = tmp_path / "guide.md"
    path.write_text(
        "---\ntitle: '指南'\n---\n# Guide\n\nSome *text*\nwraps `code`.\n\n"
        "## 报销\n\n出差人\n员报销。\n\n"
        "3. three\n   - inner\n4. four\n\n| A | B |\n|---|---|\n| 1 | [x](http://y) |\n\n"
        "```py\ndef f():\n    pass\n```\n\n<div><p>inside</p></div>\n",
        encoding="utf-8",
    )
    document = read(path)
    assert document.title == "指南"
    assert blocks_of(document, "heading") == ["Guide", "报销"]
    paragraphs_ = ["Some text wraps code.", "出差人员报销。", "inside"]
    assert blocks_of(document, "paragraph") == paragraphs_
    assert blocks_of(document, "list") == ["3. three", "- inner", "4. four"]
    assert blocks_of(document, "table") == ["| A | B |\n| 1 | x |"]
    assert blocks_of(document, "code") == ["def f():\n    pass"]
    assert block_with(document, "出差人员").headings == ("Guide", "报销")


def test_markdown_keeps_footnotes_and_front_matter(tmp_path: Path) -> None:
    path = tmp_path / "guide.md"
    path.write_text("---\ntitle: T\nauthor: Ann\n---\nClaim[^1].\n\n[^1]: Proof\n\n<b></b>\n")
    document = read(path)
    assert blocks_of(document, "record") == ["author: Ann"]
    assert blocks_of(document, "paragraph") == ["Claim[^1].", "[^1]: Proof"]


def test_markdown_title_is_the_first_heading(tmp_path: Path) -> None:
    path = tmp_path / "guide.md"
    path.write_text("intro\n\n# The Guide\n\ntext\n")
    assert read(path).title == "The Guide"


# --- Office ------------------------------------------------------------------------------------


def write_docx(path: Path) -> Path:
    import docx

    document = docx.Document()
    document.add_heading("员工手册", 0)
    document.add_heading("Travel", 1)
    document.add_heading("报销", 2)
    document.add_paragraph(CHINESE)
    document.add_paragraph("first", style="List Bullet")
    table = document.add_table(rows=2, cols=3)
    for cell, text in zip(table._cells, ["城市", "Limit", "", "北京", "500", "yes"], strict=True):
        cell.text = text
    table.cell(0, 1).merge(table.cell(0, 2))
    document.add_paragraph("after the table")
    document.save(str(path))
    return path


def test_docx(tmp_path: Path) -> None:
    document = read(write_docx(tmp_path / "handbook.docx"))
    assert document.title == "员工手册"
    assert blocks_of(document, "heading") == ["员工手册", "Travel", "报销"]
    assert block_with(document, CHINESE).headings == ("员工手册", "Travel", "报销")
    assert blocks_of(document, "list") == ["- first"]
    assert blocks_of(document, "table") == ["| 城市 | Limit |  |\n| 北京 | 500 | yes |"]
    assert block_text(document, document.blocks[-1]) == "after the table"


def test_pptx(tmp_path: Path) -> None:
    import pptx
    from pptx.util import Inches

    presentation = pptx.Presentation()
    presentation.core_properties.title = "Briefing"
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "路线图"
    slide.placeholders[1].text = "one\n二"
    slide.notes_slide.notes_text_frame.text = "say hello"
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = slide.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(2)).table
    for cell, text in zip(table.iter_cells(), ["Q", "Units", "Q1", "48"], strict=True):
        cell.text = text
    path = tmp_path / "briefing.pptx"
    presentation.save(str(path))
    document = read(path)
    assert document.title == "Briefing"
    assert blocks_of(document, "list") == ["- one", "- 二"]
    notes = block_with(document, "say hello")
    assert (notes.page, notes.headings) == (1, ("路线图",))
    table_block = block_with(document, "| Q1 | 48 |")
    assert (table_block.page, table_block.headings) == (2, ())


def test_xlsx(tmp_path: Path) -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "库存"
    sheet.append(["2026 stock list"])
    sheet.append(["品名", "Price", "Date", "Seen"])
    seen = datetime.datetime(2026, 1, 9, 8, 30)
    sheet.append(["螺钉", 0.1 + 0.2, datetime.date(2026, 1, 9), seen])
    sheet.append([])
    sheet.append(["Total", 5])
    workbook.create_sheet("secret").append(["hidden"])
    workbook["secret"].sheet_state = "hidden"
    path = tmp_path / "stock.xlsx"
    workbook.save(path)
    document = read(path)
    assert blocks_of(document, "heading") == ["库存"]
    assert blocks_of(document, "paragraph") == ["2026 stock list"]
    assert blocks_of(document, "table") == [
        "| 品名 | Price | Date | Seen |\n| 螺钉 | 0.3 | 2026-01-09 | 2026-01-09 8:30:00 |",
        "| Total | 5 |",
    ]
    assert "hidden" not in document.text


# --- PDF ---------------------------------------------------------------------------------------


def write_pdf(path: Path, pages: list[list[tuple[int, str]]], outline: bool = False) -> Path:
    """Write pages of (distance from the line above, text); a leading "# " makes it an entry."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(path), pagesize=(595, 842))
    canvas.setTitle("手册 Manual")
    for number, lines in enumerate(pages):
        y = 800
        for drop, text in lines:
            y -= drop
            if outline and text.startswith("# "):
                canvas.bookmarkPage(f"p{number}-{y}")
                canvas.addOutlineEntry(text[2:], f"p{number}-{y}", 0)
            latin = text.isascii()
            canvas.setFont("Helvetica" if latin else "STSong-Light", 11)
            canvas.drawString(60, y, text.removeprefix("# "))
        canvas.showPage()
    canvas.save()
    return path


def test_pdf(tmp_path: Path) -> None:
    bodies = ["apples and pears", "red and green", "sea and sky", "bread and wine"]
    pages = [
        [
            (0, "Lantern Manual"),
            (30, f"# Part {body}"),
            (30, "本制度适用于全体员工，出差人员应当在返回后十个工作日内提交全部报销单据并说明"),
            (14, "理由。"),
            (
                30,
                f"The first line of a long paragraph about {body} goes on and on to the margin",
            ),
            (14, f"and ends with {body}."),
            (400, f"page {number} of 4"),
        ]
        for number, body in enumerate(bodies, start=1)
    ]
    document = read(write_pdf(tmp_path / "manual.pdf", pages, outline=True))
    assert document.title == "手册 Manual"
    assert blocks_of(document, "heading") == [f"Part {body}" for body in bodies]
    assert "Lantern Manual" not in document.text and "of 4" not in document.text
    block = block_with(document, "about sea and sky")
    assert (block.page, block.headings) == (3, ("Part sea and sky",))
    assert block_text(document, block).endswith("the margin and ends with sea and sky.")
    assert document.text.count("并说明理由。") == 4


def test_pdf_headings_without_outline(tmp_path: Path) -> None:
    lines = [
        (0, "第一章 总则"),
        (30, "1.2 Scope"),
        (30, "These rules bind everyone who works here."),
    ]
    document = read(write_pdf(tmp_path / "rules.pdf", [lines]))
    assert blocks_of(document, "heading") == ["第一章 总则", "1.2 Scope"]


@pytest.mark.parametrize(
    ("text", "large", "level"),
    [
        ("第三章 更换零件", False, 1),
        ("第二节 范围", False, 2),
        ("2.1 Scope", False, 2),
        ("2.1.4 Scope", False, 3),
        ("1. Press the key", False, None),
        ("1 Installation", True, 1),
        ("1.5 mm is the limit.", False, None),
        ("plain text", True, None),
    ],
)
def test_guess_level(text: str, large: bool, level: int | None) -> None:
    assert guess_level(text, large) == level


def test_pdf_hyphens() -> None:
    assert join_wrapped("micro\ufffe", "scope") == "microscope"
    assert join_wrapped("the X\ufffe", "200") == "the X-200"


def test_pdf_rows_stay_lines() -> None:
    rows = ["Code Meaning", "E07 blocked", "E12 hot"]
    lines = [Line(row, 60, 500, 700 - 14 * i, 11, is_row=True) for i, row in enumerate(rows)]
    assert list(paragraphs(lines)) == ["\n".join(rows)]


def test_pdf_without_text(tmp_path: Path) -> None:
    assert failure(write_pdf(tmp_path / "scan.pdf", [[]])) == "notext"


def test_pdf_with_password(tmp_path: Path) -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(write_pdf(tmp_path / "open.pdf", [[(0, "text")]])))
    writer.encrypt("secret", algorithm="RC4-128")
    path = tmp_path / "locked.pdf"
    writer.write(path)
    assert failure(path) == "password"


# --- failures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_empty(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"nothing{suffix}"
    path.touch()
    assert failure(path) == "empty"


@pytest.mark.parametrize("suffix", sorted({".pdf", ".docx", ".pptx", ".xlsx", ".epub", ".xml"}))
def test_garbage_is_damaged(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"garbage{suffix}"
    path.write_bytes(b"\x01 this is not it")
    assert failure(path) == "damaged"


def _truncate(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _as_ole(data: bytes) -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + data


@pytest.mark.parametrize(("spoil", "reason"), [(_truncate, "damaged"), (_as_ole, "damaged")])
def test_spoilt_docx(tmp_path: Path, spoil: Callable[[bytes], bytes], reason: str) -> None:
    path = write_docx(tmp_path / "handbook.docx")
    path.write_bytes(spoil(path.read_bytes()))
    assert failure(path) == reason


def test_other_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.exe").write_bytes(b"MZ")
    assert failure(tmp_path / "a.exe") == "unsupported"
    (tmp_path / "blank.txt").write_text(" \n\n ")
    assert failure(tmp_path / "blank.txt") == "empty"
    (tmp_path / "bare.html").write_text("<script>x</script>")
    assert failure(tmp_path / "bare.html") == "notext"
    (tmp_path / "binary.txt").write_bytes(b"a\x00b")
    assert failure(tmp_path / "binary.txt") == "damaged"
    assert failure(tmp_path / "missing.txt") == "unreadable"
    monkeypatch.setattr("ingest.readers.MAX_BYTES", 4)
    (tmp_path / "long.txt").write_text("too long")
    assert failure(tmp_path / "long.txt") == "too_large"
