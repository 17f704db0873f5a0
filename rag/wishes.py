"""What a turn of a conversation wishes beyond a question: a language, a form, a correction.

Told by rules, which cost nothing: "In French, please", "shorter", "as a table", "no, I meant the
P1". Only a turn that says nothing else is about the answer before it; "Is the manual in English?"
asks.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rag.types import Message

Form = Literal["", "again", "short", "long", "table", "list", "simple"]

_LANGUAGES = {
    "en": "english|englisch|anglais|inglés|ingles|inglese|inglês|engels|英语|英文|英語|영어"
    "|английском",
    "zh": "chinese|mandarin|chinesisch|chinois|chino|cinese|chinês|中文|汉语|漢語|普通话|中国語"
    "|중국어"
    "|китайском",
    "fr": "french|französisch|français|francais|francés|francese|francês|法语|法文|法語"
    "|フランス語|프랑스어"
    "|французском",
    "de": "german|deutsch|allemand|alemán|aleman|tedesco|alemão|德语|德文|德語|ドイツ語|독일어"
    "|немецком",
    "es": "spanish|spanisch|espagnol|español|espanol|spagnolo|espanhol|西班牙语|西班牙文|スペイン語"
    "|스페인어|испанском",
    "it": "italian|italienisch|italien|italiano|意大利语|意大利文|イタリア語|이탈리아어"
    "|итальянском",
    "pt": "portuguese|portugiesisch|portugais|portugués|português|portoghese|葡萄牙语|葡萄牙文"
    "|ポルトガル語|포르투갈어",
    "nl": "dutch|niederländisch|néerlandais|holandés|nederlands|荷兰语|オランダ語",
    "ja": "japanese|japanisch|japonais|japonés|giapponese|japonês|日语|日文|日語|日本語|일본어"
    "|японском",
    "ko": "korean|koreanisch|coréen|coreano|韩语|韩文|韓語|韓国語|한국어|корейском",
    "ru": "russian|russisch|russe|ruso|russo|俄语|俄文|俄語|ロシア語|러시아어|русском",
}
_ANY = "|".join(names for names in _LANGUAGES.values())
_LATIN_IN = rf"(?:in|into|to|auf|ins|en|em|al|на)\s+(?P<name>{_ANY})(?!\w)"
_VERBS = (
    r"answer|reply|respond|say|repeat|write|translate|explain|tell|give|put|rephrase|summari[sz]e|"
    r"sum|describe|list|compare|antworten?|sag|schreib|übersetzen?|wiederhole|erkläre|"
    r"répond(?:s|ez|re)|tradui(?:s|sez|re)|dis|dites|répète|responde|responda|traduce|traduci|"
    r"tradúcelo|traduza|di|dilo|repite|rispondi|ответь(?:те)?|переведи(?:те)?"
)
_POLITE = (
    r"(?:please|pls|bitte|svp|s'il (?:te|vous) pla[iî]t|por favor|per favore|thanks?|thank you)"
)
# A language is wished where a verb of saying asks for it, or where it stands alone or apart.
_LANGUAGE_WISHES = (
    re.compile(
        rf"(?:^|(?<=[.!?;,:(\s]))(?:(?:can|could|would) you\s+)?(?:please\s+)?(?:now\s+)?"
        rf"(?:{_VERBS})\b(?P<between>(?:\s+(?:me|us|it|that|this|them|again|once more|your answer|"
        rf"the answer|the (?:last|previous) answer|das|es|ça|cela|le|lo|esto|la réponse|now|always|"
        rf"only|please))*)\s+{_LATIN_IN}(?:\s*,?\s*{_POLITE})?(?P<on>\s+from now on)?[.!)]*",
        re.IGNORECASE,
    ),
    re.compile(
        rf"^(?:and\s+|now\s+|und\s+|et\s+|y\s+|the same\s+|same\s+|{_POLITE}\s*,?\s*)*{_LATIN_IN}"
        rf"(?:\s*,?\s*(?:{_POLITE}|now|again))?(?P<on>\s+from now on)?\s*[.!?:,]+\s*"
        rf"|^(?:and\s+|now\s+|und\s+|et\s+|y\s+|the same\s+|same\s+|{_POLITE}\s*,?\s*)*"
        rf"{_LATIN_IN.replace('name', 'whole')}(?:\s*,?\s*(?:{_POLITE}|now|again))?"
        rf"(?P<still>\s+from now on)?$",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:(?<=[.!?;,])\s*|\s*\(\s*|\s+and\s+(?:also\s+)?){_LATIN_IN}"
        rf"(?:\s*,?\s*{_POLITE})?(?P<on>\s+from now on)?\s*[.!?)]*$",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?P<on>以后都?|今后都?|从现在起|从现在开始|接下来都?)?[，,]?(?:请|麻烦|能不能|能否"
        rf"|可以|改|再|并且?)*"
        rf"(?:用|以|使用)(?P<name>{_ANY})(?:语言)?(?:来|再|给我|帮我|重新|简短地?)*"
        rf"(?P<verb>回答|回复|答|说(?!明书)|讲|写|解释|复述|重复|表达|翻译|输出|作答|告诉我)"
        rf"(?:一遍|一次|一下|说一遍|好吗|吗|吧)*[：:，,。！!？?]*"
    ),
    re.compile(
        rf"(?:请|麻烦|再|把(?:它|这个?|上面的?|刚才的)?(?:回答|答案|内容)?|帮我)*(?:翻译?|译"
        rf"|转换?|换)(?:成|为|到)"
        rf"(?P<name>{_ANY})(?:吧|一下|好吗)*[：:，,。！!？?]*"
    ),
    re.compile(
        rf"^(?:那|请|换|改)?(?:用|说|讲)?(?P<name>{_ANY})(?:版本?|呢|吧|说|回答)*[。！!？?]*$"
    ),
    re.compile(
        rf"(?P<name>{_ANY})で(?:も)?(?:答えて|お願い|言って|説明して|書いて|訳して)[^。]*[。！!]*"
        rf"|(?P<whole>{_ANY})로\s*(?:답|말|설명|번역|써|대답)[^.]*[.!]*"
    ),
)
_FILLER = re.compile(
    rf"^(?:{_POLITE}|can you|could you|would you|now|and|also|but|ok(?:ay)?|then|give (?:it"
    rf"|that) to me"
    r"|[请請]你?|麻烦你?|能不能|能否|可不可以|可以|再|那|好的?|帮我|并且?|给我)[\s,，、:：]*"
    rf"|[\s,，、:：]*(?:{_POLITE}|and|but|吗|吧|呢|好吗|一下|谢谢|并且?|[.!?。！？…]+)$",
    re.IGNORECASE,
)
_IT = r"(?:it|that|this|the (?:last |previous )?answer|your (?:last )?answer|the above|all that)"
_FORMS: tuple[tuple[Form, re.Pattern[str]], ...] = (
    ("short", re.compile(
        rf"(?:make {_IT} |keep {_IT} |put {_IT} |say {_IT} |a (?:bit|little) |much )*(?:shorter"
        rf"|short"
        rf"|briefer|briefly|more (?:briefly|concise(?:ly)?)|in (?:short|brief|one sentence"
        rf"|a sentence"
        rf"|a few words|fewer words)|tl;?dr|too long)(?: version)?(?: of {_IT})?"
        rf"|shorten {_IT}|summari[sz]e (?:{_IT}|your answer)|kürzer|plus court|más corto|più breve"
        r"|(?:太长了?[，,]?)?(?:说|讲|写|回答)?(?:得)?(?:简短|短|简洁|精简|简练|简略)(?:一?点儿?"
        r"|一些)?(?:说|回答|的)?"
        r"|缩短|精简|太长了|(?:用)?一句话(?:说明|概括|总结|说|回答)?",
        re.IGNORECASE)),
    ("long", re.compile(
        r"(?:a (?:bit|little) )?(?:longer|(?:in |with |give me )?more details?"
        r"|elaborate(?: on (?:it|that))?"
        r"|go on|tell me more(?: about (?:it|that))?|expand(?: on (?:it|that))?)|ausführlicher"
        r"|plus de détails|más detalles"
        r"|(?:说|讲|回答)?(?:得)?(?:更)?详细(?:一?点|一些)?(?:说说|说明|讲讲|解释|说|的)?"
        r"|展开(?:说说|讲讲|说)|多说(?:一)?点|具体(?:一?点|说说)",
        re.IGNORECASE)),
    ("table", re.compile(
        rf"(?:(?:show|give|put|format|present|make|display|turn"
        rf"|write)(?: me)?(?: {_IT})? )?(?:(?:as|in|into) )?"
        rf"(?:a |the )?table(?: form(?:at)?)?|als tabelle|sous forme de tableau|como tabla"
        r"|(?:用|以|做成|列成|整理成|改成|转成|画成?)?(?:一?个|一张)?表格?(?:的?形式)?(?:列出来?"
        r"|展示|显示|表示|呈现|回答|看看|说明)?",
        re.IGNORECASE)),
    ("list", re.compile(
        rf"(?:(?:show|give|put|format|present|make|write)(?: me)?(?: {_IT})? )?(?:(?:as|in|into) )"
        r"(?:a |the )?(?:bullet(?:ed)? |numbered )?(?:list|bullets|bullet points|points)"
        r"|(?:用|以|做成|整理成|改成)?(?:列表|要点|清单)(?:的?形式)?(?:列出来?|展示|呈现|回答)?"
        r"|分(?:点|条)(?:说明|列出|回答|说)?",
        re.IGNORECASE)),
    ("simple", re.compile(
        rf"(?:explain |say |put )?(?:{_IT} )?(?:more simply|simpler|in simple(?:r)? (?:words|terms)"
        r"|in plain (?:words|english)|so a child understands)|(?:说|讲|解释)?(?:得)?(?:通俗"
        r"|简单)(?:易懂)?(?:一?点|一些)?(?:说|解释|的)?",
        re.IGNORECASE)),
    ("again", re.compile(
        rf"(?:say |repeat |tell me |translate |write |rephrase |give me )(?:{_IT})?(?: ?again"
        rf"| ?once more)?"
        r"|again|once more|come again|(?:say|repeat)|noch ?mal|encore|otra vez"
        r"|(?:重新)?(?:再)?(?:说|讲|重复|重说|复述|回答)(?:一)?(?:遍|次)|重复|重说|翻译",
        re.IGNORECASE)),
)  # fmt: skip
_CORRECTION = re.compile(
    r"^(?:(?:no|nope|sorry|wait|actually|wrong|not that|oops)\b[\s,.!;:-]*)*"
    r"(?:i (?:meant|mean|was asking about|asked about|asked for|am asking about|wanted)"
    r"|i'm asking about|my question was about|nein,? ich meinte|ich meinte"
    r"|non,? je (?:voulais dire|parlais de)"
    r"|no,? me refer[ií]a a)\s+(?P<new>.+)$"
    r"|^(?:no|nope|sorry|wrong)\b[\s,.!;:-]+(?P<bare>(?:the|for|about|in)\s+[^.?!]{1,60})[.?!]*$"
    r"|^(?:(?:no|sorry)\b[\s,]*)?not\s+(?P<old>(?:the |in |for )?[^,]{1,60}?)(?:,"
    r"| but)(?: rather| but)*\s+"
    r"(?P<other>[^.?!]{1,60})[.?!]*$"
    r"|^(?:不对?|不是|错了?|搞错了|抱歉|对不起|更正|纠正)*(?:[，,。！!、\s]+|(?<=不是)|(?<=不))?"
    r"我(?:(?:想|要)?(?:问|说|指|要|找)的?|的意思|想问的?)是(?P<han>.+)$"
    r"|^(?:不对?[，,。！!\s]*)?不是(?P<hanold>[^，,]{1,20})[，,]\s*(?:而?是|应该是"
    r"|我问的是)(?P<hannew>.{1,40})$"
    r"|^(?:不对|错了|搞错了|不)[，,。！!、\s]+(?:应该)?是(?P<hanbare>.{1,40})$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a turn wishes. `rest` is what is left of it as a question.

    `language` is a code, "" if none was named; it `lasts` where it was wished for later answers
    too. `is_about_answer`: it asks nothing new. `replaced` is what a correction takes back.
    """

    rest: str
    language: str = ""
    lasts: bool = False
    form: Form = ""
    is_about_answer: bool = False
    is_correction: bool = False
    replaced: str = ""


