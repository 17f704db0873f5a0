"""What an answer keeps for later in its message's metadata, and what is made of that on resume."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from rag.chat.memory import Turn
from rag.chat.sources import citation_url
from rag.chat.store import USER_MESSAGE
from rag.chat.texts import WORDS, language_of
from rag.types import Answer, Citation

ASSISTANT_MESSAGE = "assistant_message"  # the type of a step
UNFINISHED: dict[str, Any] = {"unfinished": True}  # the metadata of an answer under way
# A link to the viewer as the page's Markdown has it, its label and its title.
VIEW_LINK = re.compile(r'\[((?:\\.|[^\]\\])*)\]\((/view/[^\s)]*)(?:\s+"((?:\\.|[^"\\])*)")?\)')
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def kept_metadata(plain: str, answer: Answer | None) -> dict[str, Any]:
    """The answer as the next turn's history has it, and its citations with their links' addresses.

    `answer` is None for one that was stopped or failed.
    """
    cited = answer.citations if answer else ()
    return {"plain": plain, "citations": [_kept_citation(one) for one in cited]}


def _kept_citation(citation: Citation) -> dict[str, Any]:
    return {
        "label": citation.label,
        "url": citation_url(citation),
        "title": citation.document,
        "file": PurePath(citation.path).name,
        "page": citation.page,
        "heading": citation.heading,
        "quote": citation.quote,
        "supported": citation.supported,
    }


def remembered(steps: Iterable[Mapping[str, Any]]) -> list[Turn]:
    """The conversation's turns as follow-up questions build on them, without links."""
    found: list[Turn] = []
    asked: Mapping[str, Any] | None = None
    for step in steps:
        if step.get("type") == USER_MESSAGE:
            asked = step
        elif step.get("type") == ASSISTANT_MESSAGE and asked and (plain := plain_answer(step)):
            found.append(Turn(str(asked.get("id")), str(asked.get("output") or ""), plain))
            asked = None
    return found


def plain_answer(step: Mapping[str, Any]) -> str:
    """The answer's text with its labels; "" for what is no answer, such as an error."""
    return str((step.get("metadata") or {}).get("plain") or "")


def without_links(markdown: str) -> str:
    """The page's Markdown with a citation's label alone, unescaped, in place of its link."""
    return VIEW_LINK.sub(lambda link: _ESCAPED.sub(r"\1", link[1]), markdown)


def is_unfinished(step: Mapping[str, Any]) -> bool:
    """Whether it is an answer that was begun, and whose end was not kept."""
    return bool((step.get("metadata") or {}).get("unfinished"))


def mend(steps: Sequence[dict[str, Any]], *, is_under_way: bool = False) -> None:
    """Say of answers without an end that the end of the program cut them off.

    `is_under_way`: the last of them is still being written.
    """
    language = "en"
    last = next((step for step in reversed(steps) if is_unfinished(step)), None)
    for step in steps:
        if step.get("type") == USER_MESSAGE:
            language = language_of(str(step.get("output") or ""))
        elif is_unfinished(step):
            word = "under_way" if is_under_way and step is last else "cut_off"
            step["output"] = f"*{WORDS[language][word]}*"
            step["streaming"] = False
