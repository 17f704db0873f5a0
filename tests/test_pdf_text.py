"""The characters of a page: those written from right to left come as they are spoken."""

from __future__ import annotations

from pathlib import Path

import pypdfium2
import pytest

from rag.pdf_text import page_text

ROOT = Path(__file__).resolve().parent.parent
ARABIC = ROOT.parent / "shared" / "data" / "torture" / "files" / "pdf_rtl"


def write(path: Path, shown: str, meanings: dict[str, str]) -> Path:
    """A page that shows ASCII signs from left to right, each of which stands for some letters."""
    pairs = "".join(
        f"<{ord(sign):02x}> <{text.encode('utf-16-be').hex()}>\n" for sign, text in meanings.items()
    )
    cmap = (
        "/CIDInit /ProcSet findresource begin begincmap\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(meanings)} beginbfchar\n{pairs}endbfchar endcmap end"
    )
    content = f"BT /F 20 Tf 100 700 Td ({shown}) Tj ET"
    bodies = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
        "/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
        f"<</Length {len(cmap)}>>stream\n{cmap}\nendstream",
    ]
    data, places = "%PDF-1.7\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(data))
        data += f"{number} 0 obj{body}endobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    count = len(bodies) + 1
    data += (
        f"xref\n0 {count}\n0000000000 65535 f \n{table}"
        f"trailer<</Size {count}/Root 1 0 R>>\nstartxref\n{len(data)}\n%%EOF"
    )
    path.write_bytes(data.encode("ascii"))
    return path


def text_of(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as pdf:
        page = pdf[0]
        textpage = page.get_textpage()
        text = page_text(textpage)
        assert len(text) == textpage.count_chars()
        textpage.close()
        page.close()
    return text


MEEM, SHEEN, KAF, LAM, ALEF, TEH = "\u0645", "\u0634", "\u0643", "\u0644", "\u0627", "\u062a"


def test_a_ligature_keeps_its_letters_in_order(tmp_path: Path) -> None:
    """The word for problems, whose lam and alef are one sign, drawn from its end."""
    meanings = {"t": TEH, "x": LAM + ALEF, "k": KAF, "s": SHEEN, "m": MEEM}
    path = write(tmp_path / "a.pdf", "txksm", meanings)
    assert text_of(path) == MEEM + SHEEN + KAF + LAM + ALEF + TEH


def test_letters_of_their_own_stay_where_they_are(tmp_path: Path) -> None:
    meanings = {"t": TEH, "l": LAM, "a": ALEF}
    assert text_of(write(tmp_path / "a.pdf", "tla", meanings)) == ALEF + LAM + TEH
    assert text_of(write(tmp_path / "b.pdf", "fi", {"f": "f", "i": "i"})) == "fi"
    assert text_of(write(tmp_path / "c.pdf", "xe", {"x": "ffi", "e": "x"})) == "ffix"


@pytest.mark.skipif(not ARABIC.exists(), reason="the hard files are not here")
def test_arabic_words_are_spelled_right() -> None:
    text = text_of(ARABIC / "docling__right_to_left_01.pdf")
    for word in (
        "\u0627\u0644\u0625\u0646\u062a\u0627\u062c\u064a\u0629",
        "\u0627\u0644\u0645\u0634\u0643\u0644\u0627\u062a",
    ):
        assert word in text
    assert "\u0628\u0646\u0627\u0621\u064b" in text.replace("\ufeff", "")
    text = text_of(ARABIC / "pdfjs__ArabicCIDTrueType.pdf")
    assert (
        "\u0627\u0644\u062e\u0637\u0648\u0637" in text
    )  # its ligature has a code point of its own
