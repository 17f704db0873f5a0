"""The wordings by which a text gives orders to a language model, and not to a person.

Each rule needs more than a verb: whom it addresses, what it says of "the answer", or which
earlier orders it sets aside. The rules were measured on ordinary documents; docs/decisions.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MODEL = r"(?:ais?|llms?|(?:large\s+)?language\s+models?|chat\s?bots?|ai\s+(?:models?|assistants?))"
_ADDRESSED = rf"(?:{_MODEL}|assistants?|models?)"
_REPLY = r"(?:answers?|repl(?:y|ies)|responses?|outputs?)"
_SAY = (
    r"(?:add|answer|append|begin|cite|close|end|finish|give|include|mention|obey|output|print|"
    r"quote|repeat|reply|respond|say|sign|start|tell|translate|write)"
)
_MUST = r"(?:must|should|shall|ha(?:s|ve)\s+to|needs?\s+to|(?:is|are)\s+to|will|may\s+only)"
_ALL = r"(?:(?:all|any|the|your|of|these)\s+)*"
_RULES = r"(?:instructions?|prompts?|rules?|messages?|orders?|guidelines?)"
_M = "(?:(?:大|语言|大语言|AI)?模型|人工智能(?:助手)?|AI(?:助手)?|聊天机器人|智能助手|助手)"
_A = "(?:回答|回复|答复|答案|输出|应答)"
_DUTY = "(?:必须|务必|请|都?要|应当?|须)"
_ADD = "(?:加上|写上|附上|附加|带上|包含|注明|提到|插入)"

# What the text must hold for the pattern to be worth a try, and the pattern.
_WORDED = (
    ("<|im sources inst] sys>>", r"<\|im_(?:start|end)\|>|</?sources\b|\[/?INST\]|<</?SYS>>"),
    ("answer", r"^\W*answer\s*[:：].*\[\d{1,2}\]\W*$|^\W*\(?answer\s+in\s+\w+\s+with\b"),
    (
        "ignore disregard forget discard override",
        rf"\b(?:ignore|disregard|forget|discard|override)\s+{_ALL}(?:(?:previous|prior|above|earlier|"
        rf"preceding|foregoing)\s+(?:\w+\s+)?{_RULES}|{_RULES}\s+(?:that\s+)?you\s+(?:were|have\s+been"
        r"|got|received)|(?:the\s+|this\s+)?(?:user'?s?\s+)?question\b)",
    ),
    (
        "do_not don't",
        r"\bdo(?:\s+not|n't)\s+(?:answer|repeat|reply\s+to|respond\s+to|cite)\s+(?:the|this|any)\s+"
        r"(?:\w+'?s?\s+)?(?:question|above|user)\b",
    ),
    ("tell_the_user", r"(?:^|[.!?:]\s*)(?:then\s+|instead,?\s+)?tell\s+the\s+users?\s+that\b"),
    (
        "answer_with answers_with reply_with replies_with response_with responses_with "
        "output_with outputs_with message_with messages_with sentence_with sentences_with",
        r"\b(?:begins?|starts?|ends?|finish(?:es)?|closes?|prefix(?:es)?)\s+(?:your|the|its|every|"
        rf"each|all|any)\s+(?:{_REPLY}|messages?|sentences?)\s+with\b",
    ),
    (
        "answer repl respon output",
        r"\b(?:add|append|include|insert|attach|put)\b[^.]{0,60}\b(?:to|in|into|after|before|at\s+the"
        rf"\s+end\s+of)\s+(?:your|its|every|each)\s+{_REPLY}\b",
    ),
    (
        "answer repl respon output",
        rf"\b{_MUST}\s+(?:add|append|include|insert|attach|end|begin|start|finish)\b[^.]{{0,60}}\b(?:the|"
        rf"your|its|every|each|any)\s+{_REPLY}\b|\bthe\s+answer\s+(?:must|has\s+to|shall)\s+(?:hold|"
        r"include|contain|end|begin|start)\b",
    ),
    (
        "answer repl respon output",
        rf"\b{_ADDRESSED}\s+{_MUST}\s+[^.]{{0,40}}\b(?:its|the|your|every|each|any)\s+{_REPLY}\b",
    ),
    (
        "ai, ai: ais llm language_model bot assistant model: model, models: models,",
        r"(?:^|[.!?]\s*)(?:dear\s+|hey\s+|attention\s+|(?:note|message)\s+(?:to|for)\s+(?:the\s+)?)?"
        rf"{_ADDRESSED}\s*[,:]\s*(?:please|kindly|now|you|here|do\s+not|{_SAY})\b"
        rf"|\bnote\s+(?:to|for)\s+(?:the\s+|all\s+)?(?:{_MODEL}|assistants?)\s*[:,]",
    ),
    ("if_you_are", rf"\bif\s+you\s+are\s+(?:an?|the)\s+{_ADDRESSED}\b"),
    ("as_an", rf"\bas\s+an\s+{_MODEL}\b,?\s+(?:you|please|{_SAY})\b"),
    (
        "when_you whenever_you",
        r"\bwhen(?:ever)?\s+you\s+(?:answer|reply|respond)[^,.]{0,30},\s*(?:please\s+)?"
        + _SAY
        + r"\b",
    ),
    (
        "only solely exclusively nothing_else",
        r"\b(?:reply|respond|answer)\s+(?:only|solely|exclusively)\s+(?:with|by)\b|\b(?:answer|reply|"
        r"respond|say|write|output|print)\b[^.]{0,60}\band\s+nothing\s+else\b"
        r"|\byour\s+(?:only|sole)\s+(?:permitted|allowed)\s+(?:output|answer|reply)\b",
    ),
    (
        "prompt system",
        r"\b(?:output|print|reveal|repeat|show)\s+(?:me\s+)?your\s+(?:\w+\s+)?(?:system\s+)?prompt\b"
        r"|(?:^|[.!?]\s+)\W*system\s+(?:message|prompt|override)\b\W*[:\]]",
    ),
    (
        "instruction task",
        r"\b(?:new|updated|revised)\s+(?:(?:instructions?|task)\s*:\s*(?:please\s+)?"
        rf"{_SAY}|instructions?\s+(?:to|for)\s+(?:the\s+)?{_ADDRESSED})\b",
    ),
    (
        "you_are_now from_now_on",
        r"\byou\s+are\s+now\s+(?:(?:(?:a|an|the|in)\s+)?(?:\w+\s+)?(?:pirate|assistant|model|character|"
        r"developer\s+mode)\b|(?-i:[A-Z]\w+))"
        r"|\bfrom\s+now\s+on,?\s+you\s+(?:are|will\s+be|(?:must\s+)?(?:answer|reply|speak))\b",
    ),
    (
        "pretend act_as",
        r"\bpretend\s+(?:to\s+be|that\s+you\s+are)\s+(?:an?|the|my)\b[^.]{0,60}\b(?:machine|ai|model|"
        r"assistant|robot|called|named)\b|(?:^|[.!?:]\s*)act\s+as\s+(?:my\b|dan\b)",
    ),
    (
        "sources documents passages cite_only",
        r"\bother\s+(?:sources|documents|passages)\s+(?:are|is|were)\s+[^.]{0,20}\b(?:outdated|obsolete|"
        r"invalid|wrong|false)\b|\bcite\s+only\s+th(?:is|ese)\b"
        r"|\bother\s+sources\b[^.]{0,20}\bmust\s+not\s+be\s+cited\b",
    ),
    (
        "précédentes anweisungen anteriores previas",
        r"\bignore[rz]?\s+(?:toutes?\s+)?(?:les|tes|vos)\s+(?:instructions|consignes)\s+précédentes"
        r"|\bignoriere?n?\s+(?:sie\s+)?(?:alle\s+)?(?:vorherigen|bisherigen|obigen)\s+anweisungen"
        r"|\bignor[ae]\s+(?:todas\s+)?las\s+instrucciones\s+(?:anteriores|previas)",
    ),
    ("無視 忘れ", "(?:これまで|以前|上記|今まで|前)の(?:指示|命令|指令)[^。]{0,6}(?:無視|忘れ)"),
    (
        "忽略 无视 忘记 忘掉 抛开 不要理会 不用管",
        "(?:忽略|无视|忘记|忘掉|抛开|不要理会|不用管)(?:[^。，]{0,4}(?:以上|上述|之前|先前|前面|此前|原有)"
        "[^。，]{0,6}(?:指令|指示|命令|提示|规则|要求|设定)|(?:上文|前文|(?:用户的?|这个|上面的)?问题))",
    ),
    ("不要", "不要(?:回答|回复|重复|引用)[^。，]{0,6}(?:问题|提问|用户|上文|上述|以上|前文)"),
    ("告诉", "(?:^|[。，；！：,;]|请|而是|改为)告诉(?:用户|提问者)"),
    (
        "回答 回复 答复 答案 输出 应答",
        f"(?:每个|所有|任何|每次|你的每个){_A}[^。]{{0,8}}(?:必须|务必|都?要|应当?)[^。]{{0,6}}(?:包含|以|带|加|写)"
        f"|{_A}(?:的|之)?(?:末尾|结尾|开头|最后|之后|里|中|时|前|后)[^。]{{0,6}}{_DUTY}[^。]{{0,4}}(?:{_ADD}|以|出现)"
        f"|{_DUTY}在{_A}[^。]{{0,4}}{_ADD}"
        f"|(?:必须|务必)以[^。]{{1,30}}(?:开头|结尾|结束){_A}"
        f"|{_A}[^。]{{0,6}}以[^。]{{1,24}}(?:开头|结尾|结束)"
        f"|{_M}{_DUTY}[^。]{{0,12}}(?:{_A}|{_ADD}|忽略)"
        f"|(?:必须|只能|一律|都要?)用(?:英语|英文|中文|汉语|日语|法语|德语|西班牙语)来?{_A}",
    ),
    (
        "开头 结尾 结束 每句话",
        "(?:必须|务必)以[^。]{1,30}(?:开头|结尾|结束)|每句话的?(?:结尾|末尾|开头|最后)[^。]{0,4}(?:说|加|写|带)",
    ),
    (
        "只",
        "只(?:回复|输出|回答)(?:“|\\s*[A-Z]{3})|只(?:回复|说)“[^”]{1,40}”(?:[。，、]|[一二三四]个字|$)",
    ),
    (
        "你是 你就是 你为 到这 到此 到本 亲爱的 各位 致",
        f"(?:如果|假如|若|要是)你(?:就)?(?:是|为)[^。，]{{0,10}}{_M}|(?:读|看)到(?:这里|此处|本页|这段|这)的?{_M}"
        f"|(?:亲爱的|各位|致){_M}[,，:：]",
    ),
    (
        "系统 开发者",
        "(?:^|[。！？])\\W*系统(?:提示|消息|指令)\\s*[:：】\\]]|(?:输出|显示|复述|公开)你的系统提示|(?:^|[。！？])\\W*开发者(?:备注|提示)[:：]",
    ),
    ("任务 指令 指示", "新(?:任务|指令|指示)[:：]\\s*(?:请|只|不要|你)"),
    ("从现在", "从现在(?:起|开始)[,，]?(?:你(?:就)?(?:是|扮演|必须)|无论用户|你的回答)"),
    ("假装 扮演", "假装(?:你是|自己是)|(?:^|[。，])请?扮演我"),
    (
        "来源 资料 文档",
        "(?:其他|其它|别的)(?:来源|资料|文档)[^。]{0,6}(?:作废|过时|失效|无效|不得引用|不可信)"
        "|只(?:能|可|准)?引用(?:本|这个|此)来源",
    ),
)


@dataclass(frozen=True, slots=True)
class OrderRule:
    """A wording. A text in lower case without any of the words is not worth searching."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]


RULES = tuple(
    OrderRule(
        tuple(word.replace("_", " ") for word in words.casefold().split()),
        re.compile(pattern, re.IGNORECASE | re.MULTILINE),
    )
    for words, pattern in _WORDED
)

# Turns of a chat at the start of a line; both sides must speak for it to be one.
_TURN = r"^[ \t>*#-]*(?:{})\**[ \t]*[:：]"
ASKER_TURN = re.compile(_TURN.format("human|user|用户|人类"), re.IGNORECASE | re.MULTILINE)
MODEL_TURN = re.compile(_TURN.format("assistant|ai|助手"), re.IGNORECASE | re.MULTILINE)
# The head line of a source, as the prompt has it, and what follows up to an empty line.
FORGED_SOURCE = re.compile(r"^\[\d{1,2}\] \S[^\n]{0,120}[:：][ \t]*$(?:\n.*\S.*)*", re.MULTILINE)