def find_wish(turn: str) -> Wish:
    """What a turn wishes for."""
    text = " ".join(unicodedata.normalize("NFKC", turn).split())
    rest, language, lasts = _without_language(text)
    if found := _CORRECTION.match(rest):
        new = next((found[name] for name in _NEW if found[name]), "")
        old = found["old"] or found["hanold"] or ""
        bare = new.strip(" .。!！?？")
        kept = new.strip() if new.rstrip().endswith(("?", "？")) else bare
        return Wish(kept, language, lasts, is_correction=True, replaced=old.strip())
    body = _unfilled(rest)
    for form, pattern in _FORMS:
        if pattern.fullmatch(body):
            return Wish(text, language, lasts, form, is_about_answer=True)
    if language and not any(sign.isalnum() for sign in body):
        return Wish(text, language, lasts, "again", is_about_answer=True)
    return Wish(rest if language else turn.strip(), language, lasts)


_NEW = ("new", "bare", "other", "han", "hannew", "hanbare")


def lasting_language(history: Sequence[Message]) -> str:
    """The language that an earlier turn wished for all answers after it; "" if none did."""
    for turn in reversed(history):
        if turn.role == "user" and (wish := find_wish(turn.content)).lasts:
            return wish.language
    return ""


def _without_language(text: str) -> tuple[str, str, bool]:
    """The turn without its wish for a language, the language's code, and whether it lasts."""
    for pattern in _LANGUAGE_WISHES:
        if not (found := pattern.search(text)):
            continue
        if _only_asks(text, found.start()):
            continue
        groups = found.groupdict()
        name = (groups.get("name") or groups.get("whole") or "").casefold()
        rest = f"{text[: found.start()]} {text[found.end() :]}".strip(" ,，;；:：")
        return rest, _CODES[name], bool(groups.get("on") or groups.get("still"))
    return text, "", False


def _only_asks(text: str, at: int) -> bool:
    """Whether a language is asked about, not wished for: "Do I have to answer in French?"."""
    before = text[:at].rstrip()
    return (
        _IS_QUESTION.search(text) is not None
        and any(sign.isalnum() for sign in before)
        and before[-1].isalnum()  # else the wish stands apart from what is asked
        and not _ASKS_US.search(before)
    )


_IS_QUESTION = re.compile(r"[?？]$|吗[。!！]*$")
_ASKS_US = re.compile(
    r"^(?:and |now |please )*(?:can|could|would|will) you\b|[你您]"
    r"|^(?:请|請|麻烦|能不能|能否|可不可以)",
    re.IGNORECASE,
)
_CODES = {name: code for code, names in _LANGUAGES.items() for name in names.split("|")}


def _unfilled(text: str) -> str:
    """The turn without politeness around it."""
    while (shorter := _FILLER.sub("", text).strip()) != text:
        text = shorter
    return text
