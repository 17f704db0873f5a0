"""What a document is called: by itself, where that says anything, else by its file's name."""

from __future__ import annotations

import re
from pathlib import Path

_PROGRAM = re.compile(r"microsoft (?:word|powerpoint|excel) - ", re.IGNORECASE)
_SUFFIX = re.compile(r"\.(?:docx?|pptx?|xlsx?|odt|odp|ods|pdf|tex|indd|qxd)$", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_TITLES = frozenset({
    "untitled", "untitled document", "document", "title", "presentation", "powerpoint presentation",
    "slide 1", "unbenannt", "sans titre", "sin título", "无标题", "未命名", "演示文稿", "無題",
})  # fmt: skip


def document_title(given: str, path: Path) -> str:
    """The title that a program wrote into a file, if a person could have; else the file's name.

    A number says nothing (0000320193-22-000070), nor does "Untitled".
    """
    title = _SUFFIX.sub("", _PROGRAM.sub("", given.strip(), count=1)).strip()
    is_telling = bool(_WORD.search(title)) and title.casefold() not in _NO_TITLES
    return title if is_telling else path.stem
