"""`footnote chat` with everything real but the language model, whose answers are scripted.

python -m bench.scripted_chat [--first 0.2] [--pace 0.02] --docs data --port 8010

The pictures of the page (scripts/screenshots.py) and its timings (bench/page.py) are made with it:
documents are read, searched and cited as ever, and the same question has the same answer. A
question without a script is answered with the beginning of the first source.
"""

from __future__ import annotations

import argparse
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag import parts, self_check
from rag.generate import Generation
from rag.names import is_unspaced
from rag.prompt import NOT_FOUND
from rag.types import Message

CONTEXT_TOKENS = 8192
PIECE = re.compile(r"\s*(?:[\u3400-\u9fff\uff00-\uffef]{1,2}|[^\s\u3400-\u9fff\uff00-\uffef]+)|\s+")
SOURCE = re.compile(r"^\[(\d+)\] [^\n]*:\n(.*?)(?=^\[\d+\] |^</sources)", re.MULTILINE | re.DOTALL)
QUESTION = re.compile(r"^Question: (.*)$", re.MULTILINE)
# That a table cannot tell; what rules can plan is computed as ever.
NO_PLAN = '{"operation":"none","column":"","where":[],"group_by":"","order":"","limit":0}'
WORDS_SAID = 40  # of a source, where no answer is scripted

# By a piece of the question: statements, each with a text of the source that it cites.
SCRIPT: dict[str, tuple[tuple[str, str], ...]] = {
    "fault code E12": (
        ("E12 means that the lamp is over 85 degrees Celsius", "E12 |"),
        ("Switch the instrument off for 20 minutes and clean the fan grille", "E12 |"),
        ("Write the code down before switching off, since it is not kept in memory", "Write the"),
    ),
    "backup": (
        ("Daily copies are kept for 45 days", "Daily copies"),
        ("Monthly copies are kept for 12 years", "monthly copies"),
        ("Copies on tape are sent to Munich", ""),
    ),
    "annual leave": (
        ("A full-time employee has 27 days of paid annual leave", "27 days"),
        ("After five complete years it rises by one day a year, up to 32 days", "maximum of 32"),
    ),
    "餐饮补助": (
        ("国内出差每天的餐饮补助为95元", "餐饮补助为95元"),
        ("出发当日和返回当日均按全天计算", "餐饮补助为95元"),
        ("由客户提供餐食的，每餐扣减三十元", "餐饮补助为95元"),
    ),
}


class Scripted:
    """A language model that needs no weights; a word or two Chinese characters are a token."""

    name = "scripted"
    max_model_len = CONTEXT_TOKENS

    def __init__(
        self,
        script: Mapping[str, Sequence[tuple[str, str]]] = SCRIPT,
        first_seconds: float = 0.0,
        pace_seconds: float = 0.0,
    ) -> None:
        self._script = script
        self._first, self._pace = first_seconds, pace_seconds

    def count_tokens(self, text: str) -> int:
        return len(PIECE.findall(text))

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        return sum(4 + self.count_tokens(message.content) for message in messages)

    def generate(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, **_: Any
    ) -> Generation:
        """The answer that is scripted for the question, cited by what the sources really say."""
        if schema is not None:
            return _Said(NO_PLAN, 0, 0.0, 0.0)
        if messages[0].content == self_check.SYSTEM:
            return _Said("Yes", 0, 0.0, 0.0)
        tokens = self.count_chat_tokens(messages)
        return _Said(self._answer(messages[-1].content), tokens, self._first, self._pace)

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        """It finds every question answered."""
        return tuple(0.0 if word.casefold() == "yes" else -20.0 for word in words)

    def close(self) -> None:
        pass

    def _answer(self, prompt: str) -> str:
        sources = {number: text for number, text in SOURCE.findall(prompt)}
        asked = QUESTION.search(prompt)
        question = asked[1] if asked else ""
        for part, statements in self._script.items():
            if part in question:
                return "".join(_cited(*one, sources) for one in statements).strip()
        if not sources:
            return NOT_FOUND
        number, text = next(iter(sources.items()))
        return "".join(PIECE.findall(text)[:WORDS_SAID]).strip() + f" [{number}]"


class _Said:
    """A text in pieces, as slow as is asked for."""

    finish_reason: str | None = None

    def __init__(self, text: str, num_tokens: int, first: float, pace: float) -> None:
        self.prompt_tokens, self.completion_tokens = num_tokens, 0
        self._pieces, self._waits = PIECE.findall(text), (first, pace)
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[str]:
        for n, piece in enumerate(self._pieces):
            if self._closed.wait(self._waits[n > 0]):
                return
            self.completion_tokens += 1
            yield piece
        self.finish_reason = "stop"

    def close(self) -> None:
        self._closed.set()


def _cited(statement: str, says: str, sources: Mapping[str, str]) -> str:
    """A sentence with the number of the source that says it, else without one."""
    number = next((number for number, text in sources.items() if says and says in text), "")
    marker = f" [{number}]" if number else ""
    return f"{statement}{marker}。" if is_unspaced(statement[0]) else f"{statement}{marker}. "


def main() -> None:
    """Run the command as it is, with the scripted model in place of the real one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], add_help=False)
    parser.add_argument("--first", type=float, default=0.0, help="seconds to the first word")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between two words")
    given, others = parser.parse_known_args()
    model = Scripted(first_seconds=given.first, pace_seconds=given.pace)
    parts.open_generator = lambda settings, say: model  # type: ignore[assignment]
    sys.argv[1:] = ["chat", *others]
    from rag.cli import main as run

    run()


if __name__ == "__main__":
    main()
