"""Writes settings into the text of a TOML file, and leaves all else of it as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def with_settings(text: str, lines: Mapping[str, str]) -> str:
    """The text with each setting's line in place of the old one, or before the first table.

    `lines` are `name = value` by name. A value that spans lines is not replaced; ValueError.
    """
    found = _TABLE.search(text)
    at = found.start() if found else len(text)
    top, rest = text[:at], text[at:]
    for name, line in lines.items():
        old = re.compile(rf"^[ \t]*{re.escape(name)}[ \t]*=[^\n#]*", re.MULTILINE)
        present = old.search(top)
        if present is None:
            top = f"{top.rstrip()}\n{line}\n" if top.strip() else f"{line}\n"
            top += "\n" * bool(rest)
            continue
        if re.search(r"[\[{(]\s*$|\"\"\"|'''", present[0]):
            raise ValueError(f"{name} spans several lines")
        space = present[0][len(present[0].rstrip()) :]
        top = top[: present.start()] + line + space + top[present.end() :]
    return top + rest
