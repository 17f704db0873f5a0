"""Text in a picture, by the PP-OCR models that the package `rapidocr` carries, run by ONNX Runtime.

Only the package's model files are read; its code, which can download others, is never imported.
The steps are those of PP-OCR (Du et al. 2020): a network marks pixels of text lines ("Real-time
Scene Text Detection with Differentiable Binarization", Liao et al. 2020), another reads each line
as a sequence of characters and blanks (CTC).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

THREADS = 2  # reading processes run beside each other
_DETECTOR, _RECOGNIZER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
_SIDES = (736, 1984)  # pixels of a picture's shorter side at least, and of its longer at most
_MARKED, _LEAST_MARK = 0.3, 0.5  # of a pixel, and of a line on average
_GROWTH = 1.6  # the network marks the core of a line: the box grows by area * this / perimeter
_LINE_HEIGHT = 48  # pixels that the second network reads
_BATCH = 6
_LEAST_SURE = 0.5  # mean probability of a line's characters


@dataclass(frozen=True, slots=True)
class OcrLine:
    """A line of text; edges in pixels of the picture, y grows downwards; `sure` is 0 to 1."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    sure: float


def is_installed() -> bool:
    """Whether the extra `ocr` is there."""
    return find_spec("onnxruntime") is not None and _folder() is not None


def _folder() -> Path | None:
    spec = find_spec("rapidocr")  # finds a package without running it
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "models"
        if all((folder / name).is_file() for name in (_DETECTOR, _RECOGNIZER)):
            return folder
    return None


@lru_cache(maxsize=2)
def _session(name: str) -> Any:
    import onnxruntime

    folder = _folder()
    assert folder is not None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(str(folder / name), options, providers=providers)


def read_picture(picture: Any) -> list[OcrLine]:
    """The lines of a PIL picture, top down; a page that lies on its side is turned first."""
    picture = picture.convert("RGB")
    boxes = _boxes(picture)
    if not _lies(boxes):
        return _sure(_recognized(picture, boxes))
    turned = [picture.transpose(way) for way in (2, 4)]  # 90 and 270 degrees, counter-clockwise
    readings = [_sure(_recognized(one, _boxes(one))) for one in turned]
    return max(readings, key=lambda lines: sum(line.sure * len(line.text) for line in lines))


def _lies(boxes: Sequence[tuple[int, int, int, int]]) -> bool:
    tall = sum(bottom - top > 1.5 * (right - left) for left, top, right, bottom in boxes)
    return tall * 2 > len(boxes)


def _sure(lines: Sequence[OcrLine]) -> list[OcrLine]:
    return [line for line in lines if line.sure >= _LEAST_SURE and line.text.strip()]


def _boxes(picture: Any) -> list[tuple[int, int, int, int]]:
    """Where lines of text stand: left, top, right, bottom in pixels, top down."""
    width, height = picture.size
    scale = max(1.0, _SIDES[0] / min(width, height))
    scale = min(scale, _SIDES[1] / max(width, height))
    across, down = (max(32, round(side * scale / 32) * 32) for side in (width, height))
    pixels = np.asarray(picture.resize((across, down)), np.float32)
    batch = ((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None]
    marks: Floats = _session(_DETECTOR).run(None, {"x": batch})[0][0, 0]
    x, y = width / across, height / down
    found = [
        (int(left * x), int(top * y), int(np.ceil(right * x)), int(np.ceil(bottom * y)))
        for left, top, right, bottom in _marked(marks)
    ]
    return sorted(found, key=lambda box: (box[1] + box[3]) / 2)


def _marked(marks: Floats) -> Iterator[tuple[float, float, float, float]]:
    from scipy import ndimage

    labels, _ = ndimage.label(marks > _MARKED, structure=np.ones((3, 3)))
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[rows, columns] == number
        if float(marks[rows, columns][inside].mean()) < _LEAST_MARK:
            continue
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if min(height, width) < 3:
            continue
        grow = height * width * _GROWTH / (2 * (height + width))
        yield (
            max(0.0, columns.start - grow),
            max(0.0, rows.start - grow),
            min(marks.shape[1], columns.stop + grow),
            min(marks.shape[0], rows.stop + grow),
        )


def _recognized(picture: Any, boxes: Sequence[tuple[int, int, int, int]]) -> list[OcrLine]:
    """The boxes' texts, read in batches of like widths; in the boxes' order."""
    crops = [picture.crop(box) for box in boxes]
    widths = [max(16, round(crop.width * _LINE_HEIGHT / max(crop.height, 1))) for crop in crops]
    order = sorted(range(len(boxes)), key=widths.__getitem__)
    read: dict[int, tuple[str, float]] = {}
    for first in range(0, len(order), _BATCH):
        batch = order[first : first + _BATCH]
        widest = max(widths[index] for index in batch)
        pixels = np.zeros((len(batch), 3, _LINE_HEIGHT, widest), np.float32)
        for row, index in enumerate(batch):
            line = np.asarray(crops[index].resize((widths[index], _LINE_HEIGHT)), np.float32)
            pixels[row, :, :, : widths[index]] = ((line / 255 - 0.5) / 0.5).transpose(2, 0, 1)
        chances: Floats = _session(_RECOGNIZER).run(None, {"x": pixels})[0]
        read |= dict(zip(batch, map(_decoded, chances), strict=True))
    return [OcrLine(read[i][0], *box, read[i][1]) for i, box in enumerate(boxes)]


@lru_cache(maxsize=1)
def _characters() -> list[str]:
    """What the second network's classes stand for; the first is the blank between two."""
    known = _session(_RECOGNIZER).get_modelmeta().custom_metadata_map["character"]
    return ["", *known.splitlines(), " "]


def _decoded(chances: Floats) -> tuple[str, float]:
    """The likeliest text of `(steps, classes)` probabilities, and how sure its characters are."""
    best = chances.argmax(axis=1)
    keep = best != 0
    keep[1:] &= best[1:] != best[:-1]
    if not keep.any():
        return "", 0.0
    names = _characters()
    return "".join(names[i] for i in best[keep]), float(chances.max(axis=1)[keep].mean())
