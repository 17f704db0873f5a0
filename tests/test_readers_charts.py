"""Charts, as Office files keep them: in Word, PowerPoint and Excel alike."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_asserts import assert_sound, blocks_of, read

from ingest.readers.builder import DocumentBuilder
from ingest.readers.charts import MAX_POINTS, add_chart
from ingest.readers.xml_tree import parse_xml
from rag.types import Document

A = "http://schemas.openxmlformats.org/drawingml/2006/main"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
SPACES = f'xmlns:c="{C}" xmlns:a="{A}" xmlns:r="{R}"'


def title(text: str) -> str:
    return (
        f"<c:title><c:tx><c:rich><a:p><a:r><a:t>{text}</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    )


def cache(kind: str, values: list[str], code: str = "") -> str:
    points = "".join(f'<c:pt idx="{n}"><c:v>{v}</c:v></c:pt>' for n, v in enumerate(values) if v)
    form = f"<c:formatCode>{code}</c:formatCode>" if code else ""
    return (
        f"<c:{kind}Ref><c:f>S!A1</c:f><c:{kind}Cache>{form}{points}</c:{kind}Cache></c:{kind}Ref>"
    )


def series(name: str, categories: str, values: list[str], code: str = "") -> str:
    return (
        f"<c:ser><c:tx>{cache('str', [name])}</c:tx>{categories}"
        f"<c:val>{cache('num', values, code)}</c:val></c:ser>"
    )


def chart_xml(inside: str, before: str = "") -> str:
    plot = f"<c:plotArea>{inside}</c:plotArea>"
    return f"<c:chartSpace {SPACES}><c:chart>{before}{plot}</c:chart></c:chartSpace>"


def shown(xml: str) -> Document:
    builder = DocumentBuilder()
    add_chart(builder, parse_xml(xml.encode()))
    document = builder.build("t")
    assert_sound(document)
    return document


QUARTERS = f"<c:cat>{cache('str', ['Q1', 'Q2', '007'])}</c:cat>"
DUCKS = chart_xml(
    f"<c:barChart>{series('Ducks', QUARTERS, ['1.50', '2', ''])}"
    f"{series('鸭', QUARTERS, ['0.5', '', '0.25'], '0%')}</c:barChart>"
    f"<c:catAx>{title('Quarter')}</c:catAx><c:valAx>{title('Thousands')}</c:valAx>",
    title("Ducks seen"),
)


def test_titles_names_and_numbers_as_shown() -> None:
    document = shown(DUCKS)
    assert blocks_of(document, "paragraph") == ["Ducks seen", "Thousands"]
    assert blocks_of(document, "table") == [
        "| Quarter | Ducks | 鸭 |\n| Q1 | 1.5 | 50% |\n| Q2 | 2 |  |\n| 007 |  | 25% |"
    ]


def test_dates_and_levels_of_categories() -> None:
    days = f"<c:cat>{cache('num', ['46086', '46117'], 'yyyy-mm-dd')}</c:cat>"
    [table] = blocks_of(shown(chart_xml(series("s", days, ["1", "2"]))), "table")
    assert table == "|  | s |\n| 2026-03-05 | 1 |\n| 2026-04-05 | 2 |"
    inner = "".join(f'<c:pt idx="{n}"><c:v>{v}</c:v></c:pt>' for n, v in enumerate("abcd"))
    outer = "".join(f'<c:pt idx="{n}"><c:v>{v}</c:v></c:pt>' for n, v in ((0, 2025), (2, 2026)))
    levels = (
        f"<c:multiLvlStrCache><c:lvl>{inner}</c:lvl><c:lvl>{outer}</c:lvl></c:multiLvlStrCache>"
    )
    levels = f"<c:cat><c:multiLvlStrRef>{levels}</c:multiLvlStrRef></c:cat>"
    [table] = blocks_of(shown(chart_xml(series("s", levels, ["1", "2", "3", "4"]))), "table")
    assert table == "|  | s |\n| 2025 a | 1 |\n| 2025 b | 2 |\n| 2026 c | 3 |\n| 2026 d | 4 |"


def test_points_have_a_table_for_each_set_of_places() -> None:
    def points(name: str, across: list[str], up: list[str]) -> str:
        x, y = cache("num", across), cache("num", up)
        name = f"<c:tx>{cache('str', [name])}</c:tx>"
        return f"<c:ser>{name}<c:xVal>{x}</c:xVal><c:yVal>{y}</c:yVal></c:ser>"

    axes = (
        f'<c:valAx><c:axPos val="b"/>{title("x")}</c:valAx>'
        f'<c:valAx><c:axPos val="l"/>{title("y")}</c:valAx>'
    )
    inside = points("p", ["1"], ["2"]) + points("q", ["1"], ["3"]) + points("r", ["5"], ["6"])
    document = shown(chart_xml(inside + axes))
    assert blocks_of(document, "table") == ["| x | p | q |\n| 1 | 2 | 3 |", "| x | r |\n| 5 | 6 |"]
    assert blocks_of(document, "paragraph") == ["y"]


def test_a_chart_of_very_many_points_gives_its_names_alone() -> None:
    many = [str(n) for n in range(MAX_POINTS + 1)]
    document = shown(chart_xml(series("s", "", many) + series("t", "", many), title("Noise")))
    assert document.text == "Noise\n\ns, t"


def test_the_kinds_of_charts_that_came_later() -> None:
    cx = "http://schemas.microsoft.com/office/drawing/2014/chartex"
    xml = (
        f'<cx:chartSpace xmlns:cx="{cx}" xmlns:a="{A}"><cx:chartData><cx:data id="0">'
        '<cx:strDim type="cat"><cx:f>S!A1</cx:f><cx:lvl><cx:pt idx="0">In</cx:pt>'
        '<cx:pt idx="1">Out</cx:pt></cx:lvl></cx:strDim><cx:numDim type="val"><cx:lvl '
        'formatCode="General"><cx:pt idx="0">5.0</cx:pt><cx:pt idx="1">-2</cx:pt></cx:lvl>'
        "</cx:numDim></cx:data></cx:chartData><cx:chart><cx:title><cx:tx><cx:rich><a:p><a:r>"
        "<a:t>Cash</a:t></a:r></a:p></cx:rich></cx:tx></cx:title><cx:plotArea><cx:plotAreaRegion>"
        "<cx:series><cx:tx><cx:txData><cx:v>Flow</cx:v></cx:txData></cx:tx></cx:series>"
        "</cx:plotAreaRegion></cx:plotArea></cx:chart></cx:chartSpace>"
    )
    assert shown(xml).text == "Cash\n\n|  | Flow |\n| In | 5 |\n| Out | -2 |"


CELLS = st.lists(st.sampled_from(["", "1", "2.5", "x", "nan", "1e999", "-"]), max_size=4)


@given(st.lists(st.tuples(CELLS, CELLS, st.sampled_from(["", "0%", "yyyy", "["])), max_size=3))
def test_whatever_is_kept_of_it_a_chart_can_be_read(
    columns: list[tuple[list[str], list[str], str]],
) -> None:
    parts = [
        series("s", f"<c:cat>{cache('num', names, code)}</c:cat>", values, code)
        for names, values, code in columns
    ]
    shown(chart_xml("".join(parts)))


def test_in_word(tmp_path: Path) -> None:
    from test_readers_office import PACKAGE, p, write_word

    path = write_word(
        tmp_path / "a.docx",
        p("Before") + p(f'<w:r><w:drawing><c:chart xmlns:c="{C}" xmlns:r="{R}" r:id="r9"/>'
                        "</w:drawing></w:r>") + p("After"),
    )  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    relation = f'<Relationship Id="r9" Type="{R}/chart" Target="charts/chart1.xml"/>'
    parts["word/_rels/document.xml.rels"] = (
        f'<Relationships xmlns="{PACKAGE}">{relation}</Relationships>'.encode()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        archive.writestr("word/charts/chart1.xml", DUCKS)
    assert blocks_of(read(path), "paragraph") == ["Before", "Ducks seen", "Thousands", "After"]
    assert len(blocks_of(read(path), "table")) == 1
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        archive.writestr("word/charts/chart1.xml", "<broken")
    document = read(path)
    assert blocks_of(document, "paragraph") == ["Before", "After"]
    assert "word/charts/chart1.xml cannot be read" in document.notes[0]


@pytest.mark.parametrize("is_sheet", [False, True])
def test_in_excel_under_its_sheet(is_sheet: bool, tmp_path: Path) -> None:
    import openpyxl
    from openpyxl.chart import BarChart, Reference

    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "Data"
    sheet.append(["a", "b"])
    sheet.append([1, 2])
    chart = BarChart()
    chart.title = "Ducks seen"
    chart.add_data(Reference(sheet, min_col=1, min_row=1, max_row=2), titles_from_data=True)
    if is_sheet:
        workbook.create_chartsheet("Drawn").add_chart(chart)
    else:
        sheet.add_chart(chart)
    workbook.create_sheet("Empty")
    workbook.save(tmp_path / "a.xlsx")
    document = read(tmp_path / "a.xlsx")
    [block] = [b for b in document.blocks if document.text[b.start : b.end] == "Ducks seen"]
    assert block.headings == (("Drawn",) if is_sheet else ("Data",))
    assert "Empty" not in document.text
