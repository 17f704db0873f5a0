"""The order and the clock with a scorer that counts words; the library with tiny random models."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from fakes import Clock, words
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import ModelError
from rag.reranker import (
    QWEN3_TEMPLATE,
    CrossEncoderScorer,
    Reranker,
    find_reranked,
    passage_text,
)
from rag.types import Found, Hit, StoredChunk
from rag.where import Where


def chunk(number: int, text: str, **others: Any) -> StoredChunk:
    fields: dict[str, Any] = {
        "document_id": number, "path": f"/{number}.txt", "title": "", "ordinal": 0, "start": 0,
        "end": len(text), "headings": (), "page": None, "language": "en",
    }  # fmt: skip
    return StoredChunk(chunk_id=number, text=text, **(fields | others))


def found(*texts: str) -> list[tuple[StoredChunk, float]]:
    return [(chunk(n, text), 1 / (60 + n)) for n, text in enumerate(texts, start=1)]


class WordScorer:
    """The share of the question's words in a passage; a word is a token, and takes its time."""

    name = "words"

    def __init__(self, clock: Clock, ms_per_token: float = 0.0, batch_tokens: int = 20) -> None:
        self.batch_tokens = batch_tokens
        self.ms_per_token = ms_per_token
        self.batches: list[list[str]] = []
        self.error: Exception | None = None
        self._clock = clock

    def token_counts(self, query: str, passages: Sequence[str]) -> list[int]:
        return [len(words(query)) + len(words(passage)) for passage in passages]

    def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        if self.error:
            raise self.error
        self.batches.append(list(passages))
        size = len(passages) * max(self.token_counts(query, passages))
        self._clock.now += size * self.ms_per_token / 1000
        asked = set(words(query))
        return [len(asked & set(words(passage))) / len(asked) for passage in passages]


def made(num_candidates: int = 10, budget_ms: float = 100, **options: Any) -> Any:
    clock = Clock(100.0)
    scorer = WordScorer(clock, **options)
    reranker = Reranker(scorer, num_candidates=num_candidates, budget_ms=budget_ms, clock=clock)
    return reranker, scorer, clock


def test_the_scorers_order_and_scores_replace_those_of_the_search() -> None:
    reranker, _, _ = made()
    hits = found("a cat", "the red pump", "a blue pump", "red", "a red pump is loud")
    ordered, notes = reranker.rerank("red pump", hits, 3)
    assert [c.chunk_id for c, _ in ordered] == [2, 5, 3] and notes == ()
    assert [score for _, score in ordered] == [1.0, 1.0, 0.5]  # equals stay in the search's order


def test_as_many_are_scored_as_are_set_or_wanted() -> None:
    texts = ["cat"] * 9 + ["pump"]
    reranker, scorer, _ = made(num_candidates=4)
    ordered, _ = reranker.rerank("pump", found(*texts), 2)
    assert sum(map(len, scorer.batches)) == 4 and len(ordered) == 2
    ordered, _ = reranker.rerank("pump", found(*texts), 10)
    assert len(ordered) == 10 and ordered[0][0].text == "pump"
    assert reranker.rerank("pump", [], 5) == ([], ())


@settings(deadline=None)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=30),
    budget_ms=st.integers(0, 3000),
    top_k=st.integers(1, 40),
)
def test_all_or_nothing_and_the_budget_is_passed_by_one_batch_at_most(
    lengths: list[int], budget_ms: int, top_k: int
) -> None:
    reranker, scorer, clock = made(40, budget_ms, ms_per_token=10)
    hits = found(*(" ".join(["pump"] * n) for n in lengths))
    ordered, notes = reranker.rerank("pump", hits, top_k)
    spent = 1000 * (clock.now - 100)
    if notes:
        assert ordered == hits[:top_k]
        assert spent <= budget_ms + 10 * max(20, max(lengths) + 1) + 1e-6
    else:
        assert sum(map(len, scorer.batches)) == len(hits) and spent <= budget_ms + 1e-6
        assert all(score == 1.0 for _, score in ordered)


def test_past_the_budget_the_note_names_the_settings() -> None:
    reranker, scorer, _ = made(budget_ms=100, ms_per_token=10)
    hits = found(*["the pump is red"] * 10)
    ordered, notes = reranker.rerank("pump", hits, 3)
    assert ordered == hits[:3] and len(scorer.batches) == 1  # its pace told that it would not do
    assert "reranker_ms = 100" in notes[0] and "reranker_candidates" in notes[0]
    assert "words" in notes[0]


def test_what_was_too_slow_is_not_begun_again_but_is_not_given_up_for_ever() -> None:
    reranker, scorer, _ = made(budget_ms=100, ms_per_token=10)
    hits = found(*["the pump is red"] * 10)
    reranker.rerank("pump", hits, 3)
    reranker.rerank("pump", hits, 3)
    assert len(scorer.batches) == 1
    scorer.ms_per_token = 0.1  # the machine is free again
    notes = [reranker.rerank("pump", hits, 3)[1] for _ in range(40)]
    assert notes[0] and not notes[-1]


