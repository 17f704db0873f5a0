from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGeneration, ScriptedGenerator, WordEncoder

from ingest.sync import sync
from rag.ask_options import AskOptions
from rag.errors import GenerationError
from rag.indexes import Indexes
from rag.pipeline import Footnote
from rag.types import Answer, AnswerFinished, AnswerText, Message, Progress, SourcesFound
from rag.where import Where
from rag.whole.mapping import items_in, without_copies
from rag.whole.sections import sections_of, spread

TOPICS = ("pump", "valve", "motor", "lamp", "belt", "gear", "wheel", "seal", "bolt", "frame")
MANUAL = "# Machine manual\n\n" + "\n\n".join(
    f"## Part {n}\n\nThe {topic} weighs {n + 10} kilograms. "
    f"The supplier of the {topic} is Firm{n} Limited. It is painted and tested before it leaves."
    for n, topic in enumerate(TOPICS)
)
RULES = "# 差旅制度\n\n## 住宿\n\n住宿标准为每晚400元。\n\n## 餐饮\n\n餐饮补助为每天95元。"


class NotingGenerator(ScriptedGenerator):
    """Notes the first sentence of each part that a prompt shows; else it writes its script."""

    def generate(self, messages: Sequence[Message], **others: Any) -> ScriptedGeneration:
        prompt = messages[-1].content
        if "such item" not in prompt and "notes" not in prompt:
            return super().generate(messages, **others)
        self.prompts.append(list(messages))
        found = re.findall(r"^\[(\d+)\].*?kilograms\. ([^.]+\.)", prompt, re.M | re.S)
        text = "\n".join(f"- {said} [{number}]" for number, said in found)
        tokens = self.count_chat_tokens(messages)
        self.generations.append(ScriptedGeneration(text or "NONE", tokens, self._error))
        return self.generations[-1]


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "machine-manual.md").write_text(MANUAL)
    (docs / "差旅制度.md").write_text(RULES)
    (docs / "cats.txt").write_text("Cats sleep all day long in warm places.")
    encoder = WordEncoder()
    with Indexes(tmp_path / "index", dimension=encoder.dimension, read_only=False) as opened:
        sync(opened, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=40)
        yield opened


def make(
    indexes: Indexes, *script: str, context_tokens: int | None = None, **others: Any
) -> tuple[Footnote, NotingGenerator]:
    generator = NotingGenerator(*script, **others)
    footnote = Footnote(
        indexes, WordEncoder(), generator, max_answer_tokens=100, context_tokens=context_tokens
    )
    return footnote, generator


def notes(answer: Answer) -> str:
    assert answer.found is not None
    return " | ".join(answer.found.notes)


def test_a_document_that_fits_is_read_whole(indexes: Indexes) -> None:
    script = "A manual.\n- The pump weighs 10 kilograms [2].\n- The pump weighs 99 kilograms [2]."
    footnote, generator = make(indexes, script)
    events = list(footnote.stream("Summarize the machine manual"))
    assert isinstance(events[0], SourcesFound)
    assert isinstance(events[-1], AnswerFinished)
    answer = events[-1].answer
    assert {passage.title for passage in answer.passages} == {"Machine manual"}
    assert "".join(p.text for p in answer.passages).count("kilograms") == len(TOPICS)
    assert [c.supported for c in answer.citations] == [True, False]
    assert answer.citations[0].quote == "The pump weighs 10 kilograms."
    assert "whole of Machine manual" in notes(answer)
    assert len(generator.prompts) == 1 and "Summarize" in generator.prompts[0][-1].content


def test_a_long_document_is_read_in_sections_spread_over_it(indexes: Indexes) -> None:
    footnote, generator = make(indexes, "- The pump weighs 10 kilograms [1].", context_tokens=100)
    events = list(footnote.stream("Summarize the machine manual"))
    progress = [event for event in events if isinstance(event, Progress)]
    answer = events[-1].answer if isinstance(events[-1], AnswerFinished) else None
    assert answer is not None and not answer.abstained
    total = progress[0].total
    assert [event.done for event in progress] == list(range(total)) and 1 < total <= 8
    assert progress[0].text == f"Reading section 1 of {total}"
    assert re.search(rf"{total} of \d+ sections were read", notes(answer))
    final = generator.prompts[-1][-1].content
    assert "Firm0" in final and "Firm9" in final  # the first section and the last
    read = sum(generation.prompt_tokens for generation in generator.generations)
    assert answer.prompt_tokens == read
    for prompt in generator.prompts:
        assert generator.count_chat_tokens(prompt) <= generator.max_model_len - 100
    assert all(generation.is_closed for generation in generator.generations)


