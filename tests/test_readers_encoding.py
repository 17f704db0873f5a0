"""Encodings: real sentences of many languages come back from their bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_asserts import CHINESE

from bench.encodings import SENTENCES, cases, is_right
from ingest.readers.encoding import decode, detect


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_come_back(language: str) -> None:
    wrong = [case for case in cases(1000) if case[0] == language and not is_right(*case[1:])]
    assert wrong == []


@pytest.mark.parametrize("length", [10, 20, 40])
def test_short_texts_come_back(length: int) -> None:
    """Ten characters may leave a language open: `Proszê` is as good as `Proszę`."""
    wrong = [case for case in cases(length) if not is_right(*case[1:])]
    assert len(wrong) <= (2 if length == 10 else 0), wrong


@given(st.text(max_size=80))
def test_utf8_is_never_taken_for_anything_else(text: str) -> None:
    plain = text.replace("\x00", "").replace("\x1b", "").replace("~{", "").removeprefix("\ufeff")
    assert decode(plain.encode()) == plain


@given(st.binary(max_size=200))
def test_any_bytes_decode_to_something(data: bytes) -> None:
    assert isinstance(decode(data), str)
    assert isinstance(decode(data, "gbk"), str)


def test_one_broken_byte_harms_one_place() -> None:
    for encoding in ("utf-8", "gb18030", "big5"):
        text = CHINESE.replace("适", "").replace("员", "") if encoding == "big5" else CHINESE
        text = "".join(s for s in text if s.encode(encoding, "ignore"))
        data = (text * 20).encode(encoding)
        broken = decode(data[:300] + b"\xff" + data[300:])
        assert broken.count(text) >= 17 and "\ufffd" in broken


def test_what_a_file_says_of_itself_decides_only_where_it_can() -> None:
    assert detect("朱镕基 café".encode("gb18030"), "gb2312") == "gb18030"
    assert decode(CHINESE.encode("gb18030"), "iso-8859-1") == CHINESE
    assert decode("Größe".encode("cp1252"), "no such encoding") == "Größe"


def test_real_declarations_of_human_rights() -> None:
    """Held out: article 1 in the languages that GB 18030, Big5 and others were made for."""
    root = Path(__file__).resolve().parent.parent
    path = root.parent / "shared/data/torture/files/text_encoding"
    path /= "unstructured__UDHR_first_article_all.txt"
    if not path.exists():
        pytest.skip("no collection of hard files")
    parts = path.read_text("utf-8").split("\n\n")
    articles = dict(part.strip().split("\n", 1) for part in parts if "\n" in part.strip())
    wanted = {
        "Chinese, Mandarin (Simplified)": ["gb18030", "utf-16-le"],
        "Japanese": ["shift_jis", "euc_jp"],
        "Korean": ["euc_kr"],
        "Russian": ["cp1251", "koi8_r", "cp866"],
        "French": ["cp1252"],
        "Spanish": ["cp1252"],
        "Polish": ["cp1250"],
        "Czech": ["cp1250"],
        "Hungarian": ["cp1250"],
        "Turkish": ["cp1254"],
        "Hebrew": ["cp1255"],
        "Thai": ["cp874"],
    }
    tried = 0
    for language, encodings in wanted.items():
        for encoding in encodings:
            text = articles.get(language, "")
            if text and text.encode(encoding, "ignore").decode(encoding) == text:
                tried += 1
                assert decode(text.encode(encoding)) == text, (language, encoding)
    assert tried >= 8
