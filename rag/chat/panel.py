"""The page's settings and its switch between answers and search, as Chainlit's widgets."""

from __future__ import annotations

from typing import Any

from chainlit.chat_settings import ChatSettings
from chainlit.input_widget import Select, Slider, Switch
from chainlit.mode import Mode, ModeOption

from rag.chat.choices import ANSWER, MAX_TEMPERATURE, MAX_TOP_K, QUESTION, SEARCH, Choices
from rag.language import language_name

TASK = "task"  # the id of the switch
LANGUAGES = ("zh", "en", "de", "fr", "es", "it", "pt", "ru", "ja", "ko", "vi", "th", "ar")

_WORDS = {
    "en": {
        "task": "What to do",
        ANSWER: ("Answer", "Read the best passages and write an answer with footnotes"),
        SEARCH: ("Search", "List the best passages at once, without the language model"),
        "mode": ("How to search", {
            "hybrid": "By meaning and words", "dense": "By meaning", "lexical": "By words"}),
        "scope": ("How much to read around what is found", {
            "auto": "As much as fits", "passage": "The passage", "neighbours": "Its neighbours too",
            "section": "Its section", "document": "Its document", "folder": "Its folder"}),
        "top_k": ("How many passages to look for", ""),
        "language": ("Language of the answer", "As the question"),
        "temperature": ("Freedom of wording", "0 is repeatable; more gives varied answers"),
        "general": ("General knowledge", "Where the documents do not answer, the model adds what"
                    " it knows, marked so"),
        "model": ("Language model", "As configured where Footnote runs"),
    },
    "zh": {
        "task": "要做什么",
        ANSWER: ("回答", "阅读最相关的段落，写出带脚注的回答"),
        SEARCH: ("搜索", "立即列出最相关的段落，不使用语言模型"),
        "mode": ("检索方式", {"hybrid": "语义和关键词", "dense": "语义", "lexical": "关键词"}),
        "scope": ("围绕结果读取多少", {
            "auto": "尽量多", "passage": "该段落", "neighbours": "相邻段落", "section": "所在章节",
            "document": "整个文档", "folder": "整个文件夹"}),
        "top_k": ("查找多少个段落", ""),
        "language": ("回答的语言", "与问题相同"),
        "temperature": ("措辞的自由度", "0 表示可重复；越大越多样"),
        "general": ("模型自身的知识", "文档没有答案时，由模型补充其所知，并加以标明"),
        "model": ("语言模型", "由运行 Footnote 的设置决定"),
    },
}  # fmt: skip


def panel(choices: Choices, model: str, language: str) -> ChatSettings:
    """The settings with what is chosen; the model is told, and cannot be changed here."""
    words: dict[str, Any] = _WORDS[language]
    names = {code: language_name(code) for code in LANGUAGES}
    names |= {choices.language: language_name(choices.language)} if choices.language else {}
    as_asked = {QUESTION: words["language"][1]}
    values = choices.values()
    selects = [
        _select("mode", words["mode"][0], words["mode"][1], values),
        _select("scope", words["scope"][0], words["scope"][1], values),
        _select("language", words["language"][0], as_asked | names, values),
    ]
    most = {"top_k": (1, MAX_TOP_K, 1), "temperature": (0, MAX_TEMPERATURE, 0.1)}
    sliders = [
        Slider(
            id=name,
            label=words[name][0],
            initial=values[name],
            min=low,
            max=high,
            step=step,
            description=words[name][1] or None,
        )
        for name, (low, high, step) in most.items()
    ]
    label, description = words["general"]
    switch = Switch(id="general", label=label, initial=choices.general, description=description)
    label, description = words["model"]
    told = Select(
        id="model",
        label=label,
        items={model: model},
        initial_value=model,
        description=description,
        disabled=True,
    )
    return ChatSettings([*selects, *sliders, switch, told])


def task_switch(language: str) -> Mode:
    """The switch beside the question."""
    words: dict[str, Any] = _WORDS[language]
    icons = {ANSWER: "message-square-quote", SEARCH: "search"}
    options = [
        ModeOption(task, words[task][0], words[task][1], icon, default=task == ANSWER)
        for task, icon in icons.items()
    ]
    return Mode(TASK, words["task"], options)


def _select(name: str, label: str, titles: dict[str, str], values: dict[str, Any]) -> Select:
    # Chainlit's items lead from what is shown to what is meant.
    items = {title: value for value, title in titles.items()}
    return Select(id=name, label=label, items=items, initial_value=values[name])
