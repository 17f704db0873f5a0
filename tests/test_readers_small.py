"""RTF, notebooks, subtitles and source code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_asserts import block_text, block_with, blocks_of, failure, read_bytes

from ingest.readers.source import split_definitions
from ingest.readers.subtitles import parse_cues


def test_rtf(tmp_path: Path) -> None:
    source = (
        rb"{\rtf1\ansi\ansicpg936{\info{\title Rules}}First \'c4\'e3\'ba\'c3 \u8364?\par "
        rb"\trowd\cellx1\cellx2 A\cell B\cell\row\trowd\cellx1\cellx2 1\cell 2\cell\row Last\par}"
    )
    document = read_bytes(tmp_path / "a.rtf", source)
    assert document.title == "Rules"
    assert blocks_of(document, "paragraph") == ["First 你好 €", "Last"]
    assert blocks_of(document, "table") == ["| A | B |\n| 1 | 2 |"]


def test_rtf_with_bytes_that_should_be_escaped(tmp_path: Path) -> None:
    source = b"{\\rtf1\\ansi\\ansicpg936 " + "你好".encode("gb18030") + b"\\par}"
    assert read_bytes(tmp_path / "a.rtf", source).text == "你好"
    (tmp_path / "b.rtf").write_bytes(b"no such thing")
    assert failure(tmp_path / "b.rtf") == "damaged"


def test_notebook(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Study\n", "\n", "We measure."]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["1\n", "2\n"]},
                {"output_type": "execute_result", "data": {"text/plain": "3", "image/png": "AAA"}},
                {"output_type": "error", "ename": "E", "evalue": "bad", "traceback": ["noise"]},
            ],
        },
        {"cell_type": "raw", "source": "raw words"},
    ]
    document = read_bytes(tmp_path / "n.ipynb", json.dumps({"nbformat": 4, "cells": cells}))
    assert document.title == "Study"
    assert blocks_of(document, "code") == ["print(1)", "1\n2\n3\nE: bad"]
    assert block_with(document, "raw words").headings == ("Study",)
    assert "AAA" not in document.text and "noise" not in document.text
    (tmp_path / "l.ipynb").write_text("[]")
    assert failure(tmp_path / "l.ipynb") == "damaged"


SRT = """1
00:00:01,500 --> 00:00:03,000
<i>Good</i>
morning

2
00:00:04,000 --> 00:00:05,000
all &amp; sundry

3
00:01:10,000 --> 00:01:12,000
你好，
世界
"""


def test_subtitles(tmp_path: Path) -> None:
    document = read_bytes(tmp_path / "a.srt", SRT)
    found = {block.headings: block_text(document, block) for block in document.blocks}
    assert found == {("0:00:01",): "Good morning\nall & sundry", ("0:01:10",): "你好，世界"}
    (tmp_path / "b.srt").write_text("no cues")
    assert failure(tmp_path / "b.srt") == "damaged"


def test_webvtt() -> None:
    source = "WEBVTT\n\nNOTE x\n\nid\n01:02.250 --> 01:04.000 align:start\n<v Ann>Hi <c.red>you</c>"
    [cue] = parse_cues(source)
    assert (cue.seconds, cue.text) == (62.25, "Ann: Hi you")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("f", "def f(x):"),
        ("f", "async def f(x):"),
        ("Pump", "class Pump(Base):"),
        ("run", "export default async function run() {"),
        ("handler", "export const handler = async (event) => {"),
        ("Read", "func (r *Reader) Read(p []byte) (int, error) {"),
        ("parse", "pub(crate) fn parse<T>(input: &str) -> T {"),
        ("Main", "public final class Main {"),
        ("main", "int main(int argc, char **argv) {"),
        ("deploy", "deploy() {"),
        ("orders", "CREATE TABLE IF NOT EXISTS orders ("),
        ("tool.ruff", "[tool.ruff]"),
        ("", "    def inner(self):"),
        ("", "return f(x)"),
        ("", "x = call(1)"),
        ("", "import os"),
    ],
)
def test_definitions(name: str, line: str) -> None:
    assert [title for title, _ in split_definitions(line + "\n")][-1] == name


def test_code_is_parted_at_definitions_with_what_stands_above(tmp_path: Path) -> None:
    source = (
        "import os\n\n# says hello\n@dec\ndef f():\n    pass\n\nclass A:\n    def g(self): ...\n"
    )
    document = read_bytes(tmp_path / "m.py", source)
    assert [(block.headings, block_text(document, block)) for block in document.blocks] == [
        ((), "import os"),
        (("f",), "# says hello\n@dec\ndef f():\n    pass"),
        (("A",), "class A:\n    def g(self): ..."),
    ]


@given(
    st.lists(st.sampled_from(["def f():", "  x", "", "# c", "class B:", "@d", "y"]), max_size=20)
)
def test_parts_of_code_are_the_code(lines: list[str]) -> None:
    source = "\n".join(lines)
    assert "".join(text for _, text in split_definitions(source)) == source


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.rst", "====\nTop\n====\n\nintro\n\nFirst\n-----\n\none\n\nSecond\n------\n\ntwo"),
        ("a.adoc", "= Top\n\nintro\n\n== First\n\none\n\n== Second\n\ntwo"),
        ("a.org", "* Top\nintro\n** First\none\n** Second\ntwo"),
        ("a.tex", "\\title{Top}\nintro\n\\section{First}\none\n\\section*{Second}\ntwo"),
    ],
)
def test_markup_keeps_its_headings(tmp_path: Path, name: str, source: str) -> None:
    document = read_bytes(tmp_path / name, source)
    assert document.title == "Top"
    assert [(block.headings, block_text(document, block)) for block in document.blocks] == [
        ((), "Top"),
        (("Top",), "intro"),
        (("Top",), "First"),
        (("Top", "First"), "one"),
        (("Top",), "Second"),
        (("Top", "Second"), "two"),
    ]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["Title", "=====", "-----", "---", "", "text here", "a"]), max_size=12)
)
def test_markup_loses_no_words(lines: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.rst"
        path.write_text("\n".join(["Words", *lines]))
        words = read_bytes(path, path.read_bytes()).text
    for word in ("Title", "text here"):
        assert words.count(word) == "\n".join(lines).count(word)
