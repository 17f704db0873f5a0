from __future__ import annotations

from datetime import date, datetime

import pytest

from rag.types import StoredDocument
from rag.where import Where
from rag.where_document import lets_through

NOON = int(datetime(2024, 5, 6, 12).timestamp()) * 10**9
OFFER = StoredDocument(7, "/docs/contracts/offer.pdf", "Offer", "", 10, NOON)
LANGUAGES = {7: ["en", "zh"]}


@pytest.mark.parametrize(
    ("where", "is_in"),
    [
        (Where(), True),
        (Where(folders=("/docs/contracts",)), True),
        (Where(folders=("contracts",)), True),
        (Where(folders=("/docs/con",)), False),
        (Where(globs=("*.docx",)), False),
        (Where(types=("pdf",), documents=(7,)), True),
        (Where(documents=(8,)), False),
        (Where(after=date(2024, 5, 6), before=date(2024, 5, 7)), True),
        (Where(after=date(2024, 5, 7)), False),
        (Where(before=date(2024, 5, 6)), False),
        (Where(languages=("en", "zh", "de")), True),
        (Where(languages=("en",)), False),
        (Where(any_of=(Where(types=("docx",)), Where(folders=("contracts",)))), True),
        (Where(any_of=(Where(types=("docx",)), Where(folders=("other",)))), False),
        (Where(types=("docx",), any_of=(Where(folders=("contracts",)),)), False),
        (Where(none_of=(Where(folders=("contracts",)),)), False),
        (Where(none_of=(Where(folders=("other",)),)), True),
    ],
)
def test_a_document_passes_as_a_whole_or_not(where: Where, is_in: bool) -> None:
    assert lets_through(where, OFFER, lambda number: LANGUAGES[number]) is is_in


def test_an_archive_does_not_pass_for_its_members() -> None:
    archive = StoredDocument(1, "/docs/a.zip", "a", "", 1, NOON)
    where = Where(folders=("/docs/a.zip/private",))
    assert not lets_through(where, archive, lambda _: [])
