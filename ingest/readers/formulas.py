"""Formulas of Word (OMML) and of the web (MathML) as one line of text: `x^2/(a + b)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ingest.readers.xml_tree import local_name

_ACCENTS = {"\u0302": "̂", "\u0303": "̃", "\u0305": "̅", "\u20d7": "⃗", "\u0307": "̇"}
_INTEGRAL = "∫"  # the sign where an n-ary operator names none
_PROPERTIES = (
    "ctrlPr fPr sSupPr sSubPr sSubSupPr sPrePr radPr naryPr dPr funcPr mPr accPr barPr "
    "limLowPr limUppPr eqArrPr groupChrPr boxPr borderBoxPr phantPr rPr oMathParaPr "
    "annotation annotation-xml mprescripts none "
)
_SKIPPED = frozenset(_PROPERTIES.split())


def formula_text(element: Any) -> str:
    """The text of a formula; nothing is lost but the layout."""
    name = local_name(element)
    if not name or name in _SKIPPED:
        return ""
    if special := _SHAPES.get(name):
        return special(element)
    if name == "t" or name in ("mi", "mn", "mo", "mtext", "ms"):
        text = "".join(element.itertext())
        return f" {text.strip()} " if name == "mo" and text.strip() in "=+−-<>≤≥≠" else text
    return "".join(formula_text(child) for child in element)


def _part(element: Any, name: str) -> str:
    """The text of a named part of an OMML element, or ""."""
    for child in element:
        if local_name(child) == name:
            return formula_text(child).strip()
    return ""


def _property(element: Any, name: str, missing: str) -> str:
    """A sign in an element's properties, which stand first in it."""
    for found in element.iter():
        if local_name(found) == name:
            values = list(found.attrib.values())
            return str(values[0]) if values else ""
        if local_name(found) == "e":
            break
    return missing


def _group(text: str) -> str:
    """In parentheses unless it is one word or already closed."""
    inner = text.strip()
    is_closed = inner[:1] + inner[-1:] in ("()", "[]", "||") and inner.count(inner[:1]) == 1
    return (
        inner if inner.replace(".", "").isalnum() or len(inner) < 2 or is_closed else f"({inner})"
    )


def _script(base: str, low: str = "", high: str = "") -> str:
    return base + (f"_{_group(low)}" if low else "") + (f"^{_group(high)}" if high else "")


def _fraction(element: Any) -> str:
    return f"{_group(_part(element, 'num'))}/{_group(_part(element, 'den'))}"


def _scripted(element: Any) -> str:
    return _script(_part(element, "e"), _part(element, "sub"), _part(element, "sup"))


def _radical(element: Any) -> str:
    degree = _part(element, "deg")
    return f"{_group(degree) if degree else ''}√{_group(_part(element, 'e'))}"


def _nary(element: Any) -> str:
    sign = _property(element, "chr", _INTEGRAL)
    return f"{_script(sign, _part(element, 'sub'), _part(element, 'sup'))} {_part(element, 'e')}"


def _delimited(element: Any) -> str:
    parts = [formula_text(child).strip() for child in element if local_name(child) == "e"]
    separator = _property(element, "sepChr", "|")
    opening, closing = _property(element, "begChr", "("), _property(element, "endChr", ")")
    return opening + separator.join(parts) + closing


def _function(element: Any) -> str:
    return f"{_part(element, 'fName')} {_part(element, 'e')}"


def _rows(element: Any) -> str:
    """A matrix, `[a, b; c, d]`."""
    rows = [child for child in element if local_name(child) in ("mr", "mtr", "mlabeledtr")]
    cells = [
        [formula_text(cell).strip() for cell in row if local_name(cell) != "mPr"] for row in rows
    ]
    return "[" + "; ".join(", ".join(row) for row in cells) + "]"


def _equations(element: Any) -> str:
    return "; ".join(formula_text(child).strip() for child in element if local_name(child) == "e")


def _accent(element: Any) -> str:
    sign = _property(element, "chr", "\u0302")
    return _part(element, "e") + _ACCENTS.get(sign, sign)


def _limit(element: Any) -> str:
    name = local_name(element)
    limit = _part(element, "lim")
    base = _part(element, "e")
    return _script(base, low=limit) if name == "limLow" else _script(base, high=limit)


def _children(element: Any) -> list[str]:
    return [formula_text(child).strip() for child in element if local_name(child)]


def _two(build: Callable[[str, str], str]) -> Callable[[Any], str]:
    """A MathML element of two children."""

    def text(element: Any) -> str:
        parts = [*_children(element), "", ""]
        return build(parts[0], parts[1])

    return text


def _three(element: Any) -> str:
    parts = [*_children(element), "", "", ""]
    return _script(parts[0], parts[1], parts[2])


def _semantics(element: Any) -> str:
    return next((formula_text(child) for child in element if local_name(child)), "")


_SHAPES: dict[str, Callable[[Any], str]] = {
    "f": _fraction,
    "sSup": _scripted,
    "sSub": _scripted,
    "sSubSup": _scripted,
    "sPre": _scripted,
    "rad": _radical,
    "nary": _nary,
    "d": _delimited,
    "func": _function,
    "m": _rows,
    "eqArr": _equations,
    "acc": _accent,
    "groupChr": _accent,
    "limLow": _limit,
    "limUpp": _limit,
    "mfrac": _two(lambda top, bottom: f"{_group(top)}/{_group(bottom)}"),
    "msup": _two(lambda base, high: _script(base, high=high)),
    "msub": _two(lambda base, low: _script(base, low=low)),
    "mover": _two(lambda base, high: _script(base, high=high)),
    "munder": _two(lambda base, low: _script(base, low=low)),
    "mroot": _two(lambda base, degree: f"{_group(degree)}√{_group(base)}"),
    "msubsup": _three,
    "munderover": _three,
    "msqrt": lambda element: f"√{_group(''.join(_children(element)))}",
    "mfenced": lambda element: f"({', '.join(_children(element))})",
    "mtable": _rows,
    "semantics": _semantics,
}