def test_cited_are_the_passages_and_not_the_notes(indexes: Indexes) -> None:
    footnote, _ = make(indexes, "- The pump weighs 77 kilograms [1].", context_tokens=100)
    answer = footnote.ask("Summarize the machine manual")
    assert answer.abstained and not any(c.supported for c in answer.citations)


def test_leaving_while_it_reads_stops_the_model(indexes: Indexes) -> None:
    footnote, generator = make(indexes, "never", context_tokens=100)
    stream = footnote.stream("Summarize the machine manual")
    seen = []
    for event in stream:
        seen.append(event)
        if isinstance(event, Progress) and event.done == 1:
            break
    stream.close()
    assert not any(isinstance(event, AnswerText) for event in seen)
    assert all(generation.is_closed for generation in generator.generations)
    assert not any("Summarize" in prompt[-1].content for prompt in generator.prompts)


def test_an_error_while_it_reads_reaches_the_asker(indexes: Indexes) -> None:
    footnote, _ = make(indexes, "never", context_tokens=100, error=GenerationError("broken"))
    with pytest.raises(GenerationError, match="broken"):
        footnote.ask("Summarize the machine manual")


def test_two_documents_are_compared(indexes: Indexes) -> None:
    script = (
        "- Money: the meal allowance is 餐饮补助为每天95元 [14]; The pump weighs 10 kilograms [2]."
    )
    footnote, generator = make(indexes, script)
    answer = footnote.ask("Compare the machine manual and 差旅制度")
    assert {p.title for p in answer.passages} == {"Machine manual", "差旅制度"}
    assert 'Compare "Machine manual" and "差旅制度"' in generator.prompts[0][-1].content
    assert [p.number for p in answer.passages] == list(range(1, len(answer.passages) + 1))


def test_things_that_are_no_documents_are_answered_as_usual(indexes: Indexes) -> None:
    for question in ("Compare the pump and the valve", "Summarize the trend", "总结趋势"):
        footnote, _ = make(indexes, "The pump weighs 10 kilograms [1].")
        assert "whole" not in notes(footnote.ask(question))


def test_all_items_are_listed_once_each_cited(indexes: Indexes) -> None:
    footnote, generator = make(indexes, "never", context_tokens=400)
    answer = footnote.ask("List all suppliers")
    lines = answer.text.splitlines()
    assert len(lines) == len(set(lines)) == len(TOPICS)
    assert all(
        re.fullmatch(r"- The supplier of the \w+ is Firm\d Limited\[\d+\]", one) for one in lines
    )
    assert "matching passages" in notes(answer)
    assert not any("Summarize" in prompt[-1].content for prompt in generator.prompts)


class CutGeneration(ScriptedGeneration):
    """Ends in the midst of its last line."""

    def __iter__(self) -> Iterator[str]:
        yield from super().__iter__()
        self.finish_reason = "length"


class CutGenerator(NotingGenerator):
    def generate(self, messages: Sequence[Message], **others: Any) -> ScriptedGeneration:
        whole = super().generate(messages, **others)
        return CutGeneration(f"{''.join(whole)}\n- The supplier of the", 10, None)


@pytest.mark.parametrize(
    ("question", "said"),
    [("List all suppliers", "The list is not complete"), ("列出所有 suppliers", "列表不完整")],
)
def test_a_list_that_was_cut_off_says_so(indexes: Indexes, question: str, said: str) -> None:
    footnote = Footnote(
        indexes, WordEncoder(), CutGenerator("x"), max_answer_tokens=100, context_tokens=400
    )
    answer = footnote.ask(question)
    *items, empty, last = answer.text.splitlines()
    assert last.startswith(said) and not empty
    assert len(items) == len(TOPICS) and all("Limited[" in item for item in items)


