"""Opening PDFs by PDFium, locked ones with the passwords that were set."""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any


def try_passwords(path: Path, passwords: Sequence[str]) -> tuple[Any, bool]:
    """The file as PDFium's document, or None and whether only a password is missing."""
    import pypdfium2

    for password in (None, "", *passwords):
        for encoded in _encodings(password):
            try:
                return pypdfium2.PdfDocument(path, password=encoded), False
            except pypdfium2.PdfiumError as error:
                if "password" not in str(error).lower():
                    return None, False
    return None, True


def open_shown(path: Path, passwords: Sequence[str]) -> Any:
    """The file as PDFium's document. Raises PdfiumError, as PDFium says it, if it cannot be."""
    import pypdfium2

    pdf, _ = try_passwords(path, passwords)
    return pypdfium2.PdfDocument(path) if pdf is None else pdf


def _encodings(password: str | None) -> Sequence[str | bytes | None]:
    """Files up to PDF 1.7 hold Latin-1 passwords, newer ones UTF-8, the newest prepared so."""
    if password is None or password.isascii():
        return (password,)
    forms: list[str | bytes] = [password]
    if (prepared := _prepared(password)) != password:
        forms.append(prepared)
    with suppress(UnicodeEncodeError):
        forms.append(password.encode("latin-1"))
    return forms


def _prepared(password: str) -> str:
    """The password by the mapping of SASLprep (RFC 4013), which PDF 2.0 asks for."""
    mapped = (
        " " if stringprep.in_table_c12(sign) else sign
        for sign in password
        if not stringprep.in_table_b1(sign)
    )
    return unicodedata.normalize("NFKC", "".join(mapped))