def test_batches_hold_like_lengths() -> None:
    reranker, scorer, _ = made(batch_tokens=20)
    hits = found("a", "b c d e f g h i j k", "c", "d e f g h i j k l m", "e")
    reranker.rerank("pump", hits, 5)
    assert [len(batch) for batch in scorer.batches] == [1, 1, 3]
    assert set(scorer.batches[-1]) == {"a", "c", "e"}


def test_a_scorer_that_fails_leaves_the_search_its_order(caplog: pytest.LogCaptureFixture) -> None:
    reranker, scorer, _ = made()
    scorer.error = RuntimeError("CUDA out of memory")
    hits = found("a cat", "a pump")
    ordered, notes = reranker.rerank("pump", hits, 2)
    assert ordered == hits and "out of memory" in notes[0] and "failed" in caplog.text
    scorer.error = None
    assert reranker.rerank("pump", hits, 2)[0][0][0].text == "a pump"  # its lock was let go


def test_one_search_at_a_time_uses_the_scorer() -> None:
    reranker, scorer, _ = made()
    inside, overlaps = threading.Lock(), []
    plain = scorer.scores

    def scores(query: str, passages: Sequence[str]) -> list[float]:
        overlaps.append(not inside.acquire(blocking=False))
        try:
            return plain(query, passages)
        finally:
            inside.release()

    scorer.scores = scores
    hits = found("a cat", "a pump", "the red pump")
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(reranker.rerank("red pump", hits, 3)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not any(overlaps)
    # The clock of this test stands still, but the lock's does not: a search that waited too long
    # keeps its order, whole.
    for ordered, notes in results:
        numbers = [c.chunk_id for c, _ in ordered]
        assert numbers == ([1, 2, 3] if notes else [3, 2, 1])


def test_what_is_read_of_a_chunk() -> None:
    told = chunk(1, "It is <|im_end|> red.", title="Manual", headings=("Pump", "Colour"))
    assert passage_text(told) == "Manual\nPump > Colour\nIt is < |im_end|> red."
    assert passage_text(chunk(1, "red")) == "red"


# The library


class FakeCrossEncoder:
    """Stands for sentence-transformers' class; a logit is the passage's length less 20."""

    made: ClassVar[list[FakeCrossEncoder]] = []
    num_labels, max_seq_length = 1, 12

    def __init__(self, path: str, **keywords: Any) -> None:
        self.path, self.keywords = path, keywords
        self.calls: list[tuple[Any, dict[str, Any]]] = []
        FakeCrossEncoder.made.append(self)

    def tokenizer(self, texts: list[str], **keywords: Any) -> dict[str, Any]:
        assert keywords == {"add_special_tokens": False, "verbose": False}
        return {"input_ids": [text.split() for text in texts]}

    def predict(self, pairs: list[tuple[str, str]], **keywords: Any) -> np.ndarray:
        self.calls.append((pairs, keywords))
        return np.array([len(passage) - 20 for _, passage in pairs], dtype=np.float32)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder, and the fake in the library's place."""
    import sentence_transformers

    FakeCrossEncoder.made.clear()
    monkeypatch.setattr(sentence_transformers, "CrossEncoder", FakeCrossEncoder)
    (tmp_path / "config.json").write_text('{"architectures": ["XLMRobertaForSequence"]}')
    return tmp_path


def test_the_arguments_given_to_the_library(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    scorer = CrossEncoderScorer(str(library), name="BAAI/bge-reranker-v2-m3", device="cuda")
    (model,) = FakeCrossEncoder.made
    assert model.path == str(library)
    assert model.keywords == {
        "device": "cuda",
        "local_files_only": True,
        "model_kwargs": {"dtype": torch.float16},
    }
    scores = scorer.scores("pump?", ["x" * 20, "x" * 38, "x" * 39])
    pairs, keywords = model.calls[-1]
    assert pairs == [("pump?", "x" * 20), ("pump?", "x" * 38), ("pump?", "x" * 39)]
    assert isinstance(keywords.pop("activation_fn"), torch.nn.Identity)
    assert keywords == {"batch_size": 3, "show_progress_bar": False}
    assert scores[0] == 0.5
    assert scores[1] < scores[2] < 1  # equal in single precision
    assert scorer.token_counts("a b", ["c d", "e " * 50]) == [4, 12]


@pytest.mark.parametrize("has_modules", [False, True])
def test_a_bare_qwen3_gets_its_question(library: Path, has_modules: bool) -> None:
    (library / "config.json").write_text('{"architectures": ["Qwen3ForCausalLM"]}')
    if has_modules:
        (library / "modules.json").write_text("[]")
    CrossEncoderScorer(str(library))
    given_template = FakeCrossEncoder.made[0].keywords.get("processor_kwargs")
    assert given_template == (None if has_modules else {"chat_template": QWEN3_TEMPLATE})


def test_a_classifier_is_no_reranker(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCrossEncoder, "num_labels", 3)
    with pytest.raises(ModelError, match=r"3 outputs.*Set reranker to"):
        CrossEncoderScorer(str(library))


def test_a_folder_without_a_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Set reranker to"):
        CrossEncoderScorer(str(tmp_path))


def test_numbers_that_are_none_are_refused(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = CrossEncoderScorer(str(library))
    monkeypatch.setattr(FakeCrossEncoder, "predict", lambda *_, **__: np.array([np.nan]))
    with pytest.raises(ValueError, match="no scores"):
        scorer.scores("a", ["b"])


# Real models of the library, tiny and with random weights: they prove the plumbing alone.

WORDS = ["pump", "red", "blue", "cat", "yes", "no", "Query", "Document", "system", "user", "the"]


def _tokenizer(folder: Path, pair: str | None) -> int:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<|im_start|>", "<|im_end|>"]
    vocabulary = {word: i for i, word in enumerate([*specials, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if pair:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    ).save_pretrained(folder)  # fmt: skip
    return len(vocabulary)


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("bert")
    size = _tokenizer(folder, "[CLS] $A [SEP] $B:1 [SEP]:1")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64, initializer_range=0.3, num_labels=1,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def qwen_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("qwen")
    size = _tokenizer(folder, None)
    torch.manual_seed(1)
    config = Qwen3Config(
        vocab_size=size, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=16, intermediate_size=64, max_position_embeddings=512,
        initializer_range=0.3,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder)
    return folder


PASSAGES = ["the red pump", "cat", "blue " * 30, "the pump the pump"]


def test_a_cross_encoder_scores_each_pair_as_transformers_does(bert_folder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    scorer = CrossEncoderScorer(str(bert_folder))
    tokenizer = AutoTokenizer.from_pretrained(bert_folder)
    model = AutoModelForSequenceClassification.from_pretrained(bert_folder).eval()
    expected = []
    for passage in PASSAGES:
        with torch.inference_mode():
            inputs = tokenizer("red pump", passage, return_tensors="pt", truncation=True)
            expected.append(float(torch.sigmoid(model(**inputs).logits[0, 0])))
    assert scorer.scores("red pump", PASSAGES) == pytest.approx(expected, abs=0.02)
    assert scorer.token_counts("red pump", PASSAGES) == [5, 3, 32, 6]


def test_qwen3_reads_the_published_prompt_and_says_yes_or_no(qwen_folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    scorer = CrossEncoderScorer(str(qwen_folder))
    tokenizer = AutoTokenizer.from_pretrained(qwen_folder)
    model = AutoModelForCausalLM.from_pretrained(qwen_folder).eval()
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    expected = []
    for passage in PASSAGES:
        prompt = (
            "<|im_start|>system\nJudge whether the Document meets the requirements based on the "
            "Query and the Instruct provided. Note that the answer can only be "
            '"yes" or "no".<|im_end|>\n<|im_start|>user\n'
            "<Instruct>: Given a web search query, retrieve relevant passages that answer the "
            f"query\n<Query>: red pump\n<Document>: {passage}<|im_end|>\n"
            "<|im_start|>assistant\n<think>\n\n</think>\n\n"
        )
        messages = [
            {"role": "query", "content": "red pump"},
            {"role": "document", "content": passage},
        ]
        rendered = tokenizer.apply_chat_template(
            messages, chat_template=QWEN3_TEMPLATE, tokenize=False
        )
        assert rendered == prompt
        with torch.inference_mode():
            ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
            logits = model(ids).logits[0, -1]
            expected.append(float(torch.sigmoid(logits[yes] - logits[no])))
    assert scorer.scores("red pump", PASSAGES) == pytest.approx(expected, abs=0.02)
    assert len(set(expected)) == 4


def test_as_many_hits_are_asked_for_as_the_reranker_reads() -> None:
    hits = tuple(Hit(i + 1, float(-i), chunk(i, f"{'pump ' * i}x")) for i in range(9))
    asked: list[int] = []

    def find(top_k: int) -> Found:
        asked.append(top_k)
        return Found(hits[:top_k], "pump", "hybrid", Where(), ("a note",), {})

    reranked = find_reranked(find, 2, made(5)[0])
    assert asked == [5] and reranked.notes == ("a note",)
    assert [hit.chunk.chunk_id for hit in reranked.hits] == [1, 2]  # the first to hold the word
    assert [hit.rank for hit in reranked.hits] == [1, 2]
    assert find_reranked(find, 2, None).hits == hits[:2]
    late = find_reranked(find, 2, made(5, budget_ms=1, ms_per_token=9)[0])
    assert late.hits == hits[:2] and len(late.notes) == 2
