"""Opening PDFs: with passwords, and with a second library where the first one fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rag.errors import ReadError

log = logging.getLogger(__name__)


def open_pdf(path: Path, passwords: Sequence[str]) -> Any:
    """The file as PDFium's document; None if only the second reader may open it.

    Raises ReadError password if there are none to try; else the second reader has the last word.
    """
    import pypdfium2

    for password in (None, "", *passwords):
        for encoded in _encodings(password):
            try:
                return pypdfium2.PdfDocument(path, password=encoded)
            except pypdfium2.PdfiumError as error:
                if "password" not in str(error).lower():
                    return None
    if passwords:
        return None
    raise _locked(path)


def _locked(path: Path) -> ReadError:
    message = f"{path}: locked; add its password to `passwords`, or save a copy without one"
    return ReadError("password", message)


def _encodings(password: str | None) -> Sequence[str | bytes | None]:
    """Files up to PDF 1.7 hold Latin-1 passwords, newer ones UTF-8."""
    if password is None or password.isascii():
        return (password,)
    try:
        return (password, password.encode("latin-1"))
    except UnicodeEncodeError:
        return (password,)


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
