"""What is said around an answer over whole documents, in English and Chinese."""

from __future__ import annotations

_TEXTS = {
    "en": {
        "progress": "Reading section {done} of {total}",
        "spread": "{done} of {total} sections were read, spread over the whole",
        "best": "{done} of {total} sections were read, those that match best",
        "whole": "the whole of {titles} was read",
        "matches": "{passages} matching passages in {documents} documents were read",
        "quoted": "no language model: this quotes the first sentences of the sections",
        "quoted_list": "no language model: this quotes the matching passages",
        "too_long": "a section was left out: it does not fit the model",
        "cut": "The list is not complete: some sections hold more items than could be written.",
        "which": "Which document is meant? Name it by its title or file name, or ask about it "
        "first.",
        "empty": "{titles} holds no text that could be read.",
    },
    "zh": {
        "progress": "正在阅读第 {done} 部分，共 {total} 部分",
        "spread": "共 {total} 部分，均匀选读了其中 {done} 部分",
        "best": "共 {total} 部分，阅读了其中最相关的 {done} 部分",
        "whole": "已通读 {titles}",
        "matches": "已阅读 {documents} 份文档中的 {passages} 个相关段落",
        "quoted": "没有语言模型：以下引用各部分的第一句",
        "quoted_list": "没有语言模型：以下引用相关段落",
        "too_long": "有一部分因超出模型的长度而未读",
        "cut": "列表不完整：有的部分条目太多，未能全部列出。",
        "which": "您指的是哪份文档？请写出它的标题或文件名，或先就它提问。",
        "empty": "{titles} 中没有可读的文字。",
    },
}


def text_of(key: str, language: str, **values: object) -> str:
    """A text by its key, in Chinese for Chinese, else in English."""
    return _TEXTS["zh" if language == "zh" else "en"][key].format(**values)
