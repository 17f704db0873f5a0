"""Jupyter notebooks: Markdown and code cells in order, with their text outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ingest.readers.builder import DocumentBuilder
from ingest.readers.markdown import add_markdown, first_heading
from ingest.readers.text import read_plain
from rag.errors import ReadError
from rag.types import Document

MAX_OUTPUT_CHARACTERS = 5_000  # of a cell; more is a log or raw data


def read_notebook(path: Path) -> Document:
    """Read a notebook of format 3 or 4; the title is its first heading."""
    notebook = json.loads(read_plain(path).lstrip("\ufeff"))
    if not isinstance(notebook, dict):
        raise ReadError("damaged", f"{path}: not a notebook; save it anew in Jupyter")
    sheets = notebook.get("worksheets") or [notebook]  # format 3 has worksheets
    cells = [cell for sheet in sheets for cell in sheet.get("cells", [])]
    builder = DocumentBuilder()
    title = ""
    for cell in cells:
        source = _joined(cell.get("source", cell.get("input", "")))
        kind = cell.get("cell_type")
        if kind == "markdown":
            title = title or first_heading(source)
            add_markdown(builder, source)
        elif kind == "heading":
            builder.add_heading(int(cell.get("level", 1)), source)
        elif kind == "code":
            builder.add_code(source)
            builder.add_code(_outputs(cell)[:MAX_OUTPUT_CHARACTERS])
        else:
            builder.add_paragraph(source)
    return builder.build(title or path.stem)


def _outputs(cell: dict[str, Any]) -> str:
    texts = []
    for output in cell.get("outputs", []):
        data = output.get("data", output)
        text = data.get("text/plain", output.get("text", ""))
        if output.get("output_type") in ("error", "pyerr"):
            text = f"{output.get('ename', '')}: {output.get('evalue', '')}"
        texts.append(_joined(text).rstrip("\n"))
    return "\n".join(filter(None, texts))


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text or "")
