"""How a question is to be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rag.generate.stopping import Stopper
from rag.scopes import Scope
from rag.types import Answer
from rag.where import Mode, Where


@dataclass(frozen=True, slots=True)
class AskOptions:
    """What an asker may choose for one question.

    `where` narrows what is searched; `scope` is how much of its document each hit brings along.
    `previous` is the last answer of the conversation, if it is at hand: a follow-up may go on from
    its sources, and "this document" is the one that it cites.

    With `general` the model adds what it knows where the documents do not answer, marked so.

    With a JSON `schema` the answer is JSON that it allows, each value looked up in the sources;
    `general`, and what is said of tasks over whole documents, do not count then.
    `language` is the code of the answer's; "" is the question's, and what the conversation wishes
    for counts before both. `top_k` and `temperature` are as configured where they are None.
    `stopper` stops the model from another thread.
    """

    mode: Mode = "hybrid"
    where: Where = field(default_factory=Where)
    scope: Scope = "auto"
    previous: Answer | None = None
    general: bool = False
    schema: Mapping[str, Any] | None = None
    top_k: int | None = None
    temperature: float | None = None
    language: str = ""
    stopper: Stopper | None = None


USUAL = AskOptions()
