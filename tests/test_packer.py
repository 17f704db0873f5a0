from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import ScriptedGenerator, WordEncoder, passage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.sync import sync
from rag.catalog import Catalog
from rag.errors import UnanswerableError
from rag.indexes import Indexes
from rag.packer import FAR_SHARE, Packed, fit_history, pack
from rag.passages import join_chunks
from rag.prompt import build_messages
from rag.scopes import SCOPES, Scope
from rag.tokens import ChatTokenizer
from rag.types import Hit, Message
from rag.where import Where


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    folder = tmp_path_factory.mktemp("packer")
    docs = folder / "docs"
    docs.mkdir()
    for name in ("alpha", "beta"):
        parts = [f"# Part {n}\n\n" + f"{name} word{n} " * 12 for n in range(8)]
        (docs / f"{name}.md").write_text("\n\n".join(parts))
    rows = [f"part {n},{n} kg" for n in range(60)]
    (docs / "gamma.csv").write_text("\n".join(["name,mass", *rows]))
    encoder = WordEncoder()
    with Indexes(folder / "index", dimension=encoder.dimension, read_only=False) as indexes:
        sync(indexes, encoder, [docs], max_file_bytes=10**6, max_chunk_tokens=32)
        yield indexes.catalog


def hits(catalog: Catalog, *ordinals: tuple[int, int]) -> list[Hit]:
    documents = [catalog.chunks_of(d.document_id) for d in catalog.documents()]
    return [
        Hit(rank, 1 / rank, documents[document][ordinal])
        for rank, (document, ordinal) in enumerate(ordinals, start=1)
    ]


def run(
    found: list[Hit],
    catalog: Catalog,
    history: list[Message] | None = None,
    scope: Scope = "passage",
    **others: Any,
) -> Packed:
    generator = ScriptedGenerator("", max_model_len=others.pop("max_model_len", 4000))
    return pack(
        "Which word?", found, history or [], generator, catalog,
        max_answer_tokens=others.pop("max_answer_tokens", 100),
        context_tokens=others.pop("context_tokens", None), scope=scope, **others,
    )  # fmt: skip


def test_passages_are_numbered_in_the_order_of_their_hits(catalog: Catalog) -> None:
    packed = run(hits(catalog, (1, 5), (0, 2)), catalog)
    assert [(p.number, p.title, p.headings) for p in packed.passages] == [
        (1, "Part 0", ("Part 5",)),
        (2, "Part 0", ("Part 2",)),
    ]
    for one in packed.passages:
        assert catalog.document_text(one.document_id)[one.start : one.end] == one.text


def test_neighbours_are_joined_only_below_one_heading(catalog: Catalog) -> None:
    found = hits(catalog, (0, 1), (0, 2))
    assert len(join_chunks(found, catalog)) == 2


def test_rows_from_the_middle_of_a_table_bring_its_header(catalog: Catalog) -> None:
    top, below = join_chunks(hits(catalog, (2, 0), (2, 4)), catalog)
    assert top.text.startswith("| name | mass |") and top.header == ""
    assert below.header == "| name | mass |" and below.text.startswith("| part ")
    prompt = build_messages("What is the mass?", [below])[-1].content
    assert f"| name | mass |\n{below.text}" in prompt


def test_every_later_part_of_a_long_table_brings_the_same_header(tmp_path: Path) -> None:
    rows = [f"part {n},{n} kg,{'x' * (n % 7)}" for n in range(350)]
    header = "name of the part,mass," + " ".join(f"remark{n}" for n in range(60))
    (tmp_path / "parts.csv").write_text("\n".join([header, *rows]))
    encoder = WordEncoder()
    with Indexes(tmp_path / "index", dimension=encoder.dimension, read_only=False) as indexes:
        sync(indexes, encoder, [tmp_path / "parts.csv"], max_file_bytes=10**6, max_chunk_tokens=64)
        catalog = indexes.catalog
        chunks = catalog.chunks_of(catalog.documents()[0].document_id)
        found = [join_chunks([Hit(1, 1.0, chunk)], catalog)[0] for chunk in chunks]
    later = [one.header for one in found if one.text.startswith("| part ")]
    assert len(later) > 10
    assert set(later) == {f"| name of the part | mass | {header.rpartition(',')[2]} |"}


