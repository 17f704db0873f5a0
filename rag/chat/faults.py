"""What goes wrong, said on the page with what to do about it."""

from __future__ import annotations

from rag.chat.texts import WORDS
from rag.chat.waiting import progress_text
from rag.errors import FootnoteError, GenerationError, IndexStateError, ModelError, SearchError

_WORDS = {
    "en": {
        "nothing": "Nothing is indexed yet. Start the page with the folder of your documents:"
        " `footnote chat --docs FOLDER`.",
        "reading": "No document is ready yet; they are being read now ({indexing}). Ask again"
        " shortly.",
        "lost": "Stopped: the connection was lost for too long. Ask again.",
        "again": "Try again",
        "retry": "Answer again",
        "answer": "Answer this",
    },
    "zh": {
        "nothing": "还没有任何索引。请用文档所在的文件夹启动本页："
        "`footnote chat --docs 文件夹`。",
        "reading": "文档尚未就绪，正在读取（{indexing}）。请稍后再问。",
        "lost": "已停止：连接中断太久。请重新提问。",
        "again": "重试",
        "retry": "重新回答",
        "answer": "回答此问题",
    },
}  # fmt: skip
# What the messages, which are in English, come down to. The first kind that fits counts.
_LEADS_ZH = (
    ("too long", GenerationError, ("Ask a shorter one", "Ask for less"),
     "问题太长，超出了模型的容量。请缩短问题，或新建对话。"),
    ("restarting", GenerationError, ("being restarted",),
     "语言模型出错，正在重新启动。请稍后再问；也可以改用“搜索”。"),
    ("engine", GenerationError, (),
     "语言模型无法回答。请确认它正在运行，稍后重试；也可以改用“搜索”，它不需要模型。"),
    ("model", ModelError, (), "模型无法加载。请在终端运行 `footnote doctor` 查看原因。"),
    ("index", IndexStateError, (), "索引不可用。请在终端运行 `footnote doctor` 查看原因。"),
    ("search", SearchError, (), "无法这样搜索。请在设置中调整范围或检索方式。"),
    ("other", FootnoteError, (), "出错了。"),
)  # fmt: skip
_HINT_EN = "Search still works: choose “Search” below the question."


def error_text(error: BaseException, language: str) -> str:
    """What may be shown of an error: our own messages are made for it, others are not."""
    if not isinstance(error, FootnoteError):
        return WORDS[language]["failed"]
    told = str(error)
    kind, lead = _matching(error, told)
    if language == "zh":
        return f"{lead}\n\n{told}"
    return f"{told} {_HINT_EN}" if kind in ("engine", "restarting") else told


def empty_text(indexing: str | None, language: str) -> str:
    """That there is no document to answer from, and what to do."""
    words = _WORDS[language]
    if not indexing:
        return words["nothing"]
    return words["reading"].format(indexing=progress_text(indexing, language))


def word(name: str, language: str) -> str:
    """A word of a button, or of an answer that ended early."""
    return _WORDS[language][name]


def _matching(error: FootnoteError, told: str) -> tuple[str, str]:
    """The kind of an error, and its line in Chinese."""
    for kind, of, signs, lead in _LEADS_ZH:
        if isinstance(error, of) and (not signs or any(sign in told for sign in signs)):
            return kind, lead
    raise AssertionError("the last kind takes every error of ours")
