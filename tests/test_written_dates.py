from __future__ import annotations

import pytest

from rag.written_dates import dates_in, without_dates


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        (
            "From 30 June 2024 to 2024年7月1日; March 2024? Reviewed 2023-02-30 and 2023-05.",
            {"2024-06-30", "2024-07-01", "2023-05"},
        ),
        ("am 5. März 2024", {"2024-03-05"}),
        ("le 5 août 2024, le 1er mai 2024", {"2024-08-05", "2024-05-01"}),
        ("el 5 de marzo de 2024", {"2024-03-05"}),
        ("5 марта 2024", {"2024-03-05"}),
        ("05.03.2024 und 5. 3. 2024", {"2024-03-05"}),
        ("03/05/2024", set()),  # may be either
        ("version 1.05.03.2024", set()),
    ],
)
def test_every_date_that_a_text_writes_out_is_told(text: str, dates: set[str]) -> None:
    assert dates_in(text) == dates


def test_a_text_without_its_dates() -> None:
    assert without_dates("from 3 to 5 March 2024, not 30 February 2024") == (
        "from 3 to  , not 30 February 2024"
    )
