"""The viewer's pages as HTML. Everything that comes from a document is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import PurePath

from rag.pdf_pages import PdfPage
from rag.viewer_style import SCRIPT, STYLE
from rag.viewer_words import WORDS


@dataclass(frozen=True, slots=True)
class View:
    """What a page of the viewer is made of. `theme` is "", "light" or "dark".

    `place` is where in the document the span stands, for people.
    """

    language: str
    theme: str
    title: str
    path: str
    place: str = ""
    notes: Sequence[str] = ()
    large: bool = False

    def word(self, key: str) -> str:
        """A text of the page in the reader's language, escaped."""
        return escape(WORDS[self.language][key])

    def position(self, number: int, page: PdfPage) -> str:
        """Which page it is of how many, with the number that the file gives it; not escaped."""
        words = WORDS[self.language]
        position = words["page"].format(page=number, num_pages=page.num_pages)
        label = words["label"].format(label=page.label)
        return f"{position} ({label})" if page.label else position


def more_link(view: View, url: str) -> str:
    """The way to all of a text of which a part is shown; nothing without an address."""
    return f'<a class="more" href="{escape(url)}">{view.word("all")}</a>' if url else ""


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


def quoted(title: str, body: str) -> str:
    """The quote as text, under a title of its own."""
    return f'<h2 class="aside">{title}</h2><div class="quote">{body}</div>'


def page_links(view: View, position: str, urls: Mapping[str, str]) -> str:
    """Page position and the ways to other pages.

    `urls` has those of `previous`, `next`, `cited`, and `zoom` or `fit`, as far as there are any.
    """
    back, on = (_step(view, key, urls.get(key)) for key in ("previous", "next"))
    links = [f'<span class="turn">{back}<span>{escape(position)}</span>{on}</span>']
    links += [
        f'<a href="{escape(urls[key])}">{view.word(key)}</a>'
        for key in ("cited", "zoom", "fit")
        if key in urls
    ]
    return "".join(links)


def _step(view: View, key: str, url: str | None) -> str:
    rel, sign, arrow = {"previous": ("prev", "‹", "←"), "next": ("next", "›", "→")}[key]
    if url is None:
        return f'<span class="step" aria-hidden="true">{sign}</span>'
    name = view.word(key)
    return (
        f'<a class="step" rel="{rel}" href="{escape(url)}" title="{name} ({arrow})"'
        f' aria-label="{name}">{sign}</a>'
    )


def document_page(view: View, main: str, links: str = "", file_url: str = "") -> str:
    """A whole page of the viewer."""
    place = f"<p>{escape(view.place)}</p>" if view.place else ""
    short = escape(" / ".join(PurePath(view.path).parts[-2:]))
    path = f'<p class="path" title="{escape(view.path)}">{short}</p>' if view.path else ""
    notes = "".join(f'<p class="note" role="note">{view.word(note)}</p>' for note in view.notes)
    original = (
        f'<a href="{escape(file_url)}" target="_blank" rel="noopener">{view.word("original")}</a>'
        if file_url
        else ""
    )
    nav = f"<nav>{links}{original}</nav>" if links or original else ""
    name = ' class="large"' if view.large else ""
    return (
        f'<!doctype html><html lang="{view.language}" data-theme="{escape(view.theme)}"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(view.title)}</title><style>{STYLE}</style></head><body>"
        f"<header><h1>{escape(view.title)}</h1>{place}{path}{nav}{notes}</header>"
        f"<main{name}>{main}</main><script>{SCRIPT}</script></body></html>"
    )
