"""What a question with a JSON schema gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

DoubtKind = Literal["missing", "judged", "row", "sign", "statement", "unanswered"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A value that the sources do not bear out, by its JSON pointer (RFC 6901), and why.

    `missing`: it stands in no source. `judged`: a boolean or a choice of the schema, which no text
    spells out. `row`: its row of a table is another one than `detail`'s. `sign`: only its opposite
    stands there. `statement`: it is a sentence that fails the check of statements, at `detail`.
    `unanswered` is of the whole (pointer ""): the sources do not seem to answer the question.
    """

    pointer: str
    kind: DoubtKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Structured:
    """The JSON of an answer: `data` fits the schema, and is None where the answer is a refusal.

    Every value in it either has a citation with its pointer or a doubt, or both; empty ones (null,
    "", [] and {}) state nothing and have neither.
    """

    data: Any
    doubts: tuple[Doubt, ...] = ()
