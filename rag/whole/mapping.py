"""Has the model read sections, some at a time, and gives what it noted in their order."""

from __future__ import annotations

import re
import threading
from collections.abc import Generator as Iteration
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rag.answer_run import AnswerRun
from rag.generate import Generator
from rag.types import Message
from rag.whole.prompts import NONE

NUM_AT_ONCE = 4  # an engine reads them in one batch
MAX_NOTE_TOKENS = 200  # of one section
MAX_LIST_TOKENS = 400
_ITEM = re.compile(r"^\s*(?:[-*•·]|\d+[.)、])\s*(?P<text>.+)$")
_MARK = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class SectionNotes:
    """What was noted on a section; `is_cut` where the model had more to write than it may."""

    items: list[str]
    is_cut: bool = False


def read_sections(
    run: AnswerRun,
    prompts: Sequence[Sequence[Message]],
    generator: Generator,
    *,
    firsts: Sequence[int],
    max_tokens: int,
    temperature: float,
) -> Iteration[SectionNotes, None, None]:
    """The notes on each section, in order; `firsts` are the numbers they begin with.

    A line that was cut off is left out. Leaving early stops those that are being read.

    Raises GenerationError if the model fails.
    """
    stopped = threading.Event()

    def read(prompt: Sequence[Message]) -> tuple[str, bool]:
        if stopped.is_set():
            return "", False
        generation = generator.generate(prompt, max_tokens=max_tokens, temperature=temperature)
        text = ""
        try:
            for piece in generation:
                text += piece
                if stopped.is_set():
                    break
        finally:
            generation.close()
            counted.append((generation.prompt_tokens, generation.completion_tokens))
        is_cut = generation.finish_reason == "length"
        return text.rpartition("\n")[0] if is_cut else text, is_cut

    counted: list[tuple[int, int]] = []
    pool = ThreadPoolExecutor(NUM_AT_ONCE, thread_name_prefix="section")
    try:
        readings = [pool.submit(read, prompt) for prompt in prompts]
        for first, reading in zip(firsts, readings, strict=True):
            text, is_cut = reading.result()
            yield SectionNotes(items_in(text, first), is_cut)
    finally:
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)
        run.count_others(counted)


def items_in(text: str, first: int = 0) -> list[str]:
    """The lines that cite something, and items of a list that do not, as if of passage `first`.

    Every statement of the answer is checked again, and bound to the passage that bears it out.
    """
    items = []
    for line in text.splitlines():
        found = _ITEM.match(line)
        body = found["text"].strip() if found else line.strip()
        if first and found and not _MARK.search(body):
            body = f"{body} [{first}]"
        if _MARK.search(body) and not body.upper().startswith(NONE):
            items.append(body)
    return items


def without_copies(items: Sequence[str]) -> list[str]:
    """Each item once; the marks of all its copies are joined."""
    marks: dict[str, list[str]] = {}
    said: dict[str, str] = {}
    for item in items:
        body = _MARK.sub("", item).strip(" .。;；,，")
        key = re.sub(r"[\W_]+", "", body).casefold()
        if key:
            said.setdefault(key, body)
            marks.setdefault(key, []).extend(_MARK.findall(item))
    return [said[key] + " " + "".join(dict.fromkeys(marks[key])) for key in said]
