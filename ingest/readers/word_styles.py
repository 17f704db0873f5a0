"""What Word's styles and numbering say of a paragraph: heading level, list label, code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_HEADING = re.compile(
    r"(?:heading|标题|標題|見出し|제목|überschrift|titre|t[ií]tulo|titolo|заголовок|kop|rubrik|"
    r"overskrift|otsikko|nagłówek|nadpis|címsor|başlık|επικεφαλίδα|titlu|đầu đề)\s*(\d)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?:html preformatted|source code|code|preformatted text)\b", re.IGNORECASE)
_BODY_LEVEL = 9  # an outline level of 9 means none
_MAX_LEVELS = 9
_CHAIN = 20  # styles that one may be based on; a damaged file may hold a circle


@dataclass(frozen=True, slots=True)
class Style:
    """A paragraph style, after what it is based on. `level` is 0 for the title, else from 1."""

    name: str = ""
    level: int | None = None
    number_id: str = ""
    number_level: int = 0
    is_code: bool = False
    is_contents: bool = False


def value(element: Any, path: str) -> str | None:
    """The `w:val` of a descendant such as `pPr/numPr/numId`, or None."""
    found = element.find("/".join(W + step for step in path.split("/"))) if len(element) else None
    return None if found is None else found.get(f"{W}val")


def read_styles(tree: Any) -> dict[str, Style]:
    """Every paragraph style by its id; "" is the default style's."""
    if tree is None:
        return {}
    elements = {style.get(f"{W}styleId", ""): style for style in tree.iterfind(f"{W}style")}
    styles = {name: _resolve(element, elements) for name, element in elements.items()}
    for name, element in elements.items():
        if element.get(f"{W}default") in ("1", "true") and element.get(f"{W}type") == "paragraph":
            styles[""] = styles[name]
    return styles


def _resolve(element: Any, elements: dict[str, Any]) -> Style:
    chain = list(_chain(element, elements))
    names = [value(style, "name") or "" for style in chain]
    level = next((found for style in chain if (found := _style_level(style)) is not None), None)
    number = next((style for style in chain if value(style, "pPr/numPr/numId") is not None), None)
    return Style(
        name=names[0],
        level=None if level == _BODY_LEVEL else level,
        number_id="" if number is None else value(number, "pPr/numPr/numId") or "",
        number_level=0 if number is None else _integer(value(number, "pPr/numPr/ilvl")),
        is_code=any(map(_CODE.match, names)),
        is_contents=names[0].lower().startswith("toc "),
    )


def _chain(element: Any, elements: dict[str, Any]) -> Iterator[Any]:
    for _ in range(_CHAIN):
        if element is None:
            return
        yield element
        element = elements.get(value(element, "basedOn") or "")


def _style_level(style: Any) -> int | None:
    name = value(style, "name") or ""
    if name.lower() in ("title", "标题", "標題"):
        return 0
    if found := _HEADING.match(name):
        return int(found[1])
    return outline_level(style)


def outline_level(element: Any) -> int | None:
    """The level that `pPr/outlineLvl` gives, from 1; 9 for explicit body text."""
    level = value(element, "pPr/outlineLvl")
    if level is None or not level.isdecimal():
        return None
    return _BODY_LEVEL if int(level) >= _BODY_LEVEL else int(level) + 1


def _integer(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


@dataclass(frozen=True, slots=True)
class _Level:
    form: str  # Word's name of the kind of number
    text: str  # such as `%1.%2`
    start: int


class Numbering:
    """Counts the list paragraphs as Word does and gives each its label, such as `2.1` or `-`."""

    def __init__(self, tree: Any) -> None:
        self._levels: dict[str, dict[int, _Level]] = {}  # by abstract number
        self._abstract: dict[str, str] = {}  # by number
        self._restarts: dict[str, dict[int, int]] = {}  # by number; used up when first met
        self._counts: dict[str, dict[int, int]] = {}  # by abstract number
        if tree is not None:
            self._read(tree)

    def _read(self, tree: Any) -> None:
        for abstract in tree.iterfind(f"{W}abstractNum"):
            self._levels[abstract.get(f"{W}abstractNumId", "")] = {
                _integer(level.get(f"{W}ilvl")): _Level(
                    value(level, "numFmt") or "decimal",
                    value(level, "lvlText") or "",
                    _integer(value(level, "start") or "1"),
                )
                for level in abstract.iterfind(f"{W}lvl")
            }
        for number in tree.iterfind(f"{W}num"):
            name = number.get(f"{W}numId", "")
            self._abstract[name] = value(number, "abstractNumId") or ""
            self._restarts[name] = {
                _integer(override.get(f"{W}ilvl")): _integer(start)
                for override in number.iterfind(f"{W}lvlOverride")
                if (start := value(override, "startOverride")) is not None
            }

    def label(self, number_id: str, level: int) -> str:
        """Count a paragraph and return its label; "" if it shows none, "-" for bullets."""
        abstract = self._abstract.get(number_id)
        levels = self._levels.get(abstract or "", {})
        form = levels.get(level)
        if abstract is None or form is None:
            return "-" if number_id not in ("", "0") else ""
        counts = self._counts.setdefault(abstract, {})
        restart = self._restarts[number_id].pop(level, None)
        counts[level] = counts[level] + 1 if level in counts else form.start
        if restart is not None:
            counts[level] = restart
        for deeper in range(level + 1, _MAX_LEVELS):
            counts.pop(deeper, None)
        if form.form in ("bullet", "none"):
            return "-" if form.form == "bullet" else ""

        def shown(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            one = levels.get(at, form)
            return format_number(counts.setdefault(at, one.start), one.form)

        return re.sub(r"%(\d)", shown, form.text).strip()


def format_number(number: int, form: str) -> str:
    """A number in one of Word's forms; forms that are not known are decimal."""
    if form in ("lowerLetter", "upperLetter") and number > 0:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter.upper() if form == "upperLetter" else letter
    if form in ("lowerRoman", "upperRoman") and 0 < number < 4000:
        return _roman(number) if form == "upperRoman" else _roman(number).lower()
    if form.startswith(("chinese", "japaneseCounting", "taiwaneseCounting", "ideographDigital")):
        return _chinese(number)
    if form == "decimalEnclosedCircle" and 0 < number <= 20:
        return chr(0x2460 + number - 1)
    return f"{number:02}" if form == "decimalZero" else str(number)


def _roman(number: int) -> str:
    signs = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"),
        strict=True,
    )
    text = ""
    for amount, sign in signs:
        text += sign * (number // amount)
        number %= amount
    return text


def _chinese(number: int) -> str:
    digits = "〇一二三四五六七八九"
    if not 0 < number < 100:
        return "".join(digits[int(digit)] for digit in str(number)) if number > 0 else "〇"
    tens, ones = divmod(number, 10)
    ten = ("" if tens < 2 else digits[tens]) + ("十" if tens else "")
    return ten + (digits[ones] if ones else "")
