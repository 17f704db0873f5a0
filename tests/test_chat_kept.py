"""What answers keep, what follow-ups know of them after resume, and exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from test_app import citation

from rag.chat.export import as_json, as_markdown
from rag.chat.kept import UNFINISHED, kept_metadata, mend, remembered, without_links
from rag.chat.markdown import MarkdownEscaper
from rag.chat.memory import Turn
from rag.chat.sources import citation_url
from rag.chat.store import Conversation, Store, Thread
from rag.types import Answer


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"id": "q", "type": "user_message", "output": text, **more}


def answered(*citations: Any, text: str = "Blue.", **more: Any) -> dict[str, Any]:
    """A step as app.py writes one."""
    escaper = MarkdownEscaper()
    shown, plain = escaper.feed(text), text
    for one in citations:
        shown += escaper.cite(one, citation_url(one), "")
        plain += one.label
    shown += escaper.finish()
    answer = Answer("q", plain, False, citations, (), (), 0, 0, "m")
    metadata = kept_metadata(plain, answer)
    return {"id": "a", "type": "assistant_message", "output": shown, "metadata": metadata, **more}


def conversation(*steps: dict[str, Any]) -> Conversation:
    return Conversation(Thread("t", "anna", "The  pond", {}, 0.0, 1.0), steps, ())


def test_follow_ups_know_the_plain_text() -> None:
    steps = [
        said("What colour?"), {"type": "run", "output": "x"}, answered(citation()),
        said("Failed"), {"type": "assistant_message", "output": "Error", "metadata": {}},
        said("And how?"), answered(citation(2, supported=False), text="Deep [x]."),
    ]  # fmt: skip
    assert remembered(steps) == [
        Turn("q", "What colour?", "Blue.[1]"), Turn("q", "And how?", "Deep [x].[2?]"),
    ]  # fmt: skip


def test_a_stopped_answer_keeps_its_text_alone() -> None:
    assert kept_metadata("So far", None) == {"plain": "So far", "citations": []}


def test_no_path_of_the_server_is_kept() -> None:
    assert "/d/" not in str(kept_metadata("x", Answer("q", "x", False, (citation(),), (), (), 0, 0,
                                                      "m"))["citations"])  # fmt: skip


def test_an_answer_that_was_cut_off_says_so() -> None:
    steps = [said("颜色？"), {**answered(), "metadata": UNFINISHED, "streaming": True},
             said("Colour?"), {**answered(), "metadata": dict(UNFINISHED)}, answered()]  # fmt: skip
    mend(steps)
    assert steps[1]["output"] == "*程序结束时，这个回答中断了。*" and not steps[1]["streaming"]
    assert steps[3]["output"].startswith("*This answer was cut off")
    assert steps[4]["output"] == "Blue."
    assert len(remembered(steps)) == 1  # the last one


def test_an_answer_that_is_still_written_says_so() -> None:
    steps = [said("Colour?"), {**answered(), "metadata": dict(UNFINISHED)},
             said("颜色？"), {**answered(), "metadata": dict(UNFINISHED)}]  # fmt: skip
    mend(steps, is_under_way=True)
    assert steps[1]["output"].startswith("*This answer was cut off")
    assert steps[3]["output"] == "*这个回答还在撰写中……*"
    assert remembered(steps) == []


@given(st.text(max_size=20), st.booleans())
def test_links_become_labels(text: str, supported: bool) -> None:
    one = citation(12, supported=supported)
    escaper = MarkdownEscaper()
    shown = escaper.cite(one, citation_url(one), 'a "doubt"')
    assert without_links(shown) == one.label
    assert without_links(text) == text or "/view/" in text


def test_markdown_with_footnotes() -> None:
    first, second = citation(), citation(2, supported=False)  # of one place
    steps = said("What\ncolour?"), answered(first, second), said("Again"), answered(first)
    assert as_markdown(conversation(*steps), "en").split("\n\n") == [
        "# The pond",
        "1970-01-01T00:00:00.000Z",
        "## Question: What colour?",
        "Blue.[^1][^1] (not borne out by the source)",
        "## Question: Again",
        "Blue.[^1]",
        "[^1]: Title · a.md · p. 3 · A > B: “quot”\n",
    ]
    assert "第 3 页" in as_markdown(conversation(answered(first)), "zh")


def test_every_footnote_is_there_once() -> None:
    many = [citation(n) for n in range(1, 4)]
    many = [type(one)(**{**_fields(one), "start": n, "end": n + 3}) for n, one in enumerate(many)]
    text = as_markdown(conversation(answered(*many), answered(many[1])), "en")
    assert "Blue.[^1][^2][^3]" in text and "Blue.[^2]" in text
    assert [line[:5] for line in text.splitlines() if line.startswith("[^")] == [
        "[^1]:", "[^2]:", "[^3]:",
    ]  # fmt: skip


def _fields(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def test_a_link_that_no_citation_explains_stays_a_label() -> None:
    step = {"type": "assistant_message", "output": r"Old [\[7\]](/view/9?start=1&end=2#cite)."}
    assert "Old [7]." in as_markdown(conversation(step), "en")


def test_json_is_whole(tmp_path: Path) -> None:
    store = Store(tmp_path / "c.sqlite")
    store.put_step("anna", "t", said("What colour?", createdAt="2026-01-01"))
    store.put_step("anna", "t", {"id": "r", "type": "run", "output": "inner"})
    store.put_step("anna", "t", answered(citation(), parentId="r"))
    store.put_feedback("anna", "r", 0, "no")
    exported = as_json(store.conversation("anna", "t"))
    store.close()
    question, answer = exported["messages"]
    assert question == {"role": "user", "text": "What colour?", "created": "2026-01-01"}
    assert answer["text"] == "Blue.[1]"
    assert answer["citations"][0]["quote"] == "quot"
    assert answer["citations"][0]["url"] == citation_url(citation())
    assert answer["feedback"] == {"value": "down", "comment": "no"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_exported_markdown_links_nowhere(language: str) -> None:
    text = as_markdown(conversation(said("<b>[x](y)"), answered(citation())), language)
    tokens = [t for block in MarkdownIt().parse(text) for t in block.children or []]
    assert not [t for t in tokens if t.type == "link_open" and "/view/" in str(t.attrs)]
