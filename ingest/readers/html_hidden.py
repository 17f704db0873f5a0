"""What nobody sees on an HTML page, though its text stands in the file.

A page's style sheets are read as far as one rule alone hides an element; what a script or an
outer style sheet would do is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

HIDDEN_STYLE = re.compile(
    r"(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*(?:0(?:px|em|rem|pt|%)?|1(?:px|pt))"
    r"\s*(?:;|!|$)|(?:left|top|text-indent)\s*:\s*-\d{4,}px|opacity\s*:\s*0(?:\.0*)?\s*(?:;|!|$)"
    r"|(?<![-\w])color\s*:\s*transparent)",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?<![-\w])color\s*:\s*([^;!]+)", re.IGNORECASE)
_GROUND = re.compile(r"(?<![-\w])background(?:-color)?\s*:\s*([^;!]+)", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_BLOCK_RULE = re.compile(r"@[\w-]+[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")  # @media and the like
_SELECTOR = re.compile(r"([a-z][a-z0-9]*)?(?:([.#])([\w-]+))?", re.IGNORECASE)
_RGB = re.compile(r"rgba?\(\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)[^)]*\)")
_HEX = re.compile("#[0-9a-f]{6}")
_NAMES = {"white": "#ffffff", "black": "#000000"}
_WHOLE = frozenset({"html", "body", "main"})  # pages hide these until a script has run
_MOST = 0.5  # of the page's text: a rule that hides more is undone by a script
_GROUNDED = ("class", "id", "bgcolor", "background")


@dataclass(frozen=True, slots=True)
class _Selector:
    tag: str
    sign: str  # "." of a class, "#" of an id, or ""
    name: str

    def fits(self, element: Any) -> bool:
        if self.tag and self.tag.lower() != element.tag:
            return False
        if self.sign == "#":
            return bool(element.get("id") == self.name)
        return not self.sign or self.name in element.get("class", "").split()


def drop_hidden(root: Any) -> int:
    """Take what style sheets or colours hide out of the page; how many characters that were."""
    from lxml import etree

    sheets = "\n".join(style.text or "" for style in root.iter("style"))
    selectors = list(_hiding(sheets))
    has_sheets = bool(sheets.strip()) or root.find(".//link[@rel='stylesheet']") is not None
    elements = [e for e in root.iter(etree.Element) if e.tag not in _WHOLE and _in_body(e)]
    groups = [[e for e in elements if selector.fits(e)] for selector in selectors]
    groups.append([e for e in elements if _has_colour_of_ground(e, has_sheets)])
    whole = len(root.text_content())
    return sum(_drop(group) for group in groups if _length(group) <= _MOST * whole)


def _in_body(element: Any) -> bool:
    return element.tag not in ("head", "style", "script", "title", "meta", "link")


def _hiding(sheets: str) -> Iterator[_Selector]:
    """The selectors of rules that hide what they fit; those of more than one part are passed by."""
    for heads, style in _RULE.findall(_BLOCK_RULE.sub("", _COMMENT.sub("", sheets))):
        if HIDDEN_STYLE.search(style) or _same_colours(style):
            for head in heads.split(","):
                parts = _SELECTOR.fullmatch(head.strip())
                if parts and parts[0] and not _is_undone(sheets, head.strip()):
                    yield _Selector(parts[1] or "", parts[2] or "", parts[3] or "")


def _is_undone(sheets: str, selector: str) -> bool:
    """Whether a longer selector begins with this one: a state in which it is seen, perhaps."""
    return re.search(rf"{re.escape(selector)}[.:\[#]", sheets) is not None


def _drop(elements: list[Any]) -> int:
    count = 0
    for element in elements:
        if element.getparent() is not None:
            count += len(element.text_content().strip())
            element.drop_tree()
    return count


def _length(elements: list[Any]) -> int:
    chosen = set(elements)
    outer = (e for e in elements if not any(above in chosen for above in e.iterancestors()))
    return sum(len(element.text_content()) for element in outer)


def _has_colour_of_ground(element: Any, has_sheets: bool) -> bool:
    """Whether text has its own background's colour, or is white where nothing has a background."""
    style = element.get("style") or ""
    if _same_colours(style):
        return True
    colour = _COLOUR.search(style)
    own = colour[1] if colour else element.get("color") or ""
    if has_sheets or _plain(own) != "#ffffff":
        return False
    around = [element, *element.iterancestors()]
    return not any(e.get(name) for e in around for name in _GROUNDED) and not any(
        _GROUND.search(e.get("style") or "") for e in around
    )


def _same_colours(style: str) -> bool:
    colour, ground = _COLOUR.search(style), _GROUND.search(style)
    if not (colour and ground):
        return False
    plain = _plain(colour[1])
    return _HEX.fullmatch(plain) is not None and plain == _plain(ground[1])


def _plain(colour: str) -> str:
    """A colour as #rrggbb where it can be told."""
    colour = colour.strip().lower()
    if found := _RGB.fullmatch(colour):
        return "#{:02x}{:02x}{:02x}".format(*(min(int(part), 255) for part in found.groups()))
    if re.fullmatch(r"#[0-9a-f]{3}", colour):
        return "#" + "".join(2 * sign for sign in colour[1:])
    return _NAMES.get(colour, colour)
