"""Charts of Office files: titles, the names of axes and series, and the table of what they show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.number_formats import format_value
from ingest.readers.xml_tree import local_name

MAX_POINTS = 200  # of a series; a table of more would only say the sheet's cells again

Points = dict[int, str]  # place in the series -> text


def add_chart(builder: DocumentBuilder, chart: Any) -> None:
    """Add the parsed XML of a chart: its titles, then its series as columns.

    Series that share their categories share a table. The numbers are those that the file keeps
    beside the chart, as it shows them.
    """
    builder.add_paragraph(_title(chart.find("{*}chart/{*}title")))
    axes = [axis for axis in chart.iter() if local_name(axis) in ("catAx", "dateAx", "valAx")]
    across = next((a for a in axes if _lies(a)), None)
    for axis in axes:
        if axis is not across:
            builder.add_paragraph(_title(axis.find("{*}title")))
    label = "" if across is None else _title(across.find("{*}title"))
    for categories, group in groupby(chart.iter("{*}ser"), key=_categories):
        _add_series(builder, label, categories, list(group))
    if local_name(chart) == "chartSpace" and chart.find("{*}chartData") is not None:
        _add_new_kind(builder, chart)


def _lies(axis: Any) -> bool:
    """Whether an axis is the one along which the categories stand."""
    if local_name(axis) != "valAx":
        return True
    position = axis.find("{*}axPos")
    return position is not None and position.get("val") in ("b", "t")


def _add_series(
    builder: DocumentBuilder, label: str, categories: Points, series: list[Any]
) -> None:
    names = [_title(one.find("{*}tx")) for one in series]
    columns = [_points(_first(one, "val", "yVal")) for one in series]
    places = sorted(set(categories).union(*columns))
    if len(places) > MAX_POINTS:
        builder.add_paragraph(", ".join(filter(None, [label, *names])))
        return
    rows = [
        [categories.get(place, ""), *(column.get(place, "") for column in columns)]
        for place in places
    ]
    builder.add_table([[label, *names], *rows])


def _add_new_kind(builder: DocumentBuilder, chart: Any) -> None:
    """A waterfall, funnel, treemap and the like, which Office 2016 writes in another way."""
    names = [_title(series.find("{*}tx")) for series in chart.iter("{*}series")]
    for number, data in enumerate(chart.iterfind("{*}chartData/{*}data")):
        columns = [_points(dimension) for dimension in data if len(dimension)]
        places = sorted(set().union(*columns))[:MAX_POINTS]
        header = ["", *names[number : number + 1]] if len(columns) > 1 else names[:1]
        rows = [[column.get(place, "") for column in columns] for place in places]
        builder.add_table([header, *rows])


def _title(element: Any) -> str:
    """The text of a title or name: its own, or the cells' that it is taken from."""
    if element is None:
        return ""
    own = ["".join(text.text or "" for text in p.iter("{*}t")) for p in element.iter("{*}p")]
    return " ".join(filter(None, own)) or " ".join(v.text or "" for v in element.iter("{*}v"))


def _categories(series: Any) -> Points:
    return _points(_first(series, "cat", "xVal"))


def _first(series: Any, *names: str) -> Any:
    return next((found for name in names if (found := series.find(f"{{*}}{name}")) is not None), ())


def _points(data: Any) -> Points:
    """The texts or numbers that are kept of some cells; outer categories stand before inner ones.

    An outer level names only the first of its places.
    """
    levels = [dict(_level(e)) for e in data.iter() if _holds_points(e)] if len(data) else []
    found = dict(levels[0]) if levels else {}
    for level in levels[1:]:
        outer = ""
        for place in sorted(found):
            outer = level.get(place, outer)
            found[place] = f"{outer} {found[place]}".strip()
    return found


def _holds_points(element: Any) -> bool:
    return any(local_name(child) == "pt" for child in element)


def _level(level: Any) -> Iterator[tuple[int, str]]:
    code = level.findtext("{*}formatCode") or level.get("formatCode") or "General"
    is_number = local_name(level) in ("numCache", "numLit") or level.get("formatCode")
    for point in level.iterfind("{*}pt"):
        text = (point.findtext("{*}v") or point.text or "").strip()
        with suppress(ValueError):
            place = int(point.get("idx", ""))
            yield place, _shown(text, point.get("formatCode") or code) if is_number else text


def _shown(text: str, code: str) -> str:
    """A number as the chart shows it."""
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    if code == "General":
        return format(number, ".15g")
    from openpyxl.styles.numbers import is_date_format
    from openpyxl.utils.datetime import from_excel

    with suppress(ValueError, OverflowError):
        return format_value(from_excel(number) if is_date_format(code) else number, code)
    return text
