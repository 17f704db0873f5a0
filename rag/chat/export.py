"""A conversation to take along: Markdown with footnotes, or JSON."""

from __future__ import annotations

import re
from typing import Any

from rag.chat.kept import ASSISTANT_MESSAGE, VIEW_LINK, plain_answer, without_links
from rag.chat.store import USER_MESSAGE, Conversation, moment

WORDS = {
    "en": {"question": "Question", "page": "p. {page}", "doubt": "not borne out by the source"},
    "zh": {"question": "问题", "page": "第 {page} 页", "doubt": "来源不支持"},
}
_DOUBT = re.compile(r"&doubt=[^&#]*")  # of a link's address


def as_markdown(conversation: Conversation, language: str) -> str:
    """Questions as headings, answers with footnotes that name document, page and quote."""
    words = WORDS[language]
    notes: dict[str, str] = {}  # by place, which has one number, doubted or not
    parts = [f"# {_one_line(conversation.thread.name)}", moment(conversation.thread.created)]
    for step in conversation.steps:
        text = str(step.get("output") or "")
        if step.get("type") == USER_MESSAGE:
            parts.append(f"## {words['question']}: {_one_line(text)}")
        elif step.get("type") == ASSISTANT_MESSAGE and text:
            parts.append(_with_footnotes(step, text, notes, words))
    parts += [f"[^{n}]: {note}" for n, note in enumerate(notes.values(), start=1)]
    return "\n\n".join(parts) + "\n"


def _with_footnotes(
    step: dict[str, Any], text: str, notes: dict[str, str], words: dict[str, str]
) -> str:
    cited = (step.get("metadata") or {}).get("citations") or []
    known = {one["url"]: one for one in cited}

    def footnote(link: re.Match[str]) -> str:
        url = link[2]
        if url not in known:
            return without_links(link[0])
        place = _DOUBT.sub("", url)
        notes.setdefault(place, _note(known[url], words))
        doubt = f" ({words['doubt']})" if link[1].endswith("?\\]") else ""
        return f"[^{list(notes).index(place) + 1}]{doubt}"

    return VIEW_LINK.sub(footnote, text)


def _note(citation: dict[str, Any], words: dict[str, str]) -> str:
    page = words["page"].format(page=citation["page"]) if citation["page"] else ""
    places = (citation["title"], citation["file"], page, citation["heading"])
    return f"{_one_line(' · '.join(filter(None, places)))}: “{_one_line(citation['quote'])}”"


def _one_line(text: str) -> str:
    """So that nothing in it begins a line of Markdown."""
    return " ".join(text.split())


def as_json(conversation: Conversation) -> dict[str, Any]:
    """For a program. Whoever adds a field keeps the others."""
    thread = conversation.thread
    feedback = {step.get("id"): step.get("feedback") for step in conversation.steps}
    return {
        "id": thread.id,
        "name": thread.name,
        "created": moment(thread.created),
        "changed": moment(thread.changed),
        "messages": [
            _message(step, step.get("feedback") or feedback.get(step.get("parentId")))
            for step in conversation.steps
            if step.get("type") in (USER_MESSAGE, ASSISTANT_MESSAGE)
        ],
    }


def _message(step: dict[str, Any], feedback: dict[str, Any] | None) -> dict[str, Any]:
    """The page gives feedback on the step that the answer was made in."""
    is_question = step["type"] == USER_MESSAGE
    text = str(step.get("output") or "")
    message: dict[str, Any] = {
        "role": "user" if is_question else "assistant",
        "text": text if is_question else plain_answer(step) or without_links(text),
        "created": step.get("createdAt"),
    }
    if citations := (step.get("metadata") or {}).get("citations"):
        message["citations"] = citations
    if feedback and not is_question:
        given = "up" if feedback["value"] else "down"
        message["feedback"] = {"value": given, "comment": feedback["comment"]}
    return message
