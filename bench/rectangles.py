"""Measures how often a quote's rectangles on its PDF page hold the quote, read back from there.

python -m bench.rectangles               # the reports and the hard files
python -m bench.rectangles --chunks 20   # at most so many of each file

A chunk counts as held if each of its sampled sentences is read back letter by letter.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.chunker import chunk_document
from ingest.readers import read_document
from ingest.readers.options import ReadOptions
from rag.errors import ReadError
from rag.pdf_pages import Rectangle, read_page
from rag.pdf_quotes import letters
from rag.sentences import split_sentences
from rag.viewer_span import WHOLE, last_page

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "bench" / "results"
SENTENCES = 3  # sampled of each chunk
LIGATURE = 4  # letters that one sign may stand for: they share a place
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s]")


def main() -> None:
    """Read the PDFs, look up sentences of their chunks, write the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunks", type=int, default=40, help="of a file, sampled")
    parser.add_argument("--only", default="", help="part of the path")
    options = parser.parse_args()
    paths = [p for name in ("tenq-pdf", "torture") for p in sorted((DATA / name).rglob("*.pdf"))]
    rows = []
    for path in (path for path in paths if options.only in str(path)):
        row = measure(path, options.chunks)
        if row["chunks"]:
            rows.append(row)
            print(row["held"], "of", row["chunks"], path.name, row["missed"][:1], flush=True)
    chunks, held = (sum(row[name] for row in rows) for name in ("chunks", "held"))
    sentences, equal = (sum(row[name] for row in rows) for name in ("sentences", "equal"))
    result = {
        "command": " ".join(["python -m bench.rectangles", *sys.argv[1:]]),
        "files": len(rows),
        "chunks": chunks,
        "chunks_held": round(held / chunks, 4),
        "sentences": sentences,
        "sentences_held": round(equal / sentences, 4),
        "sentences_covered": round(sum(row["covered"] for row in rows) / sentences, 4),
        "missed": {row["file"]: row["missed"] for row in rows if row["missed"]},
    }
    print(json.dumps({name: value for name, value in result.items() if name != "missed"}))
    path = RESULTS / "rectangles.json"
    path.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")


def measure(path: Path, most_chunks: int) -> dict[str, Any]:
    """How many sampled chunks of the file are held; files that give no text have none."""
    row: dict[str, Any] = {"file": path.name, "chunks": 0, "held": 0, "sentences": 0, "equal": 0}
    row["covered"] = 0  # sentences whose every letter is found, others in their rectangles or not
    row["missed"] = []
    try:
        document = read_document(path, options=ReadOptions(ocr=False))
    except ReadError:
        return row
    chance = random.Random(path.name)
    chunks = chunk_document(document, token_starts)
    paged = [chunk for chunk in chunks if chunk.page]
    for chunk in chance.sample(paged, min(most_chunks, len(paged))):
        spans = [span for span in split_sentences(chunk.text) if letters(chunk.text[slice(*span)])]
        spans = [(chunk.start + a, chunk.start + b) for a, b in spans]
        sample = chance.sample(spans, min(SENTENCES, len(spans)))
        pages = [range(chunk.page or 1, last_page(chunk, chunks, end) + 1) for _, end in sample]
        looked = [look_up(path, document.text, *where) for where in zip(sample, pages, strict=True)]
        found = [is_held for is_held, _ in looked]
        missed = [span for span, held in zip(sample, found, strict=True) if not held]
        row["missed"] += [document.text[slice(*span)] for span in missed]
        row["chunks"] += 1
        row["held"] += all(found)
        row["sentences"] += len(found)
        row["equal"] += sum(found)
        row["covered"] += sum(share > 0.99 for _, share in looked)
    return row


def token_starts(text: str) -> npt.NDArray[np.int64]:
    """Stands in for an encoder's tokenizer: words, Chinese characters, signs."""
    return np.array([match.start() for match in _TOKEN.finditer(text)], dtype=np.int64)


def look_up(path: Path, text: str, span: tuple[int, int], pages: range) -> tuple[bool, float]:
    """Whether the rectangles, of one page or of following ones, hold just the span's letters.

    Second is the share of its letters that was found at all. As in the viewer, no page is looked
    at after one that has the whole of it.
    """
    start, end = span
    wanted = letters(text[start:end])
    joined, share = "", 0.0
    for page in pages:
        try:
            found = read_page(path, page, text[:start], text[start:end], text[end : end + 400])
        except IndexError:
            break
        there = read_back(path, page, found.rectangles)
        once = read_back(path, page, found.rectangles, once=True)
        joined += there
        share += found.share
        if wanted in (there, once, joined):
            return True, 1.0
        if found.share > WHOLE:
            break
    return False, min(share, 1.0)


def read_back(path: Path, page: int, rectangles: Sequence[Rectangle], *, once: bool = False) -> str:
    """The letters whose ink's middle stands in the rectangles, each by the file's order.

    A letter in two rectangles is read in the first. `once` leaves out a letter that is drawn
    over itself, as some programs do to make it bold.
    """
    left = [sign for sign in signs_of(path, page) if not (once and sign[3])]
    text = ""
    for x, y, width, height in rectangles:
        inside = [x <= sign[1] <= x + width and y <= sign[2] <= y + height for sign in left]
        text += "".join(sign[0] for sign, is_in in zip(left, inside, strict=True) if is_in)
        left = [sign for sign, is_in in zip(left, inside, strict=True) if not is_in]
    return text


@lru_cache(maxsize=16)
def signs_of(path: Path, page: int) -> list[tuple[str, float, float, bool]]:
    """Each letter with its ink's middle in points from the shown page's top left.

    Last is whether the same letter was drawn at the same place before.
    """
    import pypdfium2

    from rag.pdf_boxes import CharacterBoxes
    from rag.pdf_pages import PDFIUM_LOCK, on_picture
    from rag.pdf_text import page_text

    with PDFIUM_LOCK, pypdfium2.PdfDocument(path) as pdf:
        sheet = pdf[page - 1]
        textpage = sheet.get_textpage()
        boxes = CharacterBoxes(textpage)
        signs, seen = [], dict[tuple[str, int, int], int]()
        for index, sign in enumerate(page_text(textpage)):
            if kept := letters(sign):
                left, top, width, height = on_picture(sheet, boxes.ink(index))
                across, down = left + width / 2, top + height / 2
                first = seen.setdefault((kept, round(4 * across), round(4 * down)), index)
                signs.append((kept, across, down, index - first > LIGATURE))
        textpage.close()
        sheet.close()
    return signs


if __name__ == "__main__":
    main()
