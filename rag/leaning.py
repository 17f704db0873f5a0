"""Whether a question leans on what was said before it: by pronouns, openings, and what it lacks.

Told by rules, from the question alone: "And its warranty?" leans, "How long is the warranty of
the pump?" stands. A pronoun with something before it that it may stand for does not count.
"""

from __future__ import annotations

import re
import unicodedata

from rag.language import detect_language
from rag.words import UNSPACED

MAX_BARE_WORDS = 3  # "warranty period?" asks for something of something
MAX_BARE_CHARACTERS = 7  # the same in text without spaces
MAX_SHORT_WORDS = 5  # "who erases it?" holds nothing that "it" may be
MAX_SHORT_CHARACTERS = 20

# By language: openings that go on from what was said, words that stand for something said, and
# words that say nothing by themselves (articles, question words, auxiliaries, prepositions).
_OPENINGS = {
    "en": "and|but|or|so|also|then|what about|how about|same for|what if not|now for|okay and",
    "de": "und|oder|aber|also|dann|was ist mit|wie sieht es|wie steht es|wie ist es|und was",
    "fr": "et|ou alors|mais|alors|qu'en est-il|qu’en est-il|même chose|quid",
    "es": "y|o|pero|entonces|qué hay|qué tal|que tal|lo mismo",
    "pt": "e|ou|mas|então|e quanto|que tal",
    "it": "e|o|ma|allora|che ne|e per",
    "nl": "en|of|maar|dan|hoe zit het",
    "ru": "а|и|или|но|тогда|что насчёт|что насчет|как насчёт|как насчет",
}
_PRONOUNS = {
    "en": "it|its|it's|they|them|their|theirs|he|him|his|she|her|hers|those|these|former|latter",
    "de": "er|ihn|ihm|dessen|deren|diese|dieser|dieses|diesem|diesen|davon|dafür|damit|daran|"
    "dazu|darin|jene|jener|jenes|sie|ihr|ihre|ihren|ihrer|seine|seinen|seiner|sein",
    "fr": "il|elle|ils|elles|lui|leur|leurs|celui-ci|celle-ci|celui|celle|ceux|cela|ça|son|sa|ses",
    "es": "él|ella|ellos|ellas|eso|esa|ese|esos|esas|esto|su|sus|aquel|aquella",
    "pt": "ele|ela|eles|elas|isso|isto|esse|essa|dele|dela|deles|delas|seu|sua",
    "it": "esso|essa|essi|lui|lei|loro|questo|questa|quello|quella|suo|sua|ciò",
    "nl": "hij|hem|zij|ze|hun|deze|dit|die|daarvan|ervan",
    "ru": "он|она|оно|они|его|её|ее|их|ему|ей|им|этот|эта|это|эти|этого|этой|тот|та|те",
}
_EMPTY = {
    "en": "a an the of for to in on at by from with about as is are was were be been being do does "
    "did done has have had can could will would should shall may might must what which who whom "
    "whose when where why how much many long far old often big and or but so also then there here "
    "if not no yes any some more most less else instead again i we you me us my our your up down "
    "out into over after before between during since until than that this one ones next last "
    "first second third other others another same following previous above below back happens "
    "happen mean means please tell explain say said apply applies work works come comes go goes",
    "de": "der die das den dem des ein eine einen einem einer und oder aber ist sind war waren wie "
    "was wer wo wann warum welche welcher welches viel viele lange in im am an auf für von zu mit "
    "bei nach vor hat haben kann wird es nicht denn dann auch noch nächste nächsten zweite",
    "fr": "le la les un une des du de et ou mais est sont était que qui quoi quel quelle quels "
    "quelles quand où comment pourquoi combien pour par dans en sur à au aux a ont peut il y "
    "suivant suivante prochain dernière dernier deuxième autre",
    "es": "el la los las un una de del y o pero es son era fue que qué quién cuál cuáles cuándo "
    "dónde cómo cuánto cuánta cuántos por para en con a al ha tiene siguiente otro otra segundo",
    "pt": "o a os as um uma de do da e ou mas é são era foi que qual quais quem quando onde como "
    "quanto por para em no na com ao tem próximo seguinte outro outra segundo",
    "it": "il lo la i gli le un una di del della e o ma è sono era che quale quali chi quando dove "
    "come quanto per in con al ha prossimo seguente altro altra secondo",
    "nl": "de het een van en of maar is zijn was wat wie waar wanneer hoe waarom veel voor in op "
    "met aan volgende andere tweede",
    "ru": "и а или но что кто где когда как почему сколько какой какая какие в на для с по о об "
    "от до у к следующий следующая другой вторая второй",
}
# Something of a row, a list or a pair, that only what was said before can tell.
_POINTERS = re.compile(
    r"\b(?:the|that|this)\s+(?:(?:very\s+)?(?:next|last|other|first|second|third|previous|"
    r"following|latter|former|same|remaining)\b(?:\s+(?:ones?|items?|levels?|types?|steps?|"
    r"category|categories|row|entry|rule|section|chapter|point|option|part|case|two|three))?"
    r"(?=\s*(?:[?.!,;]|$|listed|down|up|in the list|of (?:them|these|those)))|"
    r"(?:ones?|item|level|type|step|category|row|entry|section)\s+"
    r"(?:above|below|before|after|that follows|next)\b)"
    r"|\b(?:of|about|for|with|after|before|above|below|by|on|to|does|did|is|was|do|mean|like|do|"
    r"cause|causes|than|from|in)\s+(?:this|that|these|those|there|ones?)\s*(?:[?.!,;]|$)"
    r"|\b(?<!the )(?:\w+ )ones\s*(?:[?.!,;]|$)"
    r"|\b(?:in|at|under)\s+(?:this|that)\s+case\b|\bwhat else\b|\b(?:who|where|why|how|anything)"
    r"\s+(?:else|so|not)\b|^(?:is|was|are|were|why is|when was|how is|how was)\s+"
    r"(?:this|that|those|these)\b|^(?:what|when|where|why|how|who)\s+(?:does|did|do|would|will)\s+"
    r"(?:this|that|those|these)\b",
    re.IGNORECASE,
)
_THIS_OR_THAT = re.compile(
    r"(?:^(?:can|will|has|have|should|must)|\b(?:do|does|did))\s+(?:this|that|these|those)\b",
    re.IGNORECASE,
)
# "How many employees does it have?": the employees are not what it is.
_ASKS_OF_IT = re.compile(
    r"^(?:what|which|how\s+(?:many|much))\b(?!\s+(?:time|day|date)\b)(?:\s+\w+){0,3}?"
    r"\s+(?:do|does|did|is|are|was|were|has|have|can|will)\s+(?P<pronoun>it|they|he|she)\b"
    r"(?!\s+(?:that|who)\b)",
    re.IGNORECASE,
)
_EXPLETIVE = re.compile(
    r"\b(?:is|was|does|did|will|would|can|could|may|might|has|how long (?:does|did|will))\s+it\s+"
    r"(?:\w+\s+){1,5}?(?:to|that|for|when|if)\s+\w+"
    r"|\b(?:it is|it was|is it|was it)\s+(?:\w+\s+)?(?:to|that)\s+\w+",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"^(?:what|who|what's|who's)\s*(?:is|are|was|were)?\s+\w|^(?:define|explain|describe)\s",
    re.IGNORECASE,
)
_HAN_OPENING = re.compile(
    r"^(?:那么?(?!些|个|种|样|里|曲|达|波|须|不勒斯)|還有|还有|另外|此外|然后|接着|接下来|再|"
    r"其次|以及|或者|换成|如果是|同样|为什么呢|怎么办呢)"
)
# 这个产品的, 该合同的; not 该如何 (should), nor 那曲的 (a place)
_HAN_THIS = re.compile(
    r"^(?:(?:这|那|此|该)(?:个|款|台|份|家|项|种|条|类|次|些|本|辆|座)[^\W\d的]{1,8}"
    r"|该[^\W\d的如怎不做去由交找用选填办向从在谁多何]{1,8})(?:的|是|多|有|什么|何时|需)"
)
_HAN_PRONOUN = re.compile(
    r"它们?|她们?|(?<!其)他(?!人)们?|(?<![尤极与土])其(?![中他实次它余])|前者|后者|上述|上面|"
    r"(?:这|那|該|该)(?:个|些|种|款|项|样|条|份|家|台|次|类|两个|三个)?(?=[^\w]|$|的|是|有|"
    r"怎|为|多|几|能|可|要|需|会|在|由|应)|[上下]一?(?:个|种|项|条|级|行)(?=[^\w]|$|呢|是|的|有|要|怎|为|可|能)|另一?(?:个|种)(?=[^\w]|$|呢|是|的)|第[一二三四五六七八九十\d]+"
    r"(?:个|种|项|条|点|类)(?=[^\w]|$|呢|是|的)"
)
_HAN_ASKS = re.compile(r"什么|什麼|怎|多少|几|哪|谁|誰|如何|为何|吗|嗎|是否|能否|可否|何")
_HAN_DEFINES = re.compile(
    r"^(?:什么是|何谓|何为|谁是|啥是)|(?:是什么|是谁|是啥|指什么|的定义)[？?]?$"
)
_HAN_EMPTY = re.compile(
    r"请问|如果|假如|当|在|对于?|由|和|与|跟|是|的|了|什么|怎么样?|怎样|多少|哪些?|哪[个里儿]|谁|如何|"
    r"为什么|为何|几|吗|呢|那么?|又|也|还|就|都|有|没有|被|把|从|到|给|用|要|能|可以|会|时候|时间|[，。？！、\s]"
)
_JAPANESE = re.compile(
    r"^(?:では|じゃあ|それでは|そして|また|次|他に|ほかに)|それ|これ|あれ|その|この|あの|そこ|ここ|彼女?|前者|後者"
)
_KOREAN = re.compile(
    r"^(?:그럼|그러면|그리고|또|다음)|그것|그건|이것|이건|저것|(?:^|\s)그(?:의|는|가|녀|들)?(?=\s)|(?:은|는)요\s*\?"
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_NAME = re.compile(r"\d|[A-Z]")


def leans_on_history(question: str) -> bool:
    """Whether the question needs what was said before it to be understood."""
    text = " ".join(unicodedata.normalize("NFKC", question).split()).lstrip("¿¡\"' ")
    language = detect_language(question)
    if language == "ja":
        return bool(_JAPANESE.search(text)) or _is_bare(text)
    if language == "ko":
        return bool(_KOREAN.search(text))
    if re.search(f"[{UNSPACED}]", text) and language == "zh":
        return _leans_in_chinese(text)
    return _leans_in_words(text, language)


def has_telling_words(question: str) -> bool:
    """Whether a question names anything of its own, as "And the next one?" does not."""
    words = telling_words(question)
    return len("".join(words)) > 1 if re.search(f"[{UNSPACED}]", question) else bool(words)


def telling_words(question: str) -> list[str]:
    """The words that say something by themselves; of unspaced scripts, runs of characters."""
    text = unicodedata.normalize("NFKC", question)
    if re.search(f"[{UNSPACED}]", text):
        return _HAN_EMPTY.sub(" ", _HAN_PRONOUN.sub(" ", _HAN_OPENING.sub(" ", text))).split()
    language = detect_language(text)
    empty = _set(_EMPTY, language) | _set(_PRONOUNS, language, "|")
    words = _WORD.findall(_POINTERS.sub(" ", text) if language == "en" else text)
    return [word for word in words if word.casefold() not in empty]


def _leans_in_words(text: str, language: str) -> bool:
    if _opens(text, language) or (
        language == "en" and (_POINTERS.search(text) or _THIS_OR_THAT.search(text))
    ):
        return True
    words = _WORD.findall(text)
    empty = _set(_EMPTY, language)
    telling = [word for word in words if word.casefold() not in empty]
    if not telling or (len(words) <= MAX_BARE_WORDS and not _is_whole(words, text)):
        return True
    expletives = [] if language != "en" else [m.span() for m in _EXPLETIVE.finditer(text)]
    if language == "en" and (asked := _ASKS_OF_IT.match(text)):
        at = asked.start("pronoun")
        if not any(start <= at < end for start, end in expletives):
            return True
    return _has_free_pronoun(text, language, empty, expletives)


def _opens(text: str, language: str) -> bool:
    openings = _OPENINGS.get(language, _OPENINGS["en"])
    return re.match(rf"(?:{openings})\b(?!-)", text, re.IGNORECASE) is not None


def _is_whole(words: list[str], text: str) -> bool:
    """Whether so short a question says all it asks for: a name, or what something is."""
    named = any(_NAME.search(word) for word in words[1:]) or text.isupper()
    return named or _DEFINES.match(text) is not None


def _has_free_pronoun(
    text: str, language: str, empty: frozenset[str], expletives: list[tuple[int, int]]
) -> bool:
    """Whether a pronoun stands where nothing before it can be what it stands for."""
    pronouns = _set(_PRONOUNS, language, "|")
    words = _WORD.findall(text.casefold())
    if len(words) <= MAX_SHORT_WORDS and words[-1] in pronouns:
        return True
    for found in _WORD.finditer(text):
        word = found[0].casefold().replace("’", "'")
        if word not in pronouns:
            if word not in empty and not _is_verb_like(text[: found.start()]):
                return False
        elif not any(start <= found.start() < end for start, end in expletives):
            return True
    return False


def _is_verb_like(before: str) -> bool:
    """Whether a word that follows is hardly what a pronoun stands for: it follows "how"."""
    return re.search(r"\b(?:how|so|too|very)\s+$", before, re.IGNORECASE) is not None


def _leans_in_chinese(text: str) -> bool:
    if _HAN_OPENING.match(text) or _HAN_THIS.match(text):
        return True
    asks = _HAN_ASKS.search(text)
    bare = text.rstrip("？?。！! ")
    if bare.endswith("呢") and (not asks or len(bare) <= MAX_BARE_CHARACTERS):
        return True
    if len(bare) <= MAX_SHORT_CHARACTERS and "它" in bare:
        return True
    if found := _HAN_PRONOUN.search(text):
        return not _HAN_EMPTY.sub("", text[: found.start()])
    return _is_bare(bare)


def _is_bare(text: str) -> bool:
    """Whether a question of a few characters names nothing and asks for no definition."""
    bare = text.rstrip("？?。！! ")
    return (
        len(bare) <= MAX_BARE_CHARACTERS
        and not _NAME.search(bare)
        and not _HAN_DEFINES.search(bare)
    )


def _set(table: dict[str, str], language: str, separator: str | None = None) -> frozenset[str]:
    return frozenset(table.get(language, table["en"]).split(separator))
