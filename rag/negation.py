"""Whether a statement says no where its quote says yes, or the other way round, clause by clause.

Silent wherever it is not sure: two negations in a clause, an exception or a limit (unless, after,
以外) that only one of the two has, a clause that is about something else of the quote.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from rag.sentences import BAR
from rag.words import tokenize

RESTATED = 0.5  # of the words of each of two clauses: then they say the same thing or its opposite

# What holds a word of negation and is none, by language.
_APPARENT = re.compile(
    r"\bnot\s+(?:only|just|least|necessarily|exceed\w*)\b|\bno\.\s*\d+|\bno\s+(?:doubt|matter)\b"
    r"|\b(?:not|no)\s+(?:\w+\s+)?(?:more|less|fewer|later|longer|sooner|earlier|older|higher|lower"
    r"|larger|smaller|greater|bigger|heavier|shorter|younger)\s+than\b|\bnothing\s+but\b"
    r"|\bnicht\s+(?:nur|zuletzt|(?:mehr|weniger|länger|später|früher|höher|älter|größer)\s+als"
    r"|überschreiten)\b"
    r"|\bpas\s+(?:seulement|plus\s+d\w*|moins\s+d\w*|dépasser|excéder)\b|\bne\s+dépass\w+\s+pas\b"
    r"|\bn['’]excèd\w+\s+pas\b"
    r"|\b(?:no|não|non)\s+(?:solo|sólo|só|apenas|soltanto|obstante|más\s+de|menos\s+de|mais\s+d\w*"
    r"|più\s+di|meno\s+di|exced\w+|super\w+)\b"
    r"|\bне\s+(?:только|более|больше|менее|меньше|позднее|позже|ранее|раньше|выше|ниже|превыша\w+"
    r"|должен\s+превышать)\b"
    r"|なければ(?:なりません|ならない|いけません|いけない)|なくては\w{0,2}(?:ません|ない)"
    r"|かもしれ(?:ません|ない)|だけで(?:は)?なく|のみならず|[少危]ない|(?:超え|超過し)(?:ない|ません)"
    r"|뿐만?\s*아니라|\bلا\s+(?:يقل|يتجاوز|يزيد|تقل|تتجاوز|تزيد|سيما)"
    r"|(\w)不\1|不(?:得|能|可|应|要|会|宜|应当)?(?:超|少于|低于|高于|多于|大于|小于|早于|迟于|晚于|逾)"
    r"|不[仅但只光论管断久锈足等良妨满错过]|不同(?!意)|不得不|不可(?:或缺|抗力)|不动产|不定期|不一定"
    r"|未[来必婚]|没收",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|neither|none|nobody|nothing|cannot|without|prohibited|forbidden|excluded"
    r"|nicht|kein\w{0,2}|niemals|niemand|nichts|weder|ohne|verboten|untersagt"
    r"|jamais|aucune?|sans|interdite?s?"
    r"|nunca|jamás|ning[uú]n\w?|nadie|nada|sin|tampoco|prohibid[oa]s?"
    r"|não|nenhum\w?|sem|proibid[oa]s?|non(?!-)|nessun\w?|vietat[oaie]"
    r"|не|нет|нельзя|никогда|никто|ничего|без|запрещен\w*|запрещён\w*)\b"
    r"|\b\w+n['’]t\b"
    r"|\b(?:ne\s|n['’])(?:\S+\s+){1,4}?(?:pas|rien|plus)\b"
    r"|ません|ない|なし|禁止|不要|不可|않\w?|없\w?|못\w?|금지|아닙니다|아니다"
    r"|غير|ليس\w*|\bلا\b|\bلم\b|\bلن\b|ممنوع\w*|دون"
    r"|不[得能可会是在包予属再需要应许准]?|[勿毋]|无[法需须权]|無[法需須權]|[没沒]有?|未(?!经|經|满|滿)"
    r"|严禁|嚴禁|谢绝|并非|並非"
    r"|(?<=[:：|｜])\s*(?:无|無|否)(?=\s*(?:[|｜。；;,，\n]|$))",
    re.IGNORECASE,
)
# What bounds a yes or a no: "not after 6" is no denial of "until 6".
_LIMIT = re.compile(
    r"\b(?:unless|except|until|till|before|after|within|beyond|outside|over|under|above|below|only"
    r"|if|when|while|during|than|otherwise|more|less|longer|yet|later|all|every|always"
    r"|außer|bis|vor|nach|innerhalb|außerhalb|über|unter|nur|wenn|falls|alle|immer|mehr"
    r"|sauf|avant|après|hors|sous|jusqu\w*|seulement|si|tous|toutes|plus"
    r"|salvo|excepto|antes|después|fuera|hasta|solo|sólo|todos|todas|más"
    r"|кроме|до|после|только|если|все|всегда|больше)\b"
    r"|以外|以内|以上|以下|除|逾|超|满|滿|未经|未經|只|仅|僅|才|前|后|後|内|外|都|全|均|だけ|のみ|まで"
    r"|إلا|بعد|قبل|فقط",
    re.IGNORECASE,
)
# Words that change nothing here: articles, forms of to be, and what allows or demands.
_EMPTY_WORDS = (
    "a an the this that these those it its they you we i he she there any some anyone anybody "
    "everyone everybody someone something anything is are was were be been being am do does did "
    "has have had can could may might must shall should will would of for to in on at by with and "
    "or as allowed permitted possible included need needs "
    "der die das den dem des ein eine einen einem einer es er sie ist sind war wird werden darf "
    "dürfen muss müssen kann können soll sollen hat haben zu und oder mit für von im erlaubt "
    "le la les un une des du de il elle est sont être peut peuvent doit doivent ce se et ou à "
    "el los las una del al es son ser está están puede pueden debe deben y o en con por para "
    "и или в на с"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_EMPTY_HAN = re.compile(r"可以|可|能够|能|应当|应该|应|必须|需要|须|允许|准许|都|均|也|了|的|请")
_CLAUSE_END = re.compile(
    r"[;；。!?！？\n،؛]|[,，](?!\d)|、(?=但)|\.(?=\s|$)|(?:但是?|而且|并且|且|然而|不过)"
    r"|\b(?:but|however|whereas|although|though|aber|jedoch|sondern|mais|pero|sino|mas|porém|ma"
    r"|но|однако)\b"
    r"|\band\b(?=(?:\s+\w+){0,3}\s+(?:not|never|cannot|must|may|can|will|shall|should|is|are|do"
    r"|does)\b)",
    re.IGNORECASE,
)
_PLURAL = re.compile(r"(?<=[a-z]{3})(?<!s)s$")  # and the third person: supports, support
_SENTENCE_ENDS = (".", "。", "!", "！", "?", "？", ";", "；")


@dataclass(frozen=True, slots=True)
class _Clause:
    """The words of a clause that tell what it is about, and whether it denies it."""

    words: frozenset[str]
    num_negations: int
    limits: frozenset[str]


def turns_around(statement: str, quote: str, near: str = "") -> bool:
    """Whether a clause of a statement denies what its quote says, or says what that denies.

    `near` is what stands around the quote: a heading or a lead-in there ("Not covered:") may say
    no for the quote.
    """
    said, given = _clauses(statement), _clauses(quote)
    if not any(one.num_negations for one in said):
        return any(_is_denied(one, given) for one in said)
    if _denies(quote) or quote.lstrip().startswith(BAR) or _is_led_by_a_no(quote, near):
        return False  # of a list, any clause may share the no of another
    return any(one.num_negations == 1 and _is_met(one, given) for one in said)


def _is_denied(said: _Clause, given: Sequence[_Clause]) -> bool:
    """Whether all that is given on what is said denies it."""
    met = _meeting(said, given)
    return bool(met) and all(one.num_negations == 1 and one.limits == said.limits for one in met)


def _is_met(said: _Clause, given: Sequence[_Clause]) -> bool:
    met = _meeting(said, given)
    return bool(met) and all(one.limits == said.limits for one in met)


def _meeting(said: _Clause, given: Sequence[_Clause]) -> list[_Clause]:
    """The clauses that speak of what is said.

    They hold all of it that the quote holds at all, or name nothing else: their subject stands in
    a clause before them.
    """
    everywhere = frozenset[str]().union(*(one.words for one in given))
    return [
        one
        for one in given
        if said.words & one.words
        and (said.words & everywhere <= one.words or one.words <= said.words)
        and len(said.words & one.words) >= RESTATED * max(len(said.words), len(one.words))
    ]


def _clauses(text: str) -> list[_Clause]:
    plain = _APPARENT.sub(" ", unicodedata.normalize("NFKC", text).casefold())
    parts = (part for part in _CLAUSE_END.split(plain) if part)
    return [one for one in map(_read, parts) if one.words]


def _read(clause: str) -> _Clause:
    found = _NEGATION.findall(clause)
    bare = _EMPTY_HAN.sub(" ", _NEGATION.sub(" ", clause))
    limits = frozenset(_LIMIT.findall(clause))
    words = (_PLURAL.sub("", word) for word in tokenize(bare) if word not in _EMPTY)
    return _Clause(frozenset(words), len(found), limits)


def _denies(text: str) -> bool:
    return any(one.num_negations for one in _clauses(text))


def _is_led_by_a_no(quote: str, near: str) -> bool:
    """Whether a heading or a lead-in, which end no sentence, says no."""
    lines = (line.strip() for line in near.splitlines())
    return any(
        _denies(line)
        for line in lines
        if line and line not in quote and not line.endswith(_SENTENCE_ENDS)
    )
