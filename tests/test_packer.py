from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import ScriptedGenerator, WordEncoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.sync import sync
from rag.catalog import Catalog
from rag.errors import GenerationError
from rag.indexes import Indexes
from rag.packer import Packed, fit_history, pack
from rag.passages import join_chunks
from rag.prompt import build_messages
from rag.scopes import Scope
from rag.types import Hit, Message


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
    **others: int,
) -> Packed:
    generator = ScriptedGenerator("", max_model_len=others.pop("max_model_len", 4000))
    return pack(
        "Which word?", found, history or [], generator, catalog,
        max_answer_tokens=others.pop("max_answer_tokens", 100),
        context_tokens=others.pop("context_tokens", None), scope=scope,
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


def test_a_question_that_does_not_fit_is_an_error(catalog: Catalog) -> None:
    with pytest.raises(GenerationError, match="max_model_len"):
        run([], catalog, max_model_len=120)


def test_the_newest_whole_turns_are_kept() -> None:
    history = [Message(r, f"{r} {n} " * 5) for n in range(5) for r in ("user", "assistant")]  # type: ignore[arg-type]
    kept = fit_history(history, ScriptedGenerator(), 70)
    assert kept == history[-len(kept) :] and len(kept) % 2 == 0 and 0 < len(kept) < 10
    assert fit_history(history, ScriptedGenerator(), 5) == []