picks = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7)), unique=True, max_size=16)
turns = st.lists(st.integers(1, 60), max_size=4)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(picks=picks, turns=turns, room=st.integers(0, 600), context=st.integers(0, 300))
def test_never_exceeds_its_budget(
    picks: list[tuple[int, int]], turns: list[int], room: int, context: int, catalog: Catalog
) -> None:
    fixed = ScriptedGenerator().count_chat_tokens(build_messages("Which word?", ()))
    history = [Message(r, "w " * n) for n in turns for r in ("user", "assistant")]  # type: ignore[arg-type]
    packed = run(
        hits(catalog, *picks), catalog, history, max_model_len=fixed + room + 50,
        max_answer_tokens=50, context_tokens=context,
    )  # fmt: skip
    generator = ScriptedGenerator()
    messages = build_messages("Which word?", packed.passages, packed.history)
    assert packed.prompt_tokens == generator.count_chat_tokens(messages) <= fixed + room
    shown = [text for p in packed.passages for text in (p.header, p.text)]
    assert sum(map(generator.count_tokens, shown)) <= context
    assert packed.report is not None
    assert len(packed.report.left_out) + len(packed.passages) >= (1 if picks else 0)


def test_what_is_left_out_is_named_with_its_reason(catalog: Catalog) -> None:
    packed = run(hits(catalog, (0, 0), (0, 3), (1, 1)), catalog, context_tokens=50)
    assert len(packed.passages) == 1
    assert packed.report is not None
    assert [one.rank for one in packed.report.left_out] == [2, 3]
    assert all("tokens where" in one.reason for one in packed.report.left_out)


def test_hits_far_behind_the_best_fill_but_a_part_of_bounded_room(catalog: Catalog) -> None:
    found = hits(catalog, *((document, n) for document in (0, 1) for n in range(5)))
    whole = run(found, catalog).report
    assert whole is not None and not whole.left_out
    bound = int(1.2 * whole.passage_tokens)  # hits are counted apart, and neighbours joined
    alike = [replace(hit, score=9.0 - hit.rank / 10) for hit in found]
    assert run(alike, catalog, context_tokens=bound).report.left_out == ()  # type: ignore[union-attr]
    apart = [replace(hit, score=9.0 if hit.rank <= 2 else 6.9) for hit in found]
    packed = run(apart, catalog, context_tokens=bound).report
    assert packed is not None and 2 < len(packed.passages) < len(found)
    assert packed.passage_tokens <= FAR_SHARE * bound
    near = [replace(hit, score=9.0 if hit.rank <= 8 else 6.9) for hit in found]
    packed = run(near, catalog, context_tokens=bound).report
    assert packed is not None and len(packed.passages) == 8
    assert run(apart, catalog).report.left_out == ()  # type: ignore[union-attr]
    by_words = run(apart, catalog, context_tokens=bound, by_meaning=False).report
    assert by_words is not None and by_words.left_out == ()


def test_a_question_that_does_not_fit_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(UnanswerableError, match="max_model_len"):
        run([], catalog, max_model_len=120)


def test_the_newest_whole_turns_are_kept() -> None:
    history = [Message(r, f"{r} {n} " * 5) for n in range(5) for r in ("user", "assistant")]  # type: ignore[arg-type]
    kept = fit_history(history, ScriptedGenerator(), 70)
    assert kept == history[-len(kept) :] and len(kept) % 2 == 0 and 0 < len(kept) < 10
    assert fit_history(history, ScriptedGenerator(), 5) == []


# Scopes


def test_auto_widens_to_the_folder_where_all_fits(catalog: Catalog) -> None:
    found = hits(catalog, (1, 5), (0, 2))
    packed = run(found, catalog, scope="auto", max_model_len=30_000)
    texts = [catalog.document_text(d.document_id) for d in catalog.documents()]
    assert packed.passages[0].text.startswith("Part 5") and packed.report is not None
    shown = sum(len("".join(p.text.split())) for p in packed.passages)
    assert shown == sum(len("".join(text.split())) for text in texts)
    assert {p.scope for p in packed.report.passages} >= {"document", "folder"}


def test_auto_leaves_a_small_budget_as_it_is(catalog: Catalog) -> None:
    found = hits(catalog, (1, 5), (0, 2))
    narrow = run(found, catalog, scope="auto", context_tokens=1100)
    assert narrow.passages == run(found, catalog, scope="passage", context_tokens=1100).passages
    assert narrow.report is not None and {p.scope for p in narrow.report.passages} == {"passage"}


def test_a_filter_holds_for_a_folder_too(catalog: Catalog) -> None:
    generator = ScriptedGenerator("", max_model_len=30_000)
    packed = pack(
        "Which word?", hits(catalog, (0, 2)), (), generator, catalog, max_answer_tokens=100,
        context_tokens=None, scope="folder", where=Where(globs=("alpha.md", "gamma.csv")),
    )  # fmt: skip
    assert {Path(p.path).name for p in packed.passages} == {"alpha.md", "gamma.csv"}


