from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import IndexStateError
from rag.left_out import LEFT_OUT_FILE, LeftOut


def test_nothing_is_left_out_at_first(tmp_path: Path) -> None:
    assert LeftOut(tmp_path).paths() == []


@given(
    st.lists(st.tuples(st.booleans(), st.text(st.characters(exclude_categories=["Cs"])))),
)
def test_it_holds_what_was_added_and_not_removed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, str]]
) -> None:
    folder, expected = tmp_path_factory.mktemp("index"), set[str]()
    for is_added, path in steps:
        if is_added:
            LeftOut(folder).add(path)
            expected.add(path)
        else:
            assert LeftOut(folder).remove(path) is (path in expected)
            expected.discard(path)
    assert LeftOut(folder).paths() == sorted(expected)
    assert [path.name for path in folder.iterdir()] in ([], [LEFT_OUT_FILE])


@pytest.mark.parametrize("text", ["{", '{"a": 1}', "[1]"])
def test_a_damaged_list_is_named_with_its_cure(tmp_path: Path, text: str) -> None:
    (tmp_path / LEFT_OUT_FILE).write_text(text)
    with pytest.raises(IndexStateError, match=rf"{LEFT_OUT_FILE}.*delete it"):
        LeftOut(tmp_path).paths()


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(IndexStateError, match="cannot be written"):
        LeftOut(tmp_path / "missing").add("/a")