def test_of_a_list_too_long_the_best_is_read_and_that_is_said(indexes: Indexes) -> None:
    footnote, _ = make(indexes, "never", context_tokens=100)
    answer = footnote.ask("List all suppliers")
    assert len(answer.text.splitlines()) < len(TOPICS)
    assert re.search(r"8 of \d+ sections were read, those that match best", notes(answer))


def test_a_list_of_one_document_reads_it_whole(indexes: Indexes) -> None:
    footnote, _ = make(indexes, "never")
    answer = footnote.ask("List all suppliers in the machine manual")
    assert {p.title for p in answer.passages} == {"Machine manual"}
    assert answer.text.count("Firm") == len(TOPICS)


def test_this_document_is_the_one_cited_last(indexes: Indexes) -> None:
    footnote, _ = make(indexes, "餐饮补助为每天95元 [1]。")
    first = footnote.ask("餐饮补助是多少？")
    footnote, _ = make(indexes, "- 餐饮补助为每天95元 [3]。")
    answer = footnote.ask("总结这份文件", options=AskOptions(previous=first))
    assert {p.title for p in answer.passages} == {"差旅制度"}
    assert "已通读" in notes(answer) and not answer.abstained


def test_this_document_may_be_the_only_one_that_the_filter_lets_through(indexes: Indexes) -> None:
    footnote, _ = make(indexes, "Cats sleep all day long [1].")
    options = AskOptions(where=Where(globs=("cats.txt",)))
    answer = footnote.ask("Summarize this document", options=options)
    assert {p.title for p in answer.passages} == {"cats"}
    outside = footnote.ask("Summarize the machine manual", options=options)
    assert {p.title for p in outside.passages} <= {"cats"}


@pytest.mark.parametrize(
    ("question", "said"),
    [("Summarize this document", "Which document"), ("总结这份文件", "哪份文档")],
)
def test_which_document_is_asked_back(indexes: Indexes, question: str, said: str) -> None:
    footnote, generator = make(indexes, "never")
    answer = footnote.ask(question)
    assert answer.abstained and said in answer.text and generator.prompts == []


def test_a_document_without_text_is_said_to_be_empty(indexes: Indexes, tmp_path: Path) -> None:
    (tmp_path / "docs" / "blank-report.txt").write_text("\n")
    encoder = WordEncoder()
    sync(indexes, encoder, [tmp_path / "docs"], max_file_bytes=10**6, max_chunk_tokens=40)
    footnote, generator = make(indexes, "never")
    answer = footnote.ask("Summarize blank-report.txt")
    if any(one.path.endswith("blank-report.txt") for one in indexes.catalog.documents()):
        assert answer.abstained and "no text" in answer.text and generator.prompts == []


def test_without_a_model_the_sections_are_quoted(indexes: Indexes) -> None:
    footnote = Footnote(indexes, WordEncoder(), None)
    answer = footnote.ask("Summarize the machine manual")
    assert "no language model" in notes(answer) and not answer.abstained
    assert "**Part 0**: The pump weighs 10 kilograms." in answer.text
    assert answer.citations and all(citation.supported for citation in answer.citations)


def test_items_are_lines_with_marks() -> None:
    text = "Here they are:\n- A [1]\n2. B, of C [2][3]\n- no mark\nNONE\nD [4]"
    assert items_in(text) == ["A [1]", "B, of C [2][3]", "D [4]"]
    assert items_in("Here:\n- no mark\n- NONE", 7) == ["no mark [7]"]
    assert without_copies(["A [1].", "a [2]", "B [1]"]) == ["A [1][2]", "B [1]"]


def test_sections_hold_every_passage_once(indexes: Indexes) -> None:
    footnote, generator = make(indexes, "A [1].")
    passages = footnote.ask("Summarize the machine manual").passages
    for room in (1, 40, 10_000):
        sections = sections_of(passages, generator.count_tokens, room)
        assert [p for section in sections for p in section] == list(passages)
    for limit in range(1, 12):
        chosen = spread(sections_of(passages, generator.count_tokens, 1), limit)
        assert len(chosen) == min(limit, len(passages)) == len(set(chosen))
        assert chosen[0][0] == passages[0] and (limit == 1 or chosen[-1][-1] == passages[-1])
