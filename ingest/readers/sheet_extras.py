"""What stands beside a sheet's cells: text boxes, charts and comments, and sheets of charts."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.charts import add_chart
from ingest.readers.ooxml import Package
from ingest.readers.remarks import names_by_id, sheet_remarks, thread_remarks

_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_CHARTS = ("chart", "chartEx")  # relations of a drawing


class SheetExtras:
    """Opens a workbook beside its reader; what cannot be read of these becomes a note."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive = zipfile.ZipFile(path)
        self._package = Package(self._archive)
        self._main = ""
        self._parts: dict[str, str] = {}
        self._visible: list[str] = []
        with suppress(KeyError, ValueError, SyntaxError):  # the cells can be read all the same
            self._list_sheets()

    def _list_sheets(self) -> None:
        self._main = self._package.main_part()
        for sheet in self._package.tree(self._main).iterfind("{*}sheets/{*}sheet"):
            name, part = sheet.get("name", ""), sheet.get(f"{_R}id", "")
            self._parts[name] = self._package.target(self._main, part)
            if sheet.get("state", "visible") == "visible":
                self._visible.append(name)

    def chart_sheets(self, others: list[str]) -> list[str]:
        """The visible sheets that are none of the others: they hold a chart and no cells."""
        return [name for name in self._visible if name not in others]

    def add(self, builder: DocumentBuilder, sheet: str, *, heading: bool) -> None:
        """Add what a sheet holds beside its cells, under its name if that does not stand there."""
        try:
            if not (trees := list(self._trees(self._parts.get(sheet, "")))):
                return
            if heading:
                builder.add_heading(1, sheet)
            for kind, tree in trees:
                self._add_tree(builder, kind, tree)
        except (KeyError, ValueError, SyntaxError, MemoryError) as error:
            note = f"what stands beside the cells of {sheet!r} cannot be read ({error})"
            builder.add_note(f"{self._path}: {note}")

    def _trees(self, part: str) -> Iterator[tuple[str, Any]]:
        """(kind, XML) of the parts that hold anything."""
        package = self._package
        for drawing in package.targets(part, "drawing"):
            tree = package.tree(drawing)
            if any(text.text for text in tree.iter("{*}t")):  # else pictures alone
                yield "drawing", tree
            for kind in _CHARTS:
                yield from (
                    ("chart", package.tree(name)) for name in package.targets(drawing, kind)
                )
        for kind in ("comments", "threadedComment"):
            yield from ((kind, package.tree(name)) for name in package.targets(part, kind))

    def _add_tree(self, builder: DocumentBuilder, kind: str, tree: Any) -> None:
        if kind == "chart":
            add_chart(builder, tree)
        elif kind == "drawing":
            for body in tree.iter("{*}txBody"):
                for paragraph in body.iter("{*}p"):
                    builder.add_paragraph("".join(t.text or "" for t in paragraph.iter("{*}t")))
        else:
            persons = names_by_id(self._package.related_tree(self._main, "person"))
            lines = sheet_remarks(tree) if kind == "comments" else thread_remarks(tree, persons)
            for line in lines:
                builder.add_paragraph(line)

    def close(self) -> None:
        """Close the file."""
        self._archive.close()
