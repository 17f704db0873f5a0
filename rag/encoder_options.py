"""What settings change about an encoder: its prompts, and how long its vectors are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rag.errors import SettingError

OWN, NONE = "auto", "none"  # as the settings have them
DOCUMENT_NAMES = ("document", "passage", "corpus")
INSTRUCTION = "Instruct: Given a web search query, retrieve relevant passages that answer the query"

# Families that are trained with prompts but do not all save them, by the end of the model's name.
KNOWN_PROMPTS: tuple[tuple[str, str, str], ...] = (
    (r"e5-(small|base|large)(-v2|-unsupervised)?", "query: ", "passage: "),
    (r"e5-(large|mistral-7b)-instruct", f"{INSTRUCTION}\nQuery: ", ""),
    (r"qwen3-embedding-[\d.]+b", f"{INSTRUCTION}\nQuery:", ""),
    (
        r"bge-(small|base|large)-en(-v1\.5)?",
        "Represent this sentence for searching relevant passages: ",
        "",
    ),
    (r"bge-(small|base|large)-zh(-v1\.5)?", "为这个句子生成表示以用于检索相关文章：", ""),
)

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prompts:
    """What stands before each question and each document when it is encoded."""

    query: str = ""
    document: str = ""


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """`auto` prompts are the model's own; `none` is none. `dimension` None is the model's own.

    `name` is the model's, by which the prompts of well-known families are known.
    """

    query_prompt: str = OWN
    document_prompt: str = OWN
    dimension: int | None = None
    name: str = ""

    def prompts(self, saved: Mapping[str, str | None]) -> Prompts:
        """The prompts to use with a model that has saved these, by their names."""
        own = own_prompts(saved, self.name)
        return Prompts(
            _chosen(self.query_prompt, own.query), _chosen(self.document_prompt, own.document)
        )

    def fingerprint(self, base: str, saved: Mapping[str, str | None], prompts: Prompts) -> str:
        """The name of the vectors: `base`, the model's, as long as all is as it was saved."""
        as_saved = Prompts(saved.get("query") or "", saved.get("document") or "")
        if self.dimension is None and prompts == as_saved:
            return base
        about = json.dumps([base, prompts.query, prompts.document, self.dimension])
        return hashlib.sha256(about.encode()).hexdigest()[:32]

    def shortened(self, full_dimension: int) -> int:
        """How long vectors become. Raises SettingError if the model's are shorter."""
        if self.dimension is not None and self.dimension > full_dimension:
            raise SettingError(
                f"encoder_dimensions is {self.dimension}, but the encoder's vectors have "
                f"{full_dimension}. Set it to at most that, or to auto."
            )
        return self.dimension or full_dimension


def own_prompts(saved: Mapping[str, str | None], name: str) -> Prompts:
    """The prompts that a model has saved, else those of its family, else none."""
    documents = [text for key in DOCUMENT_NAMES if (text := saved.get(key))]
    prompts = Prompts(saved.get("query") or "", documents[0] if documents else "")
    if prompts != Prompts() or any(saved.values()):
        return prompts
    for pattern, query, document in KNOWN_PROMPTS:
        if re.search(rf"(^|[/-]){pattern}$", name.lower()):
            return Prompts(query, document)
    return Prompts()


def _chosen(setting: str, own: str) -> str:
    return {OWN: own, NONE: ""}.get(setting, setting)


def unit_rows(rows: npt.NDArray[np.floating[Any]], dimension: int | None = None) -> Vectors:
    """The first `dimension` columns (all of them, if None) as rows of length 1.

    Matryoshka embeddings (Kusupati et al. 2022) are shortened so. Also what is not shortened
    needs it: in bfloat16 a model's own rows are off by up to half a percent.
    """
    rows = np.ascontiguousarray(rows[:, :dimension], dtype=np.float32)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
