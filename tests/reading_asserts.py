"""Shared by the tests of the readers: what holds for every document."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.readers import read_document
from ingest.readers.options import ReadOptions
from rag.errors import ReadError
from rag.types import Block, Document

CHINESE = "本制度适用于全体员工，出差人员应当在返回后十个工作日内报销。"


def block_text(document: Document, block: Block) -> str:
    return document.text[block.start : block.end]


def blocks_of(document: Document, kind: str) -> list[str]:
    return [block_text(document, block) for block in document.blocks if block.kind == kind]


def block_with(document: Document, text: str) -> Block:
    [block] = [block for block in document.blocks if text in block_text(document, block)]
    return block


def assert_sound(document: Document) -> None:
    """Blocks are in order, do not overlap, and leave out nothing but white space."""
    position = 0
    for block in document.blocks:
        assert position <= block.start < block.end
        assert not document.text[position : block.start].strip()
        assert block_text(document, block).strip()
        position = block.end
    assert not document.text[position:].strip()
    document.text.encode()  # no lone surrogates


def read(path: Path, *passwords: str) -> Document:
    document = read_document(path, options=ReadOptions(passwords=passwords))
    assert_sound(document)
    return document


def read_bytes(path: Path, data: bytes | str) -> Document:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read(path)


def failure(path: Path, *passwords: str) -> str:
    """The reason; the message names the file and, after a semicolon, a cure."""
    with pytest.raises(ReadError) as caught:
        read_document(path, options=ReadOptions(passwords=passwords))
    message = str(caught.value)
    assert path.name in message and ";" in message
    return caught.value.reason
