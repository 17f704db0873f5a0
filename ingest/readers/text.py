"""Plain text, and the decoding that every text format shares."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from ingest.readers.builder import DocumentBuilder, clean
from rag.errors import ReadError
from rag.types import Document

# UTF-32 first: its little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Without bounds charset-normalizer takes German for a code page of DOS.
_GUESSED = [
    *("cp1252", "cp1251", "cp1250", "cp1253", "koi8_r"),
    *("big5", "shift_jis", "euc_jp", "euc_kr", "gb18030"),
]
_COMMON_SHARE = 0.8  # of non-ASCII characters that must be everyday Chinese to call it GB 18030


def decode(data: bytes) -> str:
    """Decode by byte-order mark, as UTF-8, as GB 18030, or as charset-normalizer guesses."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    # charset-normalizer often takes short Chinese texts for Korean or Big5.
    chinese = _decode_gb18030(data)
    return chinese if chinese is not None else _guess(data)


def read_plain(path: Path) -> str:
    """Read and decode a text file. Raises ReadError if it is binary."""
    text = decode(path.read_bytes())
    if "\x00" in text:
        message = f"{path}: holds binary data, not text; give it its true suffix or remove it"
        raise ReadError("damaged", message)
    return text


def read_text(path: Path) -> Document:
    """Read plain text; blank lines part the paragraphs."""
    builder = DocumentBuilder()
    for paragraph in re.split(r"\n[^\S\n]*(?:\n[^\S\n]*)+", clean(read_plain(path))):
        builder.add_paragraph(paragraph)
    return builder.build(path.stem)


def _decode_gb18030(data: bytes) -> str | None:
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    foreign = [character for character in text if character > "\x7f"]
    common = sum(map(_is_everyday_chinese, foreign))
    return text if common >= _COMMON_SHARE * len(foreign) else None


def _is_everyday_chinese(character: str) -> bool:
    """Whether GB 2312 has it among punctuation (rows 1-3) or first-level characters (16-55)."""
    try:
        lead = character.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return 0xA1 <= lead <= 0xA3 or 0xB0 <= lead <= 0xD7


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=_GUESSED).best()
    return str(best) if best is not None else data.decode("cp1252", errors="replace")
