from __future__ import annotations

import pytest

from rag.pack_words import packing_line
from rag.types import LeftOut, PackedPassage, PackReport


def report(*scopes: str, left_out: tuple[str, ...] = (), dropped: int = 0) -> PackReport:
    return PackReport(
        scope="auto",
        passages=tuple(PackedPassage(n, 600, scope) for n, scope in enumerate(scopes, start=1)),
        left_out=tuple(LeftOut(9, "/a", "A", "", 300, reason) for reason in left_out),
        kept_turns=0,
        dropped_turns=dropped,
        prompt_tokens=2000,
        room=4000,
        budget=7000,
    )


def test_a_line_for_people() -> None:
    assert packing_line(report("passage", "passage"), "en") == (
        "The model reads 1,200 tokens of passages (room for 4,000)."
    )
    line = packing_line(
        report(
            "section", "neighbours", left_out=("it takes 9 tokens where 3 are left",), dropped=2
        ),
        "en",
    )
    assert line.endswith(
        "; up to whole sections; 1 found passage had no room; the 2 oldest questions are left out."
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_part_is_said_only_where_it_is_so(language: str) -> None:
    plain = packing_line(report("passage"), language)
    cut = packing_line(report("document", left_out=("too long; its section went in",)), language)
    assert len(cut) > len(plain) and "{" not in cut + plain
