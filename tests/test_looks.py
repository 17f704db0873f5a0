"""Whether what is written can be read: the contrast of all colours that meet (WCAG 2.2, AA)."""

from __future__ import annotations

import colorsys
import json
import re
from collections.abc import Mapping

import pytest
from page_service import REPOSITORY

from rag.viewer_style import STYLE

READABLE = 4.5  # to 1, of text
VISIBLE = 3.0  # to 1, of what only has to be seen
CSS = (REPOSITORY / "public" / "footnote.css").read_text("utf-8")
THEME = json.loads((REPOSITORY / "public" / "theme.json").read_text("utf-8"))["variables"]
HEX = re.compile(r"#[0-9a-f]{3,6}\b")

Color = tuple[float, float, float]


def parse_hex(text: str) -> Color:
    digits = text.lstrip("#")
    digits = "".join(2 * sign for sign in digits) if len(digits) == 3 else digits
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def parse_hsl(text: str) -> Color:
    hue, saturation, lightness = (float(part.rstrip("%")) for part in text.split())
    return colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100)


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2: 1 to 21."""

    def luminance(color: Color) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def chat_colors(selector: str) -> dict[str, Color]:
    block = re.search(rf"^{re.escape(selector)} \{{(.*?)\}}", CSS, re.DOTALL | re.MULTILINE)
    assert block
    named = dict(re.findall(r"--fn-([\w-]+): (#[0-9a-f]+)", block[1]))
    theme = THEME["dark" if selector == ".dark" else "light"]
    page = {f"page-{name[2:]}": parse_hsl(value) for name, value in theme.items()}
    return {name: parse_hex(value) for name, value in named.items()} | page


def viewer_colors(index: int) -> dict[str, Color]:
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", STYLE)
    return {name: parse_hex((light, dark)[index]) for name, light, dark in pairs}


def too_faint(colors: Mapping[str, Color], pairs: str, least: float) -> dict[str, float]:
    found = {}
    for pair in pairs.split():
        ink, ground = pair.split("/")
        ratio = contrast(colors[ink], colors[ground])
        if ratio < least:
            found[pair] = round(ratio, 2)
    return found


CHAT = (
    "ink/chip on-ink/ink doubt/doubt-chip on-doubt/doubt text/statement text/paper dim/paper"
    " doubt/paper ink/paper text/card dim/card doubt/card ink/page-background dim/page-background"
    " good/page-background doubt/page-background text/page-background text/line"
    " page-primary/page-background page-primary-foreground/page-primary"
)
VIEWER = "ink/paper dim/paper link/paper ink/card dim/card link/card mark-ink/mark ink/row ink/warn"


def test_the_ratio_is_that_of_the_standard() -> None:
    white, black = parse_hex("#fff"), parse_hex("#000000")
    assert contrast(white, black) == pytest.approx(21) and contrast(white, white) == 1
    assert contrast(parse_hex("#777777"), white) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("selector", [":root", ".dark"])
def test_the_chat_can_be_read(selector: str) -> None:
    colors = chat_colors(selector)
    assert too_faint(colors, CHAT, READABLE) == {}
    edges = "doubt/page-background ink/page-background ink/card"
    assert too_faint(colors, edges, VISIBLE) == {}


@pytest.mark.parametrize("index", [0, 1], ids=["light", "dark"])
def test_the_viewer_can_be_read(index: int) -> None:
    colors = viewer_colors(index)
    assert too_faint(colors, VIEWER, READABLE) == {}
    assert too_faint(colors, "warn-line/warn link/paper", VISIBLE) == {}


def test_every_color_is_among_those() -> None:
    """A colour that stands elsewhere than in the variables is not in the tests above."""
    rules = CSS[CSS.index("html body {") :]
    assert HEX.findall(rules) == []
    pdf_paper_and_marker = ["#fff", "#ffd84d"]
    assert HEX.findall(STYLE[STYLE.index("* {") :]) == pdf_paper_and_marker
    named = set(re.findall(r"var\(--fn-([\w-]+)\)", CSS)) - {"panel"}
    assert named <= set(chat_colors(":root")) == set(chat_colors(".dark"))
    assert named - {name for pair in CHAT.split() for name in pair.split("/")} <= {"line"}
