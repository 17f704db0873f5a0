"""OpenDocument files under a password, as ODF 1.2 (part 3, 3.4 and 4.8) has them encrypted.

That is AES-256 in CBC mode, as OpenOffice and LibreOffice wrote from 2011 to 2024. The older
Blowfish and the newer encryption of the whole package are not read.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
import zlib
from pathlib import Path
from typing import Any

from ingest.readers.xml_tree import MAX_TREE_BYTES, parse_xml
from rag.errors import ReadError

KINDS = frozenset({"odt", "ods", "odp"})
NEEDED = ("content.xml", "styles.xml", "meta.xml")  # what is read of such a file
MANIFEST = "META-INF/manifest.xml"
_M = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
_CIPHER = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"


def is_locked_open_document(path: Path) -> bool:
    """Whether a password stands before an OpenDocument file; False for what is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return b"encryption-data" in archive.read(MANIFEST)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return False


def decrypt_open_document(path: Path, copy: Path, password: str) -> bool:
    """Write the needed parts in plain to `copy`; False if the password does not open them.

    Raises ReadError `password` where the encryption is of another kind.
    """
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as plain:
        plain.writestr("mimetype", archive.read("mimetype"))
        names = set(archive.namelist())
        entries = {
            entry.get(f"{_M}full-path"): entry
            for entry in parse_xml(archive.read(MANIFEST)).iter(f"{_M}file-entry")
        }
        if "content.xml" not in entries:
            raise _another_kind(path)
        for name in (name for name in NEEDED if name in names and name in entries):
            data: bytes | None = archive.read(name)
            secret = entries[name].find(f"{_M}encryption-data")
            if secret is not None:
                size = int(entries[name].get(f"{_M}size", "-1"))
                data = _plain(archive.read(name), secret, size, password, path)
            if data is None:
                return False
            plain.writestr(name, data)
    return True


def _plain(data: bytes, secret: Any, size: int, password: str, path: Path) -> bytes | None:
    """A part of so many bytes; None if the password is wrong, which its packing tells."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    algorithm = secret.find(f"{_M}algorithm")
    if algorithm is None or algorithm.get(f"{_M}algorithm-name") != _CIPHER:
        raise _another_kind(path)
    vector = base64.b64decode(algorithm.get(f"{_M}initialisation-vector", ""))
    decryptor = Cipher(algorithms.AES(_key(secret, password, path)), modes.CBC(vector)).decryptor()
    packed = decryptor.update(data) + decryptor.finalize()
    try:
        text = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, MAX_TREE_BYTES + 1)
    except zlib.error:
        return None
    return text if len(text) in (size, MAX_TREE_BYTES + 1) else None


def _key(secret: Any, password: str, path: Path) -> bytes:
    derivation = secret.find(f"{_M}key-derivation")
    if derivation is None or not derivation.get(f"{_M}key-derivation-name", "").endswith("PBKDF2"):
        raise _another_kind(path)
    start = secret.find(f"{_M}start-key-generation")
    name = "" if start is None else start.get(f"{_M}start-key-generation-name", "")
    digest = hashlib.sha256 if name.endswith("sha256") else hashlib.sha1
    return hashlib.pbkdf2_hmac(
        "sha1",
        digest(password.encode()).digest(),
        base64.b64decode(derivation.get(f"{_M}salt", "")),
        int(derivation.get(f"{_M}iteration-count", "1024")),
        int(derivation.get(f"{_M}key-size", "16")),
    )


def _another_kind(path: Path) -> ReadError:
    message = f"{path}: under a password of a kind that is not opened; remove it in its program"
    return ReadError("password", message)
