"""The viewer's pages as HTML. Everything that comes from a document is escaped; no scripts."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rag.pdf_pages import PdfPage

STYLE = """
:root { color-scheme: light dark; --ink: light-dark(#1c1917, #e7e5e4);
  --dim: light-dark(#6b6460, #a8a29e); --paper: light-dark(#fdfcfa, #1c1a19);
  --line: light-dark(#e4dfd8, #3b3734); --link: light-dark(#9a3412, #fdba74);
  --mark: light-dark(#fde68a, #854d0e); --card: light-dark(#f6f2ec, #262322); }
:root[data-theme=light] { color-scheme: light; }
:root[data-theme=dark] { color-scheme: dark; }
* { box-sizing: border-box; }
html { scroll-padding: 38vh 0 30vh; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.65 system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", sans-serif; }
header { position: sticky; top: 0; z-index: 1; padding: .7rem 1.1rem; background: var(--paper);
  border-bottom: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.05rem; line-height: 1.35; overflow-wrap: anywhere; }
header p { margin: .1rem 0 0; color: var(--dim); font-size: .82rem; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; margin-top: .35rem; font-size: .86rem; }
a { color: var(--link); }
nav span { color: var(--dim); }
main { max-width: 54rem; margin: 0 auto; padding: 1rem 1.1rem 4rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
mark { background: var(--mark); color: inherit; border-radius: 2px; padding: .1em 0;
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.note { margin: 0 0 1rem; padding: .55rem .8rem; border-left: 3px solid var(--link);
  background: var(--card); border-radius: 0 4px 4px 0; font-size: .9rem; }
.more { display: block; margin: .8rem 0; font-size: .9rem; }
.sheet { display: block; width: 100%; height: auto; background: #fff;
  border: 1px solid var(--line); border-radius: 4px; }
.sheet rect { fill: #ffd84d; mix-blend-mode: multiply; }
figure { margin: 0 0 1.2rem; }
h2 { font-size: .82rem; color: var(--dim); font-weight: 600; margin: 1.2rem 0 .3rem; }
@media (max-width: 40rem) { main { padding: .7rem .7rem 3rem; } header { padding: .55rem .7rem; } }
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

WORDS = {
    "en": {
        "page": "Page {page} of {num_pages}",
        "label": "numbered {label}",
        "previous": "← Previous page",
        "next": "Next page →",
        "cited": "Cited page",
        "original": "Open the original file",
        "all": "Show the whole text",
        "quote": "The cited text",
        "changed": "The file has changed since it was indexed. The text below is the indexed one.",
        "gone": "The file is no longer there. This is the text as it was indexed.",
        "unreadable": "This page cannot be shown as a picture. This is its text as indexed.",
        "unmarked": "The cited text could not be marked on the page; here it is:",
        "missing_title": "Not in the index",
        "missing": "This document is not in the index: it was removed or has changed since the"
        " answer was written. Ask again to get a citation of what is there now.",
    },
    "zh": {
        "page": "第 {page} 页，共 {num_pages} 页",
        "label": "页码 {label}",
        "previous": "← 上一页",
        "next": "下一页 →",
        "cited": "回到引用页",
        "original": "打开原文件",
        "all": "显示全文",
        "quote": "引用的原文",
        "changed": "文件在建立索引之后有改动。下面是建立索引时的文字。",
        "gone": "文件已不在原处。下面是建立索引时的文字。",
        "unreadable": "这一页无法以图片显示。下面是建立索引时的文字。",
        "unmarked": "未能在页面上标出引用的文字，原文如下：",
        "missing_title": "索引中没有这份文档",
        "missing": "索引中没有这份文档：它在回答写出之后被移除或改动过。"
        "请重新提问，以引用现有的内容。",
    },
}


@dataclass(frozen=True, slots=True)
class View:
    """What a page of the viewer is made of. `theme` is "", "light" or "dark"."""

    language: str
    theme: str
    title: str
    path: str
    heading: str = ""
    notes: Sequence[str] = ()

    def word(self, key: str) -> str:
        """A text of the page in the reader's language, escaped."""
        return escape(WORDS[self.language][key])

    def position(self, number: int, page: PdfPage) -> str:
        """Which page it is of how many, with the number that the file gives it; not escaped."""
        words = WORDS[self.language]
        position = words["page"].format(page=number, num_pages=page.num_pages)
        label = words["label"].format(label=page.label)
        return f"{position} ({label})" if page.label else position


def marked_text(text: str, start: int, end: int, first: int, last: int, *, anchor: bool) -> str:
    """`text[first:last]` with `text[start:end]` highlighted; both may reach outside."""
    name = ' id="cite"' if anchor else ""
    quote = f"<mark{name}>{escape(text[start:end])}</mark>" if end > start else ""
    before, after = escape(text[first:start]), escape(text[end:last])
    return f'<div class="text">{before}{quote}{after}</div>'


def text_main(view: View, body: str, all_url: str) -> str:
    """The stored text; `all_url` leads to all of it where `body` is a part, else is empty."""
    more = f'<a class="more" href="{escape(all_url)}">{view.word("all")}</a>' if all_url else ""
    return more + body + more


def sheet(picture_url: str, page: PdfPage, alt: str) -> str:
    """The picture of a PDF page with the quote's rectangles on it."""
    marks = "".join(
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{w:.2f}" height="{h:.2f}"/>'
        for x, y, w, h in page.rectangles
    )
    group = f'<g id="cite">{marks}</g>' if marks else ""
    return (
        f'<figure><svg class="sheet" viewBox="0 0 {page.width:.2f} {page.height:.2f}" role="img"'
        f' aria-label="{escape(alt)}"><image href="{escape(picture_url)}" width="{page.width:.2f}"'
        f' height="{page.height:.2f}"/>{group}</svg></figure>'
    )


def page_links(view: View, position: str, urls: dict[str, str]) -> str:
    """Page position and the ways to other pages; `urls` has those of previous, next and cited."""
    links = [f"<span>{escape(position)}</span>"]
    links += [f'<a href="{escape(url)}">{view.word(key)}</a>' for key, url in urls.items()]
    return "".join(links)


def document_page(view: View, main: str, links: str = "", file_url: str = "") -> str:
    """A whole page of the viewer."""
    heading = f"<p>{escape(view.heading)}</p>" if view.heading else ""
    notes = "".join(f'<p class="note">{view.word(note)}</p>' for note in view.notes)
    original = (
        f'<a href="{escape(file_url)}" target="_blank" rel="noopener">{view.word("original")}</a>'
        if file_url
        else ""
    )
    return (
        f'<!doctype html><html lang="{view.language}" data-theme="{escape(view.theme)}"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(view.title)}</title><style>{STYLE}</style></head><body>"
        f"<header><h1>{escape(view.title)}</h1><p>{escape(view.path)}</p>{heading}"
        f"<nav>{links}{original}</nav></header><main>{notes}{main}</main></body></html>"
    )
