"""What nobody sees in a Word file: text that is marked hidden, or white on white."""

from __future__ import annotations

from typing import Any

from ingest.readers.word_styles import W

_WHITE = frozenset({"FFFFFF", "white"})
_NO_FILL = frozenset({"auto", "FFFFFF", "", "none"})
_PLAIN_TABLES = frozenset({"", "TableGrid", "TableNormal"})
_PLAIN_STYLES = frozenset({"Normal", "ListParagraph", "BodyText"})
_OFF = ("0", "false", "off")


def is_vanished(run: Any) -> bool:
    """Whether the run is marked as hidden text."""
    hidden = run.find(f"{W}rPr/{W}vanish")
    return hidden is not None and hidden.get(f"{W}val", "1") not in _OFF


def is_white(run: Any) -> bool:
    """Whether the run is white and nothing that may stand behind it has a colour."""
    colour = run.find(f"{W}rPr/{W}color")
    if colour is None or colour.get(f"{W}val", "") not in _WHITE:
        return False
    return not any(_may_be_dark(element) for element in (run, *run.iterancestors()))


def _may_be_dark(element: Any) -> bool:
    """Whether an element has a ground of its own, or one that its style or shape may give it."""
    for properties in ("rPr", "pPr", "tcPr", "tblPr"):
        shade = element.find(f"{W}{properties}/{W}shd")
        if shade is not None and shade.get(f"{W}fill", "") not in _NO_FILL:
            return True
    if element.find(f"{W}rPr/{W}highlight") is not None or element.tag == f"{W}txbxContent":
        return True
    style = element.find(f"{W}pPr/{W}pStyle")
    if style is not None and style.get(f"{W}val", "") not in _PLAIN_STYLES:
        return True
    if element.find(f"{W}background") is not None:
        return True
    table = element.find(f"{W}tblPr/{W}tblStyle")
    return table is not None and table.get(f"{W}val", "") not in _PLAIN_TABLES
