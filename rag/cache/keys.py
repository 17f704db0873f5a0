"""What makes two questions the same, so that one answer serves both."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rag.ask_options import AskOptions
from rag.lossless import to_json
from rag.types import Answer, Message
from rag.where import Mode, Where

FORMAT = 1  # of what is kept; another one leaves old entries alone


def same_question(question: str) -> str:
    """A question without what makes no difference: blanks around it, and how accents are coded."""
    return unicodedata.normalize("NFC", question).strip()


def ask_key(
    setup: Any, state: str, question: str, history: Sequence[Message], options: AskOptions
) -> str:
    """The key of an answer: whatever may change it is in here."""
    asked = to_json(replace(options, previous=None, stopper=None))
    previous = options.previous and to_json(_timeless(options.previous))
    turns = [[message.role, message.content] for message in history]
    return _digest("ask", setup, state, same_question(question), turns, asked, previous)


def find_key(setup: Any, state: str, query: str, top_k: int, mode: Mode, where: Where) -> str:
    """The key of what a search found."""
    return _digest("find", setup, state, same_question(query), top_k, mode, to_json(where))


def family_key(setup: Any, state: str, history: Sequence[Message], options: AskOptions) -> str:
    """The key of all answers that differ by their question alone."""
    return _digest("family", ask_key(setup, state, "", history, options))


def _timeless(answer: Answer) -> Answer:
    """The answer without how long it took, which tells nothing of what follows it."""
    found = answer.found and replace(answer.found, timings_ms={}, cached=False)
    return replace(answer, timings_ms={}, cached=False, found=found)


def _digest(*parts: Any) -> str:
    told = json.dumps([FORMAT, *parts], sort_keys=True, allow_nan=True)
    return hashlib.sha256(told.encode("ascii")).hexdigest()
