"""Writes the files of a model folder; a model's tensors need not be in memory together."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rag.errors import ModelError

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tensor:
    """What stands in the header, and a function that yields the bytes in order."""

    name: str
    dtype: Literal["F32", "BF16", "I8"]
    shape: tuple[int, ...]
    blocks: Callable[[], Iterator[bytes]]

    @property
    def num_bytes(self) -> int:
        size = {"F32": 4, "BF16": 2, "I8": 1}[self.dtype]
        return size * int(np.prod(self.shape, dtype=np.int64))


def write_safetensors(path: Path, tensors: list[Tensor], say: Say, title: str) -> None:
    """Write tensors one block at a time; huggingface.co/docs/safetensors describes the format."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for tensor in tensors:
        start, end = end, end + tensor.num_bytes
        header[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    written, told = 0, 0
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", len(encoded)) + encoded)
        for tensor in tensors:
            written += sum(stream.write(block) for block in tensor.blocks())
            if written * 10 // max(end, 1) > told:
                told = written * 10 // end
                say(f"{title}: converting, {told * 10} %")
    if written != end:
        raise ModelError(f"{title}: {written} bytes were converted, {end} expected; file a bug.")


def write_json(path: Path, value: dict[str, Any] | list[Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
