from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from rag.tables.vocabulary import MAX_TRANSLATIONS, groups, translations


def test_names_are_translated_in_parts_and_both_ways() -> None:
    assert "质量评分" in translations("quality score")
    assert "交货周期" in translations("lead time")
    assert "quality score" in translations("质量评分")
    assert "华东" in translations("east china")


def test_a_name_with_an_unknown_part_is_not_guessed() -> None:
    assert translations("quality zorblax") == ()
    assert translations("质量鱻") == ()
    assert translations("") == ()


def test_every_group_is_in_both_languages_and_as_questions_are_compared() -> None:
    for group in groups():
        han = {word for word in group if re.search("[\u3400-\u9fff]", word)}
        assert han and group - han
        assert all(word == word.casefold().strip() and word for word in group)


@given(st.lists(st.sampled_from(sorted({w for g in groups() for w in g})), max_size=6))
def test_translations_are_few_and_change_the_language(words: list[str]) -> None:
    name = " ".join(words)
    found = translations(name)
    assert len(found) <= MAX_TRANSLATIONS and name not in found
