from __future__ import annotations

from pathlib import Path

import pytest

from ingest.readers.titles import document_title


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("Annual report", "Annual report"),
        (" 年度报告 ", "年度报告"),
        ("0000320193-22-000070", "2022 Q3 AAPL"),
        ("Microsoft Word - Lease, final.docx", "Lease, final"),
        ("report_v2.tex", "report_v2"),
        ("Untitled", "2022 Q3 AAPL"),
        ("PowerPoint Presentation", "2022 Q3 AAPL"),
        ("x", "2022 Q3 AAPL"),
        ("", "2022 Q3 AAPL"),
    ],
)
def test_a_title_that_says_nothing_gives_way_to_the_name(given: str, title: str) -> None:
    assert document_title(given, Path("/a/2022 Q3 AAPL.pdf")) == title
