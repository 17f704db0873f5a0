"""Chunks that hold a literal: phrases narrow a search to them, identifiers bring them forward.

Candidates hold all of the literal's words by the word index; each is then read. Chunks that the
word index does not have yet are read too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rag.hits import as_hits
from rag.id_set import IdSet, among
from rag.indexes import Indexes
from rag.lexical import LexicalIndex
from rag.literals import Literals, literal_pattern, normalized
from rag.tail import MAX_TAIL_CHANGES
from rag.types import Hit
from rag.words import tokenize

MAX_READ = 2000  # chunks for a literal, best by words first
BATCH = 200
MAX_HOLDERS = 50  # an identifier that more chunks hold is a subject, not an address
MAX_BROKEN_SHARE = 0.3  # of the pairs of Chinese characters, which line ends take apart
MAX_PAIRS = 200  # of characters, that begin with a given one
MAX_JOINED = 200  # chunks with a phrase that the search itself had not found
MAX_RARE = 3  # chunks that hold a name which should not be missed
FEW = 5  # hits among which one of them should be
MAX_LIFTED = 3  # chunks that identifiers bring to the front


@dataclass(frozen=True, slots=True)
class Held:
    """Ids of chunks that hold what was looked for, best by words first.

    `is_whole` is whether every chunk that could hold it was read, so that there are no others.
    """

    ids: list[int]
    is_whole: bool


def chunks_holding(
    indexes: Indexes,
    literals: Sequence[str],
    enough: int,
    allowed: IdSet | None = None,
    known: Sequence[int] = (),
) -> Held:
    """The chunks that hold all literals in their text, title or headings.

    Reading ends with `enough` found. `known` are ids to read in any case, `allowed` the only ones
    that may be found. Without literals there are none.
    """
    if not literals:
        return Held([], True)
    patterns = [literal_pattern(literal) for literal in literals]
    catalog, lexical = indexes.catalog, indexes.lexical
    reached = lexical.sequence
    found = _candidates(literals, lexical)
    added = catalog.changes_since(reached)[0][-MAX_TAIL_CHANGES:]
    candidates = among(allowed, list(dict.fromkeys([*known, *added, *found])))
    first = len(set(known) | set(added))
    held: set[int] = set()
    num_read = 0
    while num_read < len(candidates) and (num_read < first or len(held) < enough):
        batch = candidates[num_read : num_read + max(first, BATCH)]
        texts = ((i, normalized(text)) for i, text, _ in catalog.index_texts(batch))
        held.update(i for i, text in texts if all(p.search(text) for p in patterns))
        num_read += len(batch)
    return Held(
        [i for i in candidates[:num_read] if i in held],
        num_read == len(candidates) and len(found) < MAX_READ,
    )


def _candidates(literals: Sequence[str], index: LexicalIndex) -> list[int]:
    """Ids of up to MAX_READ chunks that may hold all literals, best by words first."""
    words = list(dict.fromkeys(word for literal in literals for word in _words_of(literal, index)))
    if words:
        broken = int(MAX_BROKEN_SHARE * sum(not word.isascii() for word in words))
        return index.holding(words, broken, MAX_READ)
    # One Chinese character stands in the pairs that begin with it, unless it ends a run.
    pairs = index.pairs_from(normalized(literals[0]), MAX_PAIRS)
    return index.holding_terms(pairs, len(pairs) - 1, MAX_READ)


def _words_of(literal: str, index: LexicalIndex) -> list[str]:
    """Tokens that any text with the literal has.

    A compound such as err-4012 may be part of a longer one, so its parts stand for it; but an
    identifier that the index has as it is needs nothing else.
    """
    tokens = tokenize(literal)
    if tokens and not tokens[0].isalnum() and " " not in literal and index.count(tokens[0]):
        return tokens[:1]
    plain = [token for token in tokens if token.isalnum()]
    return [token for token in plain if len(token) > 1 or token.isascii()]


def apply_literals(
    hits: Sequence[Hit], literals: Literals, indexes: Indexes, allowed: IdSet | None = None
) -> tuple[list[Hit], list[str], bool]:
    """All hits of a search, best first, as the question's literals want them; and notes; and
    whether phrases narrowed them.

    With phrases only chunks that hold all of them stay, and those join that the search had not
    found. Where there is none, nothing is narrowed and a note says so. `allowed` are the only ids
    that may join.
    """
    if not literals.phrases:
        lifted = _lifted(hits, literals.identifiers, indexes, allowed)
        return _with_rare_name(lifted, literals.names, indexes, allowed), [], False
    quoted = ", ".join(f"“{phrase}”" for phrase in literals.phrases)
    known = [hit.chunk.chunk_id for hit in hits]
    held = chunks_holding(indexes, literals.phrases, MAX_JOINED, allowed, known)
    if held.ids:
        return _kept(hits, held.ids, indexes), [f"only passages with {quoted}"], True
    where = (
        "no passage holds" if held.is_whole else f"none of the {MAX_READ} likeliest passages holds"
    )
    return list(hits), [f"{where} {quoted}; searched by meaning"], False


def _kept(hits: Sequence[Hit], held: Sequence[int], indexes: Indexes) -> list[Hit]:
    """The hits among those held, in their order, then the others that are held."""
    wanted = set(held)
    kept = [(hit.chunk, hit.score) for hit in hits if hit.chunk.chunk_id in wanted]
    known = {hit.chunk.chunk_id for hit in hits}
    others = [i for i in held if i not in known]
    chunks = indexes.catalog.chunks_by_ids(others)
    last = min((score for _, score in kept), default=0.0)
    return as_hits([*kept, *((chunks[i], last) for i in others if i in chunks)])


def _lifted(
    hits: Sequence[Hit], identifiers: Sequence[str], indexes: Indexes, allowed: IdSet | None
) -> list[Hit]:
    """The best few that hold identifiers of the question, before all other hits.

    More identifiers count more, then the order of the search; those that it had not found come
    last of them. What is lifted is given the best score.
    """
    counts: Counter[int] = Counter()
    for identifier in identifiers:
        held = chunks_holding(indexes, [identifier], MAX_HOLDERS + 1, allowed).ids
        if not held and identifier.startswith("§"):  # they may write "Clause 12.3"
            bare = identifier.lstrip("§ ")
            held = chunks_holding(indexes, [bare], MAX_HOLDERS + 1, allowed).ids
        if len(held) <= MAX_HOLDERS:
            counts.update(held)
    if not counts:
        return list(hits)
    places = {hit.chunk.chunk_id: hit.rank for hit in hits}
    order = sorted(counts, key=lambda i: (-counts[i], places.get(i, len(hits) + 1)))
    first = order[:MAX_LIFTED]
    known = {hit.chunk.chunk_id: hit.chunk for hit in hits}
    known |= indexes.catalog.chunks_by_ids([i for i in first if i not in known])
    best = hits[0].score if hits else 0.0
    lifted = [(known[i], best) for i in first if i in known]
    rest = [(hit.chunk, hit.score) for hit in hits if hit.chunk.chunk_id not in first]
    return as_hits([*lifted, *rest])


def _with_rare_name(
    hits: list[Hit], names: Sequence[str], indexes: Indexes, allowed: IdSet | None
) -> list[Hit]:
    """The hits, with one that holds the rarest name among the first few, if they hold no rare one.

    What the encoder does not know, such as a surname, it cannot find; the word index can.
    """
    counts = {name: indexes.lexical.count(name) for name in names}
    rare = [name for name in names if 1 <= counts[name] <= MAX_RARE]
    patterns = [literal_pattern(name) for name in rare]
    shown = [f"{hit.chunk.title}\n{hit.chunk.heading}\n{hit.chunk.text}" for hit in hits[:FEW]]
    texts = [normalized(text) for text in shown if rare]
    if not rare or any(pattern.search(text) for pattern in patterns for text in texts):
        return hits
    name = min(rare, key=lambda name: (counts[name], -len(name)))
    known = {hit.chunk.chunk_id: hit.chunk for hit in hits}
    held = chunks_holding(indexes, [name], MAX_RARE, allowed).ids
    best = min(held, key=lambda i: list(known).index(i) if i in known else len(known), default=0)
    chunk = known.get(best) or indexes.catalog.chunks_by_ids([best]).get(best)
    if chunk is None:
        return hits
    kept = [(hit.chunk, hit.score) for hit in hits if hit.chunk is not chunk]
    score = kept[FEW - 1][1] if len(kept) >= FEW else 0.0
    return as_hits([*kept[: FEW - 1], (chunk, score), *kept[FEW - 1 :]])
