"""The smallest PDF that shows lines of text in any language, some of them so that nobody sees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_LOOKS = {"": "", "white": "1 1 1 rg ", "invisible": "3 Tr ", "tiny": "/F 0.5 Tf "}
_LINE_POINTS = 24
_LINE_CHARACTERS = 45  # that fit a line in the wide font


def write_pdf(path: Path, lines: Sequence[tuple[str, str]], title: str = "") -> None:
    """Write one page; each line has a look: usual (""), white, invisible or tiny."""
    content = ["BT"]
    height = 760
    for text, look in lines:
        for start in range(0, len(text), _LINE_CHARACTERS):
            shown = text[start : start + _LINE_CHARACTERS].replace("\n", " ")
            letters = shown.encode("utf-16-be").hex()
            usual = "0 0 0 rg 0 Tr /F 12 Tf "
            content.append(f"{usual}{_LOOKS[look]}1 0 0 1 40 {height} Tm <{letters}> Tj")
            height -= _LINE_POINTS
    content.append("ET")
    stream = "\n".join(content)
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        "/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(stream)}>>\nstream\n{stream}\nendstream",
        "<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UTF16-H"
        "/DescendantFonts[6 0 R]>>",
        "<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/DW 1000/W[1[500 94 500]]"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/FontDescriptor 7 0 R>>",
        "<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[0 -200 1000 900]"
        "/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 700/StemV 80>>",
        f"<</Title <feff{title.encode('utf-16-be').hex()}>>>",
    ]
    path.write_bytes(_assemble(objects))


def _assemble(objects: Sequence[str]) -> bytes:
    """The file: header, objects, where each stands, trailer."""
    data = b"%PDF-1.5\n"
    places = []
    for number, text in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    count = len(objects) + 1
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    trailer = f"trailer\n<</Size {count}/Root 1 0 R/Info {len(objects)} 0 R>>\n"
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}{trailer}startxref\n{len(data)}\n%%EOF\n"
    return data + end.encode("latin-1")
