from __future__ import annotations

from pathlib import Path

from fakes import ScriptedGenerator, passage

from rag.errors import GenerationError
from rag.evaluation.generations import RememberingGenerator
from rag.prompt import build_messages
from rag.types import Message

ASKED = [Message("user", "Which colour?")]


def test_a_prompt_is_asked_once(tmp_path: Path) -> None:
    model = ScriptedGenerator("It is blue.", "It is red.")
    for expected in ((0, 1), (1, 0)):
        generator = RememberingGenerator(model, tmp_path / "said")
        generation = generator.generate(ASKED, max_tokens=9)
        assert "".join(generation) == "It is blue."
        generation.close()
        assert (generation.finish_reason, generation.completion_tokens) == ("stop", 4)
        assert (generator.remembered, generator.asked) == expected
        assert generator.take_count() == expected[0] and generator.take_count() == 0


def test_whatever_changes_the_answer_is_another_prompt(tmp_path: Path) -> None:
    model = ScriptedGenerator(*(f"answer {n}" for n in range(9)))
    generator = RememberingGenerator(model, tmp_path / "said")
    texts = [
        "".join(generator.generate(ASKED, max_tokens=9)),
        "".join(generator.generate(ASKED, max_tokens=8)),
        "".join(generator.generate(ASKED, max_tokens=9, avoid="no")),
        "".join(generator.generate(ASKED, max_tokens=9, schema={})),
        "".join(generator.generate([*ASKED, *ASKED], max_tokens=9)),
    ]
    assert texts == [f"answer {n}" for n in range(5)]
    assert "".join(generator.generate(ASKED, max_tokens=9, temperature=1.0)) == "answer 5"
    assert "".join(generator.generate(ASKED, max_tokens=9, temperature=1.0)) == "answer 6"


def test_the_mark_of_the_fence_does_not_count(tmp_path: Path, monkeypatch: object) -> None:
    import rag.prompt

    model = ScriptedGenerator("first", "second")
    generator = RememberingGenerator(model, tmp_path / "said")
    sources = [passage("The pump is blue.")]
    prompts = []
    before = rag.prompt._SECRET
    try:
        for secret in (b"a", b"b"):
            rag.prompt._SECRET = secret
            prompts.append(build_messages("Colour?", sources))
            assert "".join(generator.generate(prompts[-1], max_tokens=9)) == "first"
    finally:
        rag.prompt._SECRET = before
    assert prompts[0] != prompts[1]


def test_fresh_answers_replace_remembered_ones(tmp_path: Path) -> None:
    model = ScriptedGenerator("old", "new")
    assert "".join(RememberingGenerator(model, tmp_path / "x").generate(ASKED, max_tokens=9))
    fresh = RememberingGenerator(model, tmp_path / "x", is_fresh=True)
    assert "".join(fresh.generate(ASKED, max_tokens=9)) == "new"
    again = RememberingGenerator(model, tmp_path / "x")
    assert "".join(again.generate(ASKED, max_tokens=9)) == "new"


def test_what_breaks_off_is_not_kept(tmp_path: Path) -> None:
    failing = ScriptedGenerator("It is", error=GenerationError("gone"))
    generator = RememberingGenerator(failing, tmp_path / "said")
    for _ in range(2):
        try:
            "".join(generator.generate(ASKED, max_tokens=9))
        except GenerationError:
            continue
        raise AssertionError("an error is passed on")
    left = RememberingGenerator(ScriptedGenerator("It is blue."), tmp_path / "said")
    generation = left.generate(ASKED, max_tokens=9)
    next(iter(generation))
    generation.close()
    assert left.asked == 1 and generator.remembered == 0


def test_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    model = ScriptedGenerator("first", "second")
    for kind, expected in (("bf16", "first"), ("int8", "second"), ("bf16", "first")):
        generator = RememberingGenerator(model, tmp_path / "said", kind=kind)
        assert "".join(generator.generate(ASKED, max_tokens=9)) == expected


def test_weights_are_remembered_too(tmp_path: Path) -> None:
    generator = RememberingGenerator(ScriptedGenerator("yes"), tmp_path / "said")
    assert generator.weigh(ASKED, ("yes", "no")) == generator.weigh(ASKED, ("yes", "no"))
    assert isinstance(generator.weigh(ASKED, ("yes", "no")), tuple)
    assert (generator.asked, generator.remembered) == (1, 2)
    generator.close()
