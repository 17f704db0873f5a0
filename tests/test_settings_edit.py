from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.settings_edit import with_settings

FILE = """\
# mine
top_k = 5  # few
encoder="auto"
#chunk_tokens = 9

[collections.law]  # a table
folders = ["/law"]
chunk_tokens = 1
"""


def test_a_line_is_replaced_and_all_else_stays() -> None:
    changed = with_settings(FILE, {"top_k": "top_k = 20"})
    assert changed == FILE.replace("top_k = 5  # few", "top_k = 20  # few")


def test_a_new_line_goes_before_the_first_table() -> None:
    changed = with_settings(FILE, {"chunk_tokens": "chunk_tokens = 128"})
    lines = changed.splitlines()
    assert lines.index("chunk_tokens = 128") == lines.index("#chunk_tokens = 9") + 1
    assert [line for line in lines if line != "chunk_tokens = 128"] == FILE.splitlines()
    assert tomllib.loads(changed) == tomllib.loads(FILE) | {"chunk_tokens": 128}


def test_a_value_over_several_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="passwords"):
        with_settings('passwords = [\n "a",\n]\n', {"passwords": "passwords = []"})


@given(
    st.lists(st.sampled_from(["a = 1", "b = true # x", "", "# c = 2", 'd = "[x]"']), unique=True),
    st.sampled_from(["", "[t]\na = 7\n", "\n[t]\nc = 1\n[u]\nb = 2"]),
    st.dictionaries(st.sampled_from("abce"), st.integers(0, 99)),
)
def test_the_result_holds_the_settings_and_what_was_there(
    top: list[str], tables: str, wanted: dict[str, int]
) -> None:
    text = "".join(line + "\n" for line in top) + tables
    changed = with_settings(text, {name: f"{name} = {value}" for name, value in wanted.items()})
    assert tomllib.loads(changed) == tomllib.loads(text) | wanted
    assert with_settings(changed, {}) == changed
