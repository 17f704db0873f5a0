"""Word, PowerPoint and Excel beyond the plain: numbering, notes, boxes, formulas, formats."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_asserts import block_with, blocks_of, failure, read

from ingest.readers.number_formats import format_value
from ingest.readers.word_styles import format_number

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
M = "http://schemas.openxmlformats.org/officeDocument/2006/math"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT = [
    (W, b"http://purl.oclc.org/ooxml/wordprocessingml/main"),
    (R, b"http://purl.oclc.org/ooxml/officeDocument/relationships"),
]
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def write_word(path: Path, body: str, **parts: str) -> Path:
    """A Word file of this body; `parts` are the insides of styles, numbering, footnotes."""
    roots = {"styles": "styles", "numbering": "numbering", "footnotes": "footnotes"}
    names = "".join(
        f'<Relationship Id="r{kind}" Type="{R}/{kind}" Target="{kind}.xml"/>' for kind in parts
    )
    spaces = f'xmlns:w="{W}" xmlns:m="{M}" xmlns:v="urn:schemas-microsoft-com:vml"'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGE}"><Relationship Id="r1" '
            f'Type="{R}/officeDocument" Target="word/document.xml"/></Relationships>',
        )
        archive.writestr(
            "word/_rels/document.xml.rels",
            f'<Relationships xmlns="{PACKAGE}">{names}</Relationships>',
        )
        archive.writestr(
            "word/document.xml", f"<w:document {spaces}><w:body>{body}</w:body></w:document>"
        )
        for kind, text in parts.items():
            archive.writestr(
                f"word/{kind}.xml", f"<w:{roots[kind]} {spaces}>{text}</w:{roots[kind]}>"
            )
    return path


def p(text: str, properties: str = "") -> str:
    run = text if text.startswith("<") else f"<w:r><w:t>{text}</w:t></w:r>"
    return f"<w:p><w:pPr>{properties}</w:pPr>{run}</w:p>"


def style(name: str) -> str:
    return f'<w:pStyle w:val="{name}"/>'


STYLES = """
<w:style w:type="paragraph" w:styleId="a1"><w:name w:val="Überschrift 1"/></w:style>
<w:style w:type="paragraph" w:styleId="a2"><w:name w:val="Mine"/><w:pPr><w:outlineLvl w:val="1"/>
</w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="a3"><w:name w:val="Child"/><w:basedOn w:val="a2"/></w:style>
<w:style w:type="paragraph" w:styleId="t"><w:name w:val="toc 1"/></w:style>
<w:style w:type="paragraph" w:styleId="c"><w:name w:val="Source Code"/></w:style>
<w:style w:type="paragraph" w:styleId="o"><w:name w:val="o"/><w:basedOn w:val="o"/></w:style>"""


def test_headings_by_localized_styles_and_outline_levels(tmp_path: Path) -> None:
    body = (
        p("Eins", style("a1")) + p("Two", style("a3")) + p("text", style("o"))
        + p("Three", '<w:outlineLvl w:val="2"/>') + p("deep") + p("Eins ... 3", style("t"))
        + p("x = 1", style("c")) + p("  y = 2", style("c"))
    )  # fmt: skip
    document = read(write_word(tmp_path / "a.docx", body, styles=STYLES))
    assert blocks_of(document, "heading") == ["Eins", "Two", "Three"]
    assert block_with(document, "deep").headings == ("Eins", "Two", "Three")
    assert blocks_of(document, "code") == ["x = 1\n  y = 2"]
    assert "..." not in document.text


def number(level: int, name: str = "1") -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{name}"/></w:numPr>'


def test_numbering_is_counted_as_word_does(tmp_path: Path) -> None:
    def level(at: int, form: str, text: str) -> str:
        return (
            f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
            f'<w:lvlText w:val="{text}"/></w:lvl>'
        )

    numbering = (
        f'<w:abstractNum w:abstractNumId="0">{level(0, "decimal", "%1.")}'
        f"{level(1, 'lowerLetter', '%1.%2)')}{level(2, 'bullet', 'x')}</w:abstractNum>"
        '<w:abstractNum w:abstractNumId="1">'
        f"{level(0, 'chineseCounting', '第%1条')}</w:abstractNum>"
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">'
        '<w:startOverride w:val="7"/></w:lvlOverride></w:num>'
    )
    body = (
        p("a", number(0)) + p("b", number(1)) + p("c", number(1)) + p("d", number(0))
        + p("e", number(1)) + p("f", number(2)) + p("g", number(0, "2")) + p("h", number(0, "3"))
        + p("i", number(0, "0")) + p("j", number(0, "99"))
    )  # fmt: skip
    document = read(write_word(tmp_path / "a.docx", body, numbering=numbering))
    assert blocks_of(document, "list") == [
        "1. a", "1.a) b", "1.b) c", "2. d", "2.a) e", "- f", "第一条 g", "7. h", "- j",
    ]  # fmt: skip
    assert blocks_of(document, "paragraph") == ["i"]


@pytest.mark.parametrize(
    ("number_", "form", "text"),
    [
        (4, "lowerRoman", "iv"), (1994, "upperRoman", "MCMXCIV"), (28, "upperLetter", "BB"),
        (10, "chineseCounting", "十"), (21, "chineseCounting", "二十一"), (7, "decimalZero", "07"),
        (3, "decimalEnclosedCircle", "③"), (5, "unheardOf", "5"),
    ],
)  # fmt: skip
def test_forms_of_numbers(number_: int, form: str, text: str) -> None:
    assert format_number(number_, form) == text


def test_notes_and_boxes_follow_their_paragraph(tmp_path: Path) -> None:
    body = (
        p('<w:r><w:t>Claim</w:t><w:footnoteReference w:id="2"/></w:r>')
        + p(f'<w:r><w:pict><v:shape><v:textbox><w:txbxContent>{p("boxed")}</w:txbxContent>'
            "</v:textbox></v:shape></w:pict></w:r>")
        + p("after")
    )  # fmt: skip
    notes = f'<w:footnote w:id="0" w:type="separator">{p("--")}</w:footnote>'
    notes += f'<w:footnote w:id="2">{p("the proof")}</w:footnote>'
    document = read(write_word(tmp_path / "a.docx", body, footnotes=notes))
    assert blocks_of(document, "paragraph") == ["Claim[^1]", "[^1]: the proof", "boxed", "after"]


def test_what_is_deleted_or_hidden_is_left_out(tmp_path: Path) -> None:
    body = p(
        "<w:r><w:t>kept </w:t></w:r><w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>"
    )
    assert read(write_word(tmp_path / "a.docx", body)).text == "kept inserted"


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{p(text)}</w:tc>"


def test_merged_cells_and_short_rows(tmp_path: Path) -> None:
    down = '<w:vMerge w:val="restart"/>'
    rows = [
        cell("Year") + cell("Half", '<w:gridSpan w:val="2"/>'),
        cell("2025", down) + cell("H1") + cell("5"),
        cell("", "<w:vMerge/>") + cell("H2") + cell("7"),
        cell("2026"),
    ]
    table = "".join(f"<w:tr>{row}</w:tr>" for row in rows)
    frame = f"<w:tbl><w:tr>{cell('framed')}</w:tr></w:tbl>"
    document = read(write_word(tmp_path / "a.docx", f"<w:tbl>{table}</w:tbl>{frame}"))
    assert blocks_of(document, "table") == [
        "| Year | Half |  |\n| 2025 | H1 | 5 |\n| 2025 | H2 | 7 |\n| 2026 |  |  |"
    ]
    assert blocks_of(document, "paragraph") == ["framed"]


def test_formulas_are_readable(tmp_path: Path) -> None:
    def r(text: str) -> str:
        return f"<m:r><m:t>{text}</m:t></m:r>"

    fraction = f"<m:f><m:num>{r('a+b')}</m:num><m:den>{r('2')}</m:den></m:f>"
    power = f"<m:sSup><m:e>{r('x')}</m:e><m:sup>{r('2')}</m:sup></m:sSup>"
    root = f"<m:rad><m:deg/><m:e>{r('y')}</m:e></m:rad>"
    total = (
        f'<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub>{r("i=1")}</m:sub>'
        f"<m:sup>{r('n')}</m:sup><m:e>{r('i')}</m:e></m:nary>"
    )
    body = p(f"<m:oMath>{r('A=')}{fraction}{r('·')}{power}{r('+')}{root}{r('+')}{total}</m:oMath>")
    assert read(write_word(tmp_path / "a.docx", body)).text == "A=(a+b)/2·x^2+√y+∑_(i=1)^n i"


def test_strict_files_are_read(tmp_path: Path) -> None:
    path = write_word(tmp_path / "a.docx", p("Strict text"))
    strict = tmp_path / "strict.docx"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(strict, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            for usual, strict_name in STRICT:
                data = data.replace(usual.encode(), strict_name)
            new.writestr(name, data)
    assert read(strict).text == "Strict text"


def test_a_locked_file_is_read_with_its_password(tmp_path: Path) -> None:
    import msoffcrypto.format.ooxml
    import openpyxl

    workbook = openpyxl.Workbook()
    workbook.active.append(["Behind a lock"])
    workbook.save(tmp_path / "plain.xlsx")
    locked = tmp_path / "locked.xlsx"
    with (tmp_path / "plain.xlsx").open("rb") as plain, locked.open("wb") as file:
        msoffcrypto.format.ooxml.OOXMLFile(plain).encrypt("tea", file)
    assert failure(locked) == failure(locked, "coffee") == "password"
    document = read(locked, "coffee", "tea")
    assert blocks_of(document, "paragraph") == ["Behind a lock"]
    assert (document.title, document.notes) == ("locked", ())


def boxes(path: Path, places: dict[str, tuple[float, float, float, float]]) -> Any:
    import pptx
    from pptx.util import Inches

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    for text, place in places.items():
        slide.shapes.add_textbox(*map(Inches, place)).text_frame.text = text
    presentation.save(str(path))
    return blocks_of(read(path), "paragraph")


def test_slides_are_read_in_order_of_place(tmp_path: Path) -> None:
    path = tmp_path / "a.pptx"
    places = {
        "foot": (0, 6, 9, 1),
        "right": (5, 2, 4, 1),
        "left": (0, 2, 4, 1),
        "head": (0, 0, 9, 1),
    }
    assert boxes(path, {k: tuple(map(float, v)) for k, v in places.items()}) == [
        "head", "left", "right", "foot",
    ]  # fmt: skip
    columns = {"b2": (5.0, 3.0, 4.0, 1.0), "a1": (0.0, 1.0, 4.0, 1.0), "a2": (0.0, 3.0, 4.0, 1.0),
               "b1": (5.0, 1.0, 4.0, 1.0), "head": (0.0, 0.0, 9.0, 0.8)}  # fmt: skip
    assert boxes(path, columns) == ["head", "a1", "a2", "b1", "b2"]


def test_a_chart_is_a_table(tmp_path: Path) -> None:
    import pptx
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[6])
    data = CategoryChartData()
    data.categories = ["Q1", "Q2"]
    data.add_series("Sales", (1.5, 2))
    data.add_series("成本", (1, None))
    size = [Inches(n) for n in (0, 0, 4, 4)]
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *size, data)
    presentation.save(str(tmp_path / "c.pptx"))
    [table] = blocks_of(read(tmp_path / "c.pptx"), "table")
    assert table == "|  | Sales | 成本 |\n| Q1 | 1.5 | 1 |\n| Q2 | 2 |  |"


def test_sheets_keep_rows_and_headers(tmp_path: Path) -> None:
    import openpyxl

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.append(["id", "group", "empty", "late"])
    for n in range(2, 251):
        sheet.append([n, "g" if n == 2 else None, None, "seen" if n == 240 else None])
    sheet.merge_cells("B2:B250")
    hidden = workbook.create_sheet("secret")
    hidden.sheet_state = "hidden"
    workbook.save(tmp_path / "a.xlsx")
    document = read(tmp_path / "a.xlsx")
    tables = [block for block in document.blocks if block.kind == "table"]
    places = [block.headings for block in tables]
    assert places == [("Sheet", f"rows {a}-{b}") for a, b in [(1, 100), (101, 200), (201, 250)]]
    assert [block.header for block in tables] == [
        "| id | group | empty | late |",
        "| id | group | empty | late |",
        "| id | group | empty | late |",
    ]
    assert "| 240 | g |  | seen |" in document.text and document.text.count("| g |") == 249
    assert document.text.count("| id |") == 1
    assert "secret" in document.notes[0]


DAY = datetime.datetime(2026, 3, 5, 16, 7, 9)


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1234.5, "General", "1234.5"), (0.1 + 0.2, "General", "0.3"), (1e21, "General", "1e+21"),
        (1234.5, "#,##0.00", "1,234.50"), (-1234.5, "#,##0.00", "-1,234.50"),
        (-1234.5, "#,##0;(#,##0)", "(1,235)"), (0, '0.0;-0.0;"none"', "none"),
        (0.256, "0.0%", "25.6%"), (0.5, "0%", "50%"), (1234.5, '"¥"#,##0.00', "¥1,234.50"),
        (1234.5, "[$€-407] #,##0.00", "€ 1,234.50"), (5, "000", "005"), (0.5, "#.##", ".5"),
        (12345678, "0.00E+00", "1.23E+07"), (2_500_000, '0.0,,"M"', "2.5M"), (2.5, "# ?/?", "2.5"),
        (1.005, "0.00", "1.01"), (7, "@", "7"), (True, "General", "TRUE"), (None, "0", ""),
        (12345678, "000-00000", "123-45678"), (" x ", "0", "x"), (3, "[Red]0.0", "3.0"),
        (DAY, "yyyy-mm-dd", "2026-03-05"), (DAY, "yyyy/m/d h:mm", "2026/3/5 16:07"),
        (DAY, 'yyyy"年"m"月"d"日"', "2026年3月5日"), (DAY, "d-mmm-yy", "5-Mar-26"),
        (DAY, "h:mm AM/PM", "4:07 PM"), (DAY, "mm:ss", "07:09"), (DAY, "dddd", "Thursday"),
        (DAY, "mm-dd-yy", "2026-03-05 16:07:09"), (DAY.date(), "General", "2026-03-05"),
        (datetime.timedelta(hours=30, minutes=5), "[h]:mm", "30:05:00"),
        (datetime.time(8, 30), "h:mm", "8:30"), (DAY, "[$-804]aaaa", "星期四"),
    ],
)  # fmt: skip
def test_values_are_shown_by_their_format(value: object, code: str, text: str) -> None:
    assert format_value(value, code) == text


@given(
    st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.datetimes()),
    st.text('0#?,.%;"\\[]$E+-ymdhs/ _*AMP@年', max_size=12),
)
def test_any_format_shows_something(value: object, code: str) -> None:
    assert isinstance(format_value(value, code), str)


@given(st.integers(-(10**12), 10**12))
def test_grouped_digits_agree_with_python(number_: int) -> None:
    assert format_value(number_, "#,##0") == f"{number_:,}"
