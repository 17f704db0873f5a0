"""Which encoding bytes are in: marks first, then UTF-8, then what reads most like a language.

Every candidate decodes a sample, and the text is scored by its non-ASCII characters: everyday
ones of the encoding's languages count for it, rare ones, stray symbols and broken bytes against.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

from ingest.readers.scripts import LANGUAGES, score_letters, score_wide

SAMPLE_BYTES = 65_536
SCORED_BYTES = 4_096  # of lines that are not ASCII: more takes time and settles nothing
DECLARED_BONUS = 0.3  # for the encoding that a file names itself; some name a wrong one
DECLARED_WIDE_BONUS = 1.0  # of several bytes a character: those decode by chance much less often
MAX_PLAIN_SHARE = 0.85  # of ASCII bytes in UTF-16 without zeros: Chinese has about 0.6
REPLACED = "\ufffd"
# UTF-32 first: its little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPED = ((b"\x1b$", "iso2022_jp_2"), (b"\x1b$)C", "iso2022_kr"), (b"~{", "hz"))
_WIDE = ("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949")
_LINES = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")
_GROWN = {  # what is called so is often in its later, larger form
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
}


def decode(data: bytes, declared: str = "") -> str:
    """Decode text of any known encoding; broken bytes become U+FFFD. A mark is left out."""
    encoding = detect(data, declared)
    return data.decode(encoding, errors="replace").removeprefix("\ufeff")


def detect(data: bytes, declared: str = "") -> str:
    """The name of the encoding for Python; `declared` is what the file itself says, if known."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    if b"\x00" in data[:SAMPLE_BYTES]:
        return _with_zeros(data)
    if escaped := _escaped(data):
        return escaped
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    if _is_ebcdic(data):
        return "cp500"
    return _best(data, _codec(declared))


def _with_zeros(data: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, by where its zero bytes stand; "utf-8" for neither."""
    sample = data[:SAMPLE_BYTES]
    quarter = len(sample) // 4 or 1
    zeros = [sample[offset::4].count(0) / quarter for offset in range(4)]
    if len(data) % 4 == 0 and min(zeros[2:]) > 0.9 and zeros[0] < 0.5:
        return "utf-32-le"
    if len(data) % 4 == 0 and min(zeros[:2]) > 0.9 and zeros[3] < 0.5:
        return "utf-32-be"
    scored = [(_score_wide(data, name), name) for name in ("utf-16-le", "utf-16-be")]
    score, name = max(scored)
    return name if score > 0 else "utf-8"


def _escaped(data: bytes) -> str:
    """Seven-bit encodings of Chinese, Japanese and Korean, told by their escapes."""
    for escape, encoding in _ESCAPED:
        if escape in data[:SAMPLE_BYTES] and data.isascii():
            try:
                data.decode(encoding)
                return encoding
            except UnicodeDecodeError:
                continue
    return ""


def _is_ebcdic(data: bytes) -> bool:
    """Whether spaces and letters stand where EBCDIC has them; no other encoding lacks 0x20."""
    sample = data[:SAMPLE_BYTES]
    letters = sum(0x81 <= byte <= 0xA9 for byte in sample)
    spaces, others = sample.count(0x40), sample.count(0x20)
    is_spaced = spaces > 0.05 * len(sample) and others < 0.01 * len(sample)
    return is_spaced and letters > 0.1 * len(sample) and letters + spaces > 0.5 * len(sample)


def _codec(declared: str) -> str:
    try:
        name = codecs.lookup(declared).name if declared else ""
    except LookupError:
        return ""
    return _GROWN.get(name, name)


def _best(data: bytes, declared: str) -> str:
    sample = b""
    for line in _LINES.finditer(data):
        sample += line[0][: 4 * SCORED_BYTES]
        if len(sample) >= SCORED_BYTES:
            break
    scored = dict(_scores(data, sample))
    if declared and declared not in scored and not declared.startswith("utf"):
        scored[declared] = 0.0
    if declared in scored and _decodes(data, declared):
        scored[declared] += DECLARED_WIDE_BONUS if declared in _WIDE else DECLARED_BONUS
    return max(scored, key=lambda name: scored[name])


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _scores(data: bytes, sample: bytes) -> Iterator[tuple[str, float]]:
    """(encoding, score) of every candidate; of equals the first is meant."""
    yield "utf-8", _score_utf8(sample)
    for encoding in _WIDE:
        yield encoding, score_wide(_decode_sample(sample, encoding), encoding)
    if len(data) % 2 == 0 and not _is_mostly_ascii(data[:SCORED_BYTES]):
        for encoding in ("utf-16-le", "utf-16-be"):
            yield encoding, _score_wide(data, encoding)
    for encoding in LANGUAGES:
        yield encoding, score_letters(_decode_sample(sample, encoding), encoding)


def _is_mostly_ascii(sample: bytes) -> bool:
    """Whether these are words and spaces of ASCII, which as UTF-16 would be odd Chinese."""
    plain = sum(byte < 0x80 for byte in sample)
    return b" " in sample and plain > MAX_PLAIN_SHARE * len(sample)


def _decode_sample(sample: bytes, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    return decoder.decode(sample, final=False)


def _score_utf8(sample: bytes) -> float:
    """UTF-8 with some broken bytes: nothing else decodes to so many whole characters."""
    foreign = [sign for sign in _decode_sample(sample, "utf-8") if sign > "\x7f"]
    broken = foreign.count(REPLACED)
    return 1.0 - 5.0 * broken / len(foreign) if foreign else 0.0


def _score_wide(data: bytes, encoding: str) -> float:
    """How much like text in any language the bytes are as UTF-16."""
    text = _decode_sample(data[:SCORED_BYTES], encoding)
    if not text:
        return 0.0
    plain = sum("\x20" <= sign < "\x7f" or sign in "\t\r\n" for sign in text)
    controls = sum(sign < "\x09" for sign in text)
    foreign = [sign for sign in text if sign > "\x7f"]
    wide = score_wide("".join(foreign), encoding) if foreign else 0.0
    return (plain + wide * len(foreign) - 5 * controls) / len(text)
