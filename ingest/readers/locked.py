"""Files of offices under a password: opened with the passwords that were set, or reported."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.readers.opendocument_locked import (
    KINDS,
    decrypt_open_document,
    is_locked_open_document,
)
from ingest.readers.options import ReadOptions
from ingest.readers.sniff import sniff
from rag.errors import ReadError

_OLD_CURE = "the format is old and not read; save it in the new one, without a password"
_CURE = "set its password under `passwords`, or remove it in the program that made the file"


@contextmanager
def unlocked(path: Path, kind: str, options: ReadOptions) -> Iterator[tuple[Path, str]]:
    """The file and its format; of an encrypted one a plain copy, for as long as needed.

    Raises ReadError `password` where none of `options.passwords` opens it.
    """
    if kind in ("doc", "xls", "ppt") and _is_encrypted(path):
        raise ReadError("password", f"{path}: protected by a password; {_OLD_CURE}")
    is_open_document = kind in KINDS and is_locked_open_document(path)
    if kind != "locked" and not is_open_document:
        yield path, kind
        return
    decrypt = decrypt_open_document if is_open_document else _decrypt
    with tempfile.TemporaryDirectory(prefix="footnote-") as folder:
        copy = Path(folder) / path.name
        if not any(decrypt(path, copy, password) for password in options.passwords):
            tried = "none of the passwords opens it" if options.passwords else "it has a password"
            raise ReadError("password", f"{path}: {tried}; {_CURE}")
        yield copy, sniff(copy, kind if is_open_document else "docx")


def _is_encrypted(path: Path) -> bool:
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # of old ciphers, which old files have
        import msoffcrypto

        try:
            return bool(msoffcrypto.OfficeFile(file).is_encrypted())
        except Exception:  # an unusual old file: its format is reported instead
            return False


def _decrypt(path: Path, copy: Path, password: str) -> bool:
    with warnings.catch_warnings(), path.open("rb") as file, copy.open("wb") as plain:
        warnings.simplefilter("ignore")
        import msoffcrypto

        try:
            office = msoffcrypto.OfficeFile(file)
            office.load_key(password=password, verify_password=True)
            office.decrypt(plain)
        except Exception as error:
            if "password" in str(error).lower() or "key" in str(error).lower():
                return False
            raise
    return True