def test_what_does_not_fit_whole_comes_as_wide_as_it_fits(catalog: Catalog) -> None:
    fixed = ScriptedGenerator().count_chat_tokens(build_messages("Which word?", ()))
    packed = run(
        hits(catalog, (0, 3), (1, 3)), catalog, scope="document", max_model_len=fixed + 100 + 400
    )
    report = packed.report
    assert report is not None and [one.rank for one in report.left_out] == [2]
    assert "its document does not fit" in report.left_out[0].reason
    assert report.left_out[0].reason.endswith("went in")
    assert {Path(p.path).stem for p in packed.passages} == {"alpha", "beta"}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(picks=picks, scope=st.sampled_from(SCOPES), room=st.integers(0, 5000), turns=turns)
def test_no_scope_exceeds_the_budget_or_pushes_out_a_hit(
    picks: list[tuple[int, int]], scope: Scope, room: int, turns: list[int], catalog: Catalog
) -> None:
    fixed = ScriptedGenerator().count_chat_tokens(build_messages("Which word?", ()))
    history = [Message(r, "w " * n) for n in turns for r in ("user", "assistant")]  # type: ignore[arg-type]
    found = hits(catalog, *picks)
    size = {"max_model_len": fixed + room + 50, "max_answer_tokens": 50}
    packed = run(found, catalog, history, scope, **size)
    report = packed.report
    messages = build_messages("Which word?", packed.passages, packed.history)
    assert report is not None
    assert report.prompt_tokens == ScriptedGenerator().count_chat_tokens(messages)
    assert report.prompt_tokens <= report.budget == fixed + room
    assert report.passage_tokens <= report.room
    assert report.kept_turns + report.dropped_turns == len(turns)
    assert [p.number for p in report.passages] == [p.number for p in packed.passages]
    for one in packed.passages:
        assert catalog.document_text(one.document_id)[one.start : one.end] == one.text
    left = {one.rank for one in report.left_out}
    for hit in found:
        place = hit.chunk.document_id, hit.chunk.start
        is_in = any(
            p.document_id == place[0] and p.start <= place[1] < p.end for p in packed.passages
        )
        assert is_in or hit.rank in left
    if scope == "auto":
        narrow = run(found, catalog, history, "passage", **size)
        assert narrow.report is not None
        assert left == {one.rank for one in narrow.report.left_out}


@pytest.mark.model
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(picks=picks, scope=st.sampled_from(SCOPES), room=st.integers(0, 5000))
def test_never_exceeds_the_budget_of_the_real_tokenizer(
    picks: list[tuple[int, int]], scope: Scope, room: int, catalog: Catalog, counting: Any
) -> None:
    fixed = counting.count_chat_tokens(build_messages("Which word?", ()))
    counting.max_model_len = fixed + room + 50
    packed = pack(
        "Which word?", hits(catalog, *picks), (), counting, catalog,
        max_answer_tokens=50, context_tokens=None, scope=scope,
    )  # fmt: skip
    messages = build_messages("Which word?", packed.passages, packed.history)
    assert len(counting.tokenizer.encode_chat(messages)) == packed.prompt_tokens <= fixed + room


@pytest.fixture(scope="module")
def counting(generator_folder: str) -> Any:
    """A generator that counts as the real one and writes nothing."""

    class Counting(ScriptedGenerator):
        tokenizer = ChatTokenizer.from_folder(generator_folder)

        def count_tokens(self, text: str) -> int:
            return self.tokenizer.count(text)

        def count_chat_tokens(self, messages: Sequence[Message]) -> int:
            return self.tokenizer.count_chat(messages)

    return Counting()


def test_counts_that_do_not_add_up_drop_what_came_last(catalog: Catalog) -> None:
    class Uneven(ScriptedGenerator):
        def count_chat_tokens(self, messages: Sequence[Message]) -> int:
            return int(1.3 * super().count_chat_tokens(messages))

    generator = Uneven("", max_model_len=900)
    found = hits(catalog, *((0, n) for n in range(8)), *((1, n) for n in range(8)))
    packed = pack(
        "Which word?", found, (), generator, catalog, max_answer_tokens=50, context_tokens=None
    )
    assert packed.prompt_tokens <= 850 and packed.report is not None
    assert "the prompt is full" in {one.reason for one in packed.report.left_out}


def test_a_passage_over_pages_knows_the_page_of_each_place() -> None:
    one = passage("x" * 90, start=100, end=190, page=3, next_pages=((130, 4), (170, 6)))
    assert [one.page_at(at) for at in (100, 129, 130, 169, 170, 189)] == [3, 3, 4, 4, 6, 6]
    assert one.pages == "3-6" and passage("x", page=3).pages == "3" and passage("x").pages == ""
