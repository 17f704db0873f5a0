"""Opening PDFs: with passwords, and with a second library where the first one fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.pdf_open import try_passwords

log = logging.getLogger(__name__)


def open_pdf(path: Path, passwords: Sequence[str]) -> Any:
    """The file as PDFium's document; None if only the second reader may open it.

    Raises ReadError password if there are none to try; else the second reader has the last word.
    """
    pdf, is_locked = try_passwords(path, passwords)
    if pdf is not None or not is_locked:
        return pdf
    if passwords:
        return None
    raise _locked(path)


def _locked(path: Path) -> ReadError:
    message = f"{path}: locked; add its password to `passwords`, or save a copy without one"
    return ReadError("password", message)


def pages_by_pypdf(path: Path, passwords: Sequence[str]) -> Iterator[str]:
    """The text of each page, empty for a damaged one. Raises ReadError password."""
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.ERROR)
    reader = pypdf.PdfReader(path, strict=False)
    if reader.is_encrypted and not any(reader.decrypt(word) for word in ("", *passwords)):
        raise _locked(path)
    for number in range(len(reader.pages)):
        try:
            yield reader.pages[number].extract_text()
        except Exception as error:  # whatever a damaged page makes pypdf stumble over
            log.warning("%s: page %d is damaged and left out (%s)", path, number + 1, error)
            yield ""
