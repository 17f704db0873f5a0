"""SubRip and WebVTT subtitles: cues joined into paragraphs, each with its time."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.readers.builder import DocumentBuilder, clean, join_lines
from ingest.readers.text import read_plain
from rag.errors import ReadError
from rag.types import Document

PARAGRAPH_SECONDS = 30.0  # a citation then leads to within half a minute
_TIME = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2})[,.](\d{1,3})\s*-->")
_TAG = re.compile(r"</?[^<>]*>|\{\\[^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is said at a time, in seconds from the start."""

    seconds: float
    text: str


def read_subtitles(path: Path) -> Document:
    """Read cues; the heading path of a paragraph is the time of its first cue, `0:01:30`."""
    builder = DocumentBuilder()
    held: list[Cue] = []
    for cue in parse_cues(clean(read_plain(path))):
        if held and cue.seconds - held[0].seconds >= PARAGRAPH_SECONDS:
            _add(builder, held)
            held = []
        if not held or held[-1].text != cue.text:  # rolling captions repeat themselves
            held.append(cue)
    if not held:
        raise ReadError("damaged", f"{path}: no subtitles in it; save it anew as SRT or VTT")
    _add(builder, held)
    return builder.build(path.stem)


def parse_cues(source: str) -> Iterator[Cue]:
    """The cues that hold text, in the order of the file."""
    for part in re.split(r"\n\s*\n", source):
        lines = part.strip().split("\n")
        for index, line in enumerate(lines):
            if found := _TIME.search(line):
                text = join_lines(map(_plain, lines[index + 1 :]))
                if text:
                    yield Cue(_seconds(found), text)
                break


def _seconds(found: re.Match[str]) -> float:
    hours, minutes, seconds, fraction = found.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction}")


def _plain(line: str) -> str:
    return html.unescape(_TAG.sub("", _VOICE.sub(r"\1: ", line)))


def _add(builder: DocumentBuilder, cues: list[Cue]) -> None:
    whole = int(cues[0].seconds)
    time = f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
    builder.add_record(time, "\n".join(cue.text for cue in cues))
