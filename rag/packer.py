"""Chooses the passages that a prompt holds, within an exact token budget."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rag.catalog import Catalog
from rag.errors import UnanswerableError
from rag.generate import Generator
from rag.passages import join_hits
from rag.prompt import build_messages, passage_text
from rag.scopes import SCOPES, Scope
from rag.selection import EVERYTHING, PARAGRAPH_END, WIDENS_FROM_TOKENS, Selection, select
from rag.shelf import Shelf
from rag.types import Hit, Message, PackedPassage, PackReport, Passage
from rag.where import Where

MAX_FILLINGS = 3
FAR_SHARE = 0.45  # of bounded room; what is beside the question misleads small models
HISTORY_SHARE = 4  # a fourth of what the question leaves may be history


@dataclass(frozen=True, slots=True)
class Packed:
    """What a prompt is made of; the report tells at what cost. Without a model there is none."""

    passages: tuple[Passage, ...]
    history: tuple[Message, ...]
    report: PackReport | None = None

    @property
    def prompt_tokens(self) -> int:
        """Of the whole prompt."""
        return self.report.prompt_tokens if self.report else 0


def pack(
    question: str,
    hits: Sequence[Hit],
    history: Sequence[Message],
    generator: Generator,
    catalog: Catalog,
    *,
    max_answer_tokens: int,
    context_tokens: int | None,
    scope: Scope = "auto",
    where: Where = EVERYTHING,
    by_meaning: bool = True,
) -> Packed:
    """The best hits that fit, neighbouring ones joined; the newest turns of the history that fit.

    The prompt never exceeds `generator.max_model_len - max_answer_tokens`; its passages take at
    most `context_tokens` of it (if scores are `by_meaning`, those far behind the best FAR_SHARE of
    that), or all if a wider scope than a passage is asked for. `where` is what was searched: a
    folder's other documents must pass it too. UnanswerableError if the question does not fit.
    """
    budget = generator.max_model_len - max_answer_tokens
    fixed = generator.count_chat_tokens(build_messages(question, ()))
    if fixed > budget:
        raise UnanswerableError(
            f"The question takes {fixed} tokens with its instructions, but the model has room for "
            f"{budget}. Ask a shorter one, or raise max_model_len."
        )
    kept = fit_history(history, generator, (budget - fixed) // HISTORY_SHARE)
    bound = context_tokens if scope in ("auto", "passage") else None
    room = budget - generator.count_chat_tokens(build_messages(question, (), kept))
    room = room if bound is None else min(room, bound)
    for_close = 0 if bound is None or not by_meaning else room - int(room * FAR_SHARE)
    selection = Selection(room, generator.count_tokens, Shelf(catalog), for_close)
    for tries_left in reversed(range(MAX_FILLINGS)):
        select(hits, scope, selection, where)
        passages, costs = _passages(selection, generator)
        is_full = room - sum(costs) < WIDENS_FROM_TOKENS or not selection.left_out
        if is_full or not tries_left:
            break
        selection.room = room - sum(costs)  # chunks that were joined take less than each alone
    num_tokens = generator.count_chat_tokens(build_messages(question, passages, kept))
    while (num_tokens > budget or sum(costs) > room) and selection.taken:
        _drop_last(selection)
        passages, costs = _passages(selection, generator)
        num_tokens = generator.count_chat_tokens(build_messages(question, passages, kept))
    scopes = _scopes(selection, passages)
    report = PackReport(
        scope=scope,
        passages=tuple(
            PackedPassage(passage.number, cost, scopes[passage.number])
            for passage, cost in zip(passages, costs, strict=True)
        ),
        left_out=tuple(selection.left_out),
        kept_turns=_num_turns(kept),
        dropped_turns=_num_turns(history) - _num_turns(kept),
        prompt_tokens=num_tokens,
        room=room,
        budget=budget,
    )
    return Packed(tuple(passages), tuple(kept), report)


def fit_history(history: Sequence[Message], generator: Generator, max_tokens: int) -> list[Message]:
    """The newest whole turns within the budget, oldest first."""
    kept: list[Message] = []
    turns = [history[i : i + 2] for i in range(0, len(history), 2)]
    for turn in reversed(turns):
        longer = [*turn, *kept]
        if generator.count_chat_tokens(longer) > max_tokens:
            break
        kept = longer
    return kept


def _num_turns(history: Sequence[Message]) -> int:
    return (len(history) + 1) // 2


def _passages(selection: Selection, generator: Generator) -> tuple[list[Passage], list[int]]:
    """Made of all that is selected, and the tokens of each."""
    is_wide = any(one.scope != "passage" for one in selection.taken)
    passages = join_hits(selection.pseudo_hits(), selection.shelf, across_pages=is_wide)
    texts = [passage_text(passage, "") + PARAGRAPH_END for passage in passages]
    return passages, list(map(generator.count_tokens, texts))


def _drop_last(selection: Selection) -> None:
    """Counts of parts do not always add up to that of the whole: then the last part goes."""
    last = selection.give_back()
    if not selection.holds(last.hit.chunk):
        selection.leave_out(last.hit, last.tokens, "the prompt is full")


def _scopes(selection: Selection, passages: Sequence[Passage]) -> dict[int, Scope]:
    """By a passage's number, the widest scope that any of its chunks came in by."""
    order = sorted((one.document_id, one.start, one.number) for one in passages)
    widest: dict[int, int] = {}
    for taken in selection.taken:
        for chunk in taken.chunks:
            at = bisect_right(order, (chunk.document_id, chunk.start, len(passages))) - 1
            number = order[at][2] if at >= 0 else 0  # 0: of a document deleted meanwhile
            widest[number] = max(widest.get(number, 0), SCOPES.index(taken.scope))
    return {number: SCOPES[width] for number, width in widest.items()}
