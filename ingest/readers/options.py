"""What a caller may tell the readers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """`passwords` are tried in turn on locked files; `ocr` is whether pictures are read as text."""

    passwords: tuple[str, ...] = ()
    ocr: bool = True
