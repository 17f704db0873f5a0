"""Chooses the passages that a prompt holds, within an exact token budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag.catalog import Catalog
from rag.errors import GenerationError
from rag.generate import Generator
from rag.prompt import build_messages
from rag.sentences import ROW_START
from rag.types import Hit, Message, Passage, StoredChunk

PASSAGE_OVERHEAD_TOKENS = 8  # the number, punctuation and blank line around a passage


@dataclass(frozen=True, slots=True)
class Packed:
    """What a prompt is made of. `left_out` are hits without room, with the reason."""

    passages: tuple[Passage, ...]
    history: tuple[Message, ...]
    prompt_tokens: int
    left_out: tuple[tuple[Hit, str], ...]


def pack(
    question: str,
    hits: Sequence[Hit],
    history: Sequence[Message],
    generator: Generator,
    catalog: Catalog,
    *,
    max_answer_tokens: int,
    context_tokens: int | None,
) -> Packed:
    """The best hits that fit, neighbouring ones joined; the newest turns of the history that fit.

    The prompt never exceeds `generator.max_model_len - max_answer_tokens`; its passages take at
    most `context_tokens` of it. Raises GenerationError if not even the question fits.
    """
    budget = generator.max_model_len - max_answer_tokens
    fixed = generator.count_chat_tokens(build_messages(question, ()))
    if fixed > budget:
        raise GenerationError(
            f"The question takes {fixed} tokens with its instructions, but the model has room for "
            f"{budget}. Ask a shorter one, or raise max_model_len."
        )
    kept = fit_history(history, generator, (budget - fixed) // 4)
    room = budget - generator.count_chat_tokens(build_messages(question, (), kept))
    if context_tokens is not None:
        room = min(room, context_tokens)
    chosen, left_out = _choose(hits, room, generator.count_tokens, catalog)
    while True:
        passages = join_chunks(chosen, catalog)
        messages = build_messages(question, passages, kept)
        num_tokens = generator.count_chat_tokens(messages)
        if num_tokens <= budget or not chosen:
            return Packed(tuple(passages), tuple(kept), num_tokens, tuple(left_out))
        left_out.append((chosen.pop(), "the prompt is full"))


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


def _choose(
    hits: Sequence[Hit], room: int, count_tokens: Callable[[str], int], catalog: Catalog
) -> tuple[list[Hit], list[tuple[Hit, str]]]:
    chosen: list[Hit] = []
    left_out: list[tuple[Hit, str]] = []
    for hit in hits:
        place = f"{hit.chunk.title} > {hit.chunk.heading}"
        needed = count_tokens(hit.chunk.text) + count_tokens(place) + PASSAGE_OVERHEAD_TOKENS
        if hit.chunk.text.startswith(ROW_START):
            needed += count_tokens(_header_of(hit.chunk, catalog))
        if needed <= room:
            chosen.append(hit)
            room -= needed
        else:
            left_out.append((hit, f"it takes {needed} tokens where {room} are left"))
    return chosen, left_out


def join_chunks(hits: Sequence[Hit], catalog: Catalog) -> list[Passage]:
    """Passages in the order of their best hit; chunks that touch each other make one."""
    score = {hit.chunk.chunk_id: hit.score for hit in hits}
    order = {hit.chunk.chunk_id: position for position, hit in enumerate(hits)}
    chunks = [hit.chunk for hit in hits]
    runs: list[list[StoredChunk]] = []
    sorted_chunks = sorted(chunks, key=lambda c: (c.document_id, c.ordinal))
    for before, chunk in pairwise([None, *sorted_chunks]):
        assert chunk is not None
        touches = (
            before is not None
            and before.document_id == chunk.document_id
            and before.ordinal + 1 == chunk.ordinal
            and before.page == chunk.page
            and before.headings[:1] == chunk.headings[:1]
        )
        if touches:
            runs[-1].append(chunk)
        else:
            runs.append([chunk])
    runs.sort(key=lambda run: min(order[chunk.chunk_id] for chunk in run))
    passages = []
    for run in runs:
        try:
            document = catalog.document_text(run[0].document_id)
        except KeyError:
            continue  # deleted since it was found
        best = max(score[c.chunk_id] for c in run)
        passages.append(_passage(run, document, best, catalog))
    return [replace(passage, number=n) for n, passage in enumerate(passages, start=1)]


def table_header(chunk: StoredChunk, document: str, catalog: Catalog) -> str:
    """The header line of the table whose later rows the chunk begins with; else nothing.

    The chunk's context ends with it, perhaps cut short; the whole line stands above.
    """
    if not chunk.text.startswith(ROW_START):
        return ""
    for _, text, _ in catalog.index_texts([chunk.chunk_id]):
        line = text.removesuffix(f"\n{chunk.text}").rpartition("\n")[2]
        at = document.rfind(line, 0, chunk.start) if line.startswith(ROW_START) else -1
        return document[at : document.index("\n", at)] if at >= 0 else ""
    return ""  # deleted since it was found


def _header_of(chunk: StoredChunk, catalog: Catalog) -> str:
    try:
        return table_header(chunk, catalog.document_text(chunk.document_id), catalog)
    except KeyError:
        return ""  # deleted since it was found


def _passage(run: Sequence[StoredChunk], document: str, score: float, catalog: Catalog) -> Passage:
    first = run[0]
    text = document[first.start : run[-1].end]
    headings = first.headings
    if len(run) > 1:  # what they share is true of all of them
        paths = [chunk.headings for chunk in run]
        shared = 0
        while all(len(p) > shared for p in paths) and len({p[shared] for p in paths}) == 1:
            shared += 1
        headings = headings[:shared]
    return Passage(
        number=0,
        document_id=first.document_id,
        path=first.path,
        title=first.title,
        headings=headings,
        page=first.page,
        start=first.start,
        end=run[-1].end,
        text=text,
        score=score,
        header=table_header(first, document, catalog),
    )
