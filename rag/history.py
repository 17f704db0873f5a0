"""What of a conversation the model is shown: the newest turns whole, older ones in a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.generate import Generator
from rag.rewriter import plain
from rag.sentences import split_sentences
from rag.types import Message

MAX_LINE_CHARACTERS = 160  # of a question or an answer that is shortened
WHOLE_CHARACTERS = 4_000  # of a turn; the budget does the rest
_FIGURE = re.compile(r"\d")

Turn = tuple[Message, ...]  # a question, and its answer if it had one


@dataclass(frozen=True, slots=True)
class ShownHistory:
    """The messages that are shown, oldest first, without marks of citations: these counted the
    sources of their own answer. The other fields count turns."""

    messages: tuple[Message, ...]
    num_shortened: int = 0
    num_dropped: int = 0

    def note(self, language: str) -> str:
        """What was not shown whole, for people; "" if all was."""
        said = []
        if language == "zh":
            if self.num_shortened:
                said.append(f"{self.num_shortened} 轮较早的对话被缩短")
            if self.num_dropped:
                said.append(f"{self.num_dropped} 轮更早的对话因过长被省略")
            return "，".join(said)
        if self.num_shortened:
            said.append(f"{_turns(self.num_shortened)} shortened")
        if self.num_dropped:
            said.append(f"{_turns(self.num_dropped)} left out: the conversation is too long")
        return ", ".join(said)


def show_history(history: Sequence[Message], generator: Generator, max_tokens: int) -> ShownHistory:
    """What fits the budget: the newest turns whole, and before them short ones."""
    turns = _turns_of(history)
    whole = _newest(turns, (), generator.count_chat_tokens, max_tokens)
    older = [_shortened(turn) for turn in turns[: len(turns) - len(whole)]]
    short = _newest(older, whole, generator.count_chat_tokens, max_tokens)
    messages = tuple(message for turn in [*short, *whole] for message in turn)
    return ShownHistory(messages, len(short), len(older) - len(short))


def _newest(
    turns: Sequence[Turn],
    after: Sequence[Turn],
    count: Callable[[Sequence[Message]], int],
    max_tokens: int,
) -> list[Turn]:
    """The last of the turns that fit together with those after them."""
    kept: list[Turn] = []
    for turn in reversed(turns):
        if count([message for one in [turn, *kept, *after] for message in one]) > max_tokens:
            break
        kept.insert(0, turn)
    return kept


def _turns_of(history: Sequence[Message]) -> list[Turn]:
    """Each from a question on; what stands before the first question is no turn."""
    turns: list[list[Message]] = []
    for message in history:
        clean = Message(message.role, plain_lines(message.content))
        if message.role == "user":
            turns.append([clean])
        elif message.role == "assistant" and turns:
            turns[-1].append(clean)
    return [tuple(turn) for turn in turns]


def plain_lines(text: str) -> str:
    """What was said, without marks of citations, its lines kept."""
    return "\n".join(plain(line, WHOLE_CHARACTERS) for line in text.splitlines()).strip()


def _shortened(turn: Turn) -> Turn:
    """The question's beginning; the answer's first sentence, and its first with a figure."""
    return tuple(
        Message(m.role, _first(m.content) if m.role == "user" else _gist(m.content)) for m in turn
    )


def _gist(text: str) -> str:
    sentences = [text[start:end] for start, end in split_sentences(text)]
    if not sentences:
        return _first(text)
    figures = next((one for one in sentences if _FIGURE.search(one)), sentences[0])
    return _first(" ".join(dict.fromkeys([sentences[0], figures])))


def _first(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_LINE_CHARACTERS else line[: MAX_LINE_CHARACTERS - 1] + "…"


def _turns(count: int) -> str:
    return "1 earlier turn" if count == 1 else f"{count} earlier turns"
