"""Has the model fill in JSON from the sources, and checks what it wrote before anyone sees it."""

from __future__ import annotations

import json
from collections.abc import Generator as Iteration
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rag.answer_run import AnswerRun
from rag.conversation import put_question
from rag.errors import GenerationError, UnanswerableError
from rag.generate import Generator
from rag.known_sentences import KnownSentences
from rag.packer import Packed
from rag.refusal import Signals, answers
from rag.self_check import look_again
from rag.structured.grounding import ground
from rag.structured.prompt import build_again, build_filling
from rag.structured.schema import JsonSchema
from rag.structured.values import Doubt, Structured
from rag.support import SupportChecker
from rag.types import AnswerEvent, AnswerText, Citation, Message

MAX_WRITTEN = 200  # characters of broken JSON that an error shows


class Filler:
    """Writes JSON into runs. Safe to use from many threads; closing what it yields is harmless."""

    def __init__(
        self, sentences: KnownSentences, *, max_answer_tokens: int, temperature: float
    ) -> None:
        self._sentences = sentences
        self._max_answer_tokens = max_answer_tokens
        self._temperature = temperature

    def fill(
        self, run: AnswerRun, packed: Packed, generator: Generator, schema: JsonSchema
    ) -> Iteration[AnswerEvent, None, None]:
        """The JSON as one text, or a refusal where the sources hold nothing of it.

        Raises GenerationError if the model fails, or its JSON does not fit the schema.
        """
        run.structured = Structured(None)
        data = self._data(run, packed, generator, schema) if packed.passages else None
        if data is None:
            yield from run.abstain()
            return
        encoder = self._sentences.encoder_of(run.passages)
        checker = SupportChecker(run.passages, encoder, run.query.put)
        citations, doubts = ground(data, schema, run.passages, checker)
        if not citations and not any(doubt.kind == "judged" for doubt in doubts):
            yield from run.abstain()  # nothing of it stands in the sources
            return
        if self._is_unanswered(run, generator, checker, citations, len(doubts)):
            doubts = (Doubt("", "unanswered"), *doubts)
        run.fill(Structured(data, doubts), citations)
        yield from run.take([AnswerText(json.dumps(data, ensure_ascii=False, indent=2))])

    def _data(
        self, run: AnswerRun, packed: Packed, generator: Generator, schema: JsonSchema
    ) -> Any:
        """What the model found, by the schema; None if it found nothing."""
        question = put_question(run.query)
        messages = build_filling(question, run.passages, schema, packed.history)
        written, is_cut = self._write(run, messages, generator, schema)
        found, fault = _read(written, schema)
        if fault and not is_cut:
            again = build_again(messages, written, fault)
            if generator.count_chat_tokens(again) <= self._budget(generator):
                written, is_cut = self._write(run, again, generator, schema)
                found, fault = _read(written, schema)
        if fault and is_cut:
            raise UnanswerableError(
                f"The JSON was not finished within {self._max_answer_tokens} tokens. Set "
                "max_answer_tokens higher, or ask for less at once."
            )
        if fault:
            raise GenerationError(
                f"{generator.name} wrote JSON that does not fit the schema: {fault} "
                "Ask again, make the schema simpler, or check that the model's server can write "
                "JSON by a schema (structured outputs)."
            )
        return found

    def _write(
        self,
        run: AnswerRun,
        messages: Sequence[Message],
        generator: Generator,
        schema: JsonSchema,
    ) -> tuple[str, bool]:
        """What the model wrote, and whether it was cut off."""
        generation = generator.generate(
            messages,
            max_tokens=self._max_answer_tokens,
            temperature=self._temperature,
            schema=schema.with_refusal(),
        )
        written = ""
        try:
            for text in generation:
                run.tick()
                written += text
        finally:
            generation.close()
            run.count(generation)
        return written, generation.finish_reason == "length"

    def _budget(self, generator: Generator) -> int:
        return generator.max_model_len - self._max_answer_tokens

    def _is_unanswered(
        self,
        run: AnswerRun,
        generator: Generator,
        checker: SupportChecker,
        citations: Sequence[Citation],
        num_doubts: int,
    ) -> bool:
        """Whether the model, on its second look, finds the question not answered by the quotes."""
        if not citations:
            return False
        question = run.query.alone
        run.signals = Signals(
            look=look_again(generator, question, citations, run.passages),
            near=checker.nearness(question),
            refused=False,
            supported=len(citations) / (len(citations) + num_doubts),
        )
        return not answers(run.signals)


def needs_generator(generator: Generator | None) -> Generator:
    """The generator. Raises UnanswerableError if there is none: quoting makes no JSON."""
    if generator is None:
        raise UnanswerableError(
            "Only a language model can fill in JSON by a schema, and there is none. Set generator "
            "to a model or a server, or ask without a schema."
        )
    return generator


def with_exact_count(
    packed: Packed, run: AnswerRun, generator: Generator, schema: JsonSchema
) -> Packed:
    """What was packed, its report telling the tokens of the prompt that is asked."""
    if packed.report is None:
        return packed
    messages = build_filling(put_question(run.query), packed.passages, schema, packed.history)
    num_tokens = generator.count_chat_tokens(messages)
    return replace(packed, report=replace(packed.report, prompt_tokens=num_tokens))


def _read(written: str, schema: JsonSchema) -> tuple[Any, str]:
    """(data, "") by the schema, (None, "") if nothing was found, or (None, what is wrong)."""
    try:
        value = json.loads(written, parse_constant=_refuse_constant)
    except ValueError as error:
        return None, f"This is not JSON ({error}): {written[:MAX_WRITTEN]!r}."
    if not isinstance(value, dict) or not {"found", "data"} <= set(value):
        return None, "It has to be an object with found and data."
    if value["found"] is not True or value["data"] is None:
        return None, ""
    fault = schema.fault_of(value["data"])
    return (None, f"{fault}.") if fault else (value["data"], "")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
