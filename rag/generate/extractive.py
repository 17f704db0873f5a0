"""An answer without a language model: the sentences nearest to the question, quoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.encoder import TextEncoder
from rag.language import detect_language
from rag.literals import identifiers_in, literal_pattern, normalized
from rag.sentences import split_sentences
from rag.types import Passage
from rag.words import tokenize

MIN_LETTERS = 12  # shorter ones are headings and labels
MIN_SIMILARITY = 0.84  # e5 gives a question and an unrelated sentence about 0.78
NAMED_SIMILARITY = 0.03  # less is enough where what is asked for is named to the letter
MIN_SHARE = 0.5  # of the question's words
MARGIN = 0.03  # below the best; further sentences are padding
WORDS_WEIGHT = 0.1
IDENTIFIERS_WEIGHT = 0.15  # E12 and E21 are near in meaning, and not the same fault


@dataclass(frozen=True, slots=True)
class _Candidate:
    number: int
    position: int
    text: str
    score: float


def extract_answer(
    question: str, passages: Sequence[Passage], encoder: TextEncoder, *, max_sentences: int = 3
) -> str:
    """The best sentences with their markers, best first; "" if nothing comes near."""
    pieces = [
        (passage, position, " ".join(passage.text[start:end].split()))
        for passage in passages
        for position, (start, end) in enumerate(split_sentences(passage.text))
    ]
    pieces = [piece for piece in pieces if sum(map(str.isalpha, piece[2])) >= MIN_LETTERS]
    if not pieces:
        return ""
    sentences = encoder.encode_documents([text for _, _, text in pieces])
    similarities = sentences @ encoder.encode_queries([question])[0]
    words = set(tokenize(question))
    identifiers = [literal_pattern(one) for one in identifiers_in(question)]
    language = detect_language(question)
    candidates = []
    for (passage, position, text), similarity in zip(pieces, similarities, strict=True):
        share = len(words & set(tokenize(text))) / max(1, len(words))
        held = sum(one.search(normalized(text)) is not None for one in identifiers)
        named = held / max(1, len(identifiers))
        least = MIN_SIMILARITY - NAMED_SIMILARITY * named
        is_near = float(similarity) >= least or share >= MIN_SHARE
        if is_near and not text.endswith(("?", "？")):
            own = 0.02 if detect_language(text) == language else 0.0
            score = float(similarity) + WORDS_WEIGHT * share + IDENTIFIERS_WEIGHT * named + own
            candidates.append(_Candidate(passage.number, position, text, score))
    candidates.sort(key=lambda one: (-one.score, one.number, one.position))
    if not candidates:
        return ""
    best = candidates[0].score
    chosen = {one.text: one for one in reversed(candidates) if one.score >= best - MARGIN}
    kept = sorted(chosen.values(), key=lambda one: -one.score)[:max_sentences]
    return "\n\n".join(f"{one.text} [{one.number}]" for one in kept)
