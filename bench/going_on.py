"""How much of a follow-up's prompt an engine has read before, with and without going on from it.

python -m bench.going_on                # the cases of bench/follow_ups.jsonl over data/; no model

For each follow-up the first question is asked, its answer given, then the follow-up, once with the
answer before at hand (`previous`) and once with the history alone. `shared` are the tokens that
both prompts begin with: what a prefix cache serves. `right` is whether the source that answers the
follow-up is among its passages.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from ingest.sync import sync
from rag import parts
from rag.ask_options import AskOptions
from rag.config import load_settings
from rag.generate import Generation
from rag.indexes import Indexes
from rag.models import find_installed
from rag.pipeline import Footnote
from rag.tokens import ChatTokenizer
from rag.types import Answer, Message

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "bench" / "follow_ups.jsonl"
RESULT = ROOT / "bench" / "results" / "going-on.json"
CONTEXT_TOKENS = 1_100


class _Said:
    finish_reason: str | None = "stop"

    def __init__(self, text: str, prompt_tokens: int) -> None:
        self._text, self.prompt_tokens, self.completion_tokens = text, prompt_tokens, 1

    def __iter__(self) -> Any:
        yield self._text

    def close(self) -> None:
        pass


class Counting:
    """Counts as the packaged model does and says what it is told to."""

    name = "counting"
    max_model_len = 8192

    def __init__(self) -> None:
        folder = find_installed("auto", "generator", load_settings().cache)
        self.tokenizer = ChatTokenizer.from_folder(str(folder))
        self.say = ""

    def count_tokens(self, text: str) -> int:
        return len(self.tokenizer.encode(text))

    def count_chat_tokens(self, messages: Sequence[Message]) -> int:
        return len(self.tokenizer.encode_chat(messages))

    def generate(self, messages: Sequence[Message], **_: Any) -> Generation:
        return _Said(self.say, self.count_chat_tokens(messages))

    def weigh(self, messages: Sequence[Message], words: Sequence[str]) -> tuple[float, ...]:
        return ()

    def close(self) -> None:
        pass


def main() -> None:
    """Ask every follow-up in both ways; print and write the sums."""
    settings = load_settings()
    encoder = parts.open_encoder(settings, print)
    cases = [json.loads(line) for line in CASES.read_text("utf-8").splitlines()]
    cases = [case for case in cases if case["leans"] and len(case["history"]) == 1]
    with (
        tempfile.TemporaryDirectory() as folder,
        Indexes(Path(folder), dimension=encoder.dimension, read_only=False) as indexes,
    ):
        size, chunk = settings.max_file_bytes, settings.chunk_tokens
        sync(indexes, encoder, [ROOT / "data"], max_file_bytes=size, max_chunk_tokens=chunk)
        model = Counting()
        footnote = Footnote(indexes, encoder, model, context_tokens=CONTEXT_TOKENS, rewrites=False)
        rows = [_ask(case, footnote, model) for case in cases]
    report = {way: _sums([row[way] for row in rows]) for way in ("previous", "history")}
    report["previous"]["went_on"] = sum(row["previous"]["went_on"] for row in rows)
    print(json.dumps(report, indent=2))
    RESULT.write_text(json.dumps({"cases": len(rows), **report}, indent=2) + "\n", "utf-8")


def _ask(case: dict[str, Any], footnote: Footnote, model: Counting) -> dict[str, dict[str, Any]]:
    ((question, answer),) = case["history"]
    model.say = answer
    first = footnote.ask(question)
    first = replace(first, text=answer)
    history = [Message("user", question), Message("assistant", answer)]
    found = {}
    for way, previous in (("previous", first), ("history", None)):
        second = footnote.ask(case["question"], history, AskOptions(previous=previous))
        found[way] = _compared(first, second, case["source"], model)
    return found


def _compared(first: Answer, second: Answer, source: str, model: Counting) -> dict[str, Any]:
    before, after = (model.tokenizer.encode_chat(answer.prompt) for answer in (first, second))
    same = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
    return {
        "prompt": len(after),
        "shared": sum(1 for _ in same),
        "right": any(passage.path.endswith(source) for passage in second.passages),
        "went_on": len(second.prompt) > 2 and second.prompt[: len(first.prompt)] == first.prompt,
    }


def _sums(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    prompt, shared = (sum(row[key] for row in rows) for key in ("prompt", "shared"))
    right = sum(row["right"] for row in rows)
    return {"prompt": prompt, "shared": shared, "new": prompt - shared, "right": right}


if __name__ == "__main__":
    main()
