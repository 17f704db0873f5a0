"""Questions that a model writes about a sentence, and what is wrong with many of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from rag.evaluation.sampling import Evidence
from rag.generate import Generator
from rag.generate.first_line import first_line
from rag.language import detect_language, language_name
from rag.types import Message
from rag.words import tokenize

MAX_TOKENS = 64
MAX_CHARACTERS = 240
MIN_WORDS = 4  # tokens
PASSAGE_CHARACTERS = 1200  # of the chunk, around the sentence
MAX_COPIED = 0.85  # of a question's words, in one piece of the sentence
MAX_ALIKE = 0.8  # of the words of two questions

ANSWERABLE = """\
You write questions to test a search engine. You get a passage of a document and one sentence of \
it. Write one question that this sentence answers, as somebody would ask it who has never seen \
the document. Name the thing that the question is about, so that it can be understood alone. Use \
your own words; never write "this document", "the text" or "it". Do not answer. Write only the \
question.

Example
Document: Rules of Elm Park > Pond
Passage: The pond is cleaned twice a year. In winter it is drained to 30 cm.
Sentence: In winter it is drained to 30 cm.
Question in English: How much water stays in the pond of Elm Park during the cold season?

Example
Document: 榆园须知 > 开放时间
Passage: 夏季七点开园。冬季因天黑较早，十六点半闭园。
Sentence: 冬季因天黑较早，十六点半闭园。
Question in Chinese (中文): 榆园冬天几点关门？"""

UNANSWERABLE = """\
You write questions to test whether a search engine admits that it does not know. You get a \
passage of a document. Write one question about the same thing which the passage does not answer: \
ask for a fact that is not stated, such as a price, a date, a name, a number or a reason. Name \
the thing that the question is about, so that it can be understood alone; never write "this \
document" or "the text". Do not answer. Write only the question.

Example
Document: Rules of Elm Park > Pond
Passage: The pond is cleaned twice a year. In winter it is drained to 30 cm.
Question in English: Which company was hired to clean the pond of Elm Park?

Example
Document: 榆园须知 > 开放时间
Passage: 夏季七点开园。冬季因天黑较早，十六点半闭园。
Question in Chinese (中文): 榆园的门票多少钱一张？"""

WIDE_MARK_LANGUAGES = ("zh", "ja")  # whose question mark is wide
_LABEL = re.compile(r"^(?:question[^:：\n]{0,30}|问题)\s*[:：]\s*", re.IGNORECASE)
_ENDS = ("?", "？", "؟")
_POINTING = re.compile(
    r"\b(?:this|these|that|the|above|following|given|provided)\s+(?:given\s+|provided\s+)?"
    r"(?:passage|text|document|sentence|excerpt|article|paragraph|page|quote|statement|context)s?\b"
    r"|\b(?:above|mentioned|aforementioned)\b"
    r"|(?<!应)[该此]|上述|以上|下列|前述|上文|下文|文中|原文|本文|句子|段落|这[个篇段份种些项台款]"
    r"|提到|提及|所述|(?:文档|文章|文本|文件|资料|内容)(?:中|里|内)",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"^(?:\S+\s+){0,3}(?:it|its|they|their|them|he|she|his|her|this|these|those)\b"
    r"|^[它他她其这那]",
    re.IGNORECASE,
)


def ask_about(evidence: Evidence, generator: Generator, *, answerable: bool = True) -> str:
    """One question on a line, or "" where the model wrote none. GenerationError if it fails."""
    prompt = build_prompt(evidence, answerable=answerable)
    line = first_line(generator, prompt, max_tokens=MAX_TOKENS, max_characters=MAX_CHARACTERS)
    return _LABEL.sub("", line).strip(" \"'“”「」*")


def build_prompt(evidence: Evidence, *, answerable: bool = True) -> list[Message]:
    """The rules, then the passage around the sentence, the sentence, and the language asked for."""
    chunk = evidence.chunk
    first = max(0, evidence.end - chunk.start - PASSAGE_CHARACTERS)
    passage = " ".join(chunk.text[first : first + PASSAGE_CHARACTERS].split())
    place = " > ".join(dict.fromkeys(part for part in (chunk.title, chunk.heading) if part))
    lines = [f"Document: {place}", f"Passage: {passage}"]
    if answerable:
        lines.append(f"Sentence: {' '.join(evidence.text.split())}")
    mark = "？" if chunk.language in WIDE_MARK_LANGUAGES else "?"
    lines.append(f"(Ask, do not tell: one question that names its subject and ends in {mark})")
    lines.append(f"Question in {language_name(chunk.language)}:")
    system = ANSWERABLE if answerable else UNANSWERABLE
    return [Message("system", system), Message("user", "\n".join(lines))]


def fault(question: str, evidence: Evidence, others: Iterable[str]) -> str:
    """What is wrong with a question, in a word or two; "" if nothing is seen."""
    words = tokenize(question)
    if not question.endswith(_ENDS) or sum(question.count(end) for end in _ENDS) > 1:
        return "not one question"
    if len(words) < MIN_WORDS or len(question) > MAX_CHARACTERS:
        return "too short or long"
    if detect_language(question) != evidence.chunk.language:
        return "another language"
    if _POINTING.search(question) or _PRONOUN.search(question):
        return "does not stand alone"
    if _copied(words, tokenize(evidence.text)) > MAX_COPIED:
        return "copies the sentence"
    if not _names_row(words, evidence):
        return "may mean any row"
    if any(_likeness(words, tokenize(other)) >= MAX_ALIKE for other in others):
        return "asked already"
    return ""


def _copied(words: list[str], sentence: list[str]) -> float:
    """The share of the words that stand in the sentence in one piece."""
    matcher = SequenceMatcher(None, words, sentence, autojunk=False)
    return matcher.find_longest_match().size / max(1, len(words))


def _names_row(words: list[str], evidence: Evidence) -> bool:
    """Whether a question about a row of a table has a word of it that no other row has."""
    if not evidence.text.startswith("|"):
        return True
    others = evidence.chunk.text.replace(evidence.text, "", 1)
    return bool(set(words) & (set(tokenize(evidence.text)) - set(tokenize(others))))


def _likeness(one: list[str], other: list[str]) -> float:
    """The Jaccard index of two sets of words."""
    return len(set(one) & set(other)) / max(1, len(set(one) | set(other)))
