"""What reranking costs on this machine, by the size of the model.

python -m bench.reranker                    # cross-encoders of published shapes, random weights
python -m bench.reranker --generator        # and the packaged language model, asked yes or no

The time of a pass does not depend on the weights, so none are needed. Seconds are of processor
time on one thread, which other work on the machine touches least; two idle cores take about half
as long.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.index_data import read_passages
from rag.config import load_settings
from rag.reranker import CrossEncoderScorer
from rag.types import Message

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "reranker.json"
DATA = ROOT.parent / "shared" / "data"
QUESTION = "How long is the warranty of the pump, and who pays for the parts?"
CANDIDATES = 30
ASKED = 4  # passages that the language model reads: one costs as much as the next
SHAPES = {  # layers, width, heads, width within
    "ms-marco-MiniLM-L6-v2": (6, 384, 12, 1536),
    "bge-reranker-base": (12, 768, 12, 3072),
    "bge-reranker-v2-m3": (24, 1024, 16, 4096),
}


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES))
    parser.add_argument("--generator", action="store_true", help="also the packaged model")
    options = parser.parse_args()
    passages = read_passages(options.data, "en")[:CANDIDATES]
    result: dict[str, Any] = {
        "command": " ".join(["python -m bench.reranker", *sys.argv[1:]]),
        "candidates": CANDIDATES,
    }
    for name in options.shapes:
        with tempfile.TemporaryDirectory() as folder:
            result[name] = _cross_encoder(name, Path(folder), passages)
        print(name, json.dumps(result[name]), flush=True)
    if options.generator:
        result["packaged language model"] = _language_model(passages)
        print("packaged language model", json.dumps(result["packaged language model"]))
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(f"written: {RESULTS}")


def _cross_encoder(name: str, folder: Path, passages: list[str]) -> dict[str, Any]:
    """Core-seconds for all candidates."""
    _make(folder, *SHAPES[name])
    scorer = CrossEncoderScorer(str(folder), name=name, num_threads=1)
    num_tokens = sum(scorer.token_counts(QUESTION, passages))
    started = time.process_time()
    for start in range(0, len(passages), 2):  # as small as the batches of a processor are
        scorer.scores(QUESTION, passages[start : start + 2])
    return {"core_seconds": round(time.process_time() - started, 2), "tokens": num_tokens}


def _make(folder: Path, layers: int, width: int, heads: int, inner: int) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast
    from transformers.utils import logging

    logging.disable_progress_bar()
    # Four characters a token, as English has them, of a small vocabulary: looking up costs nothing.
    tokenizer = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(_four_characters(), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$A $B:1", special_tokens=[]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=2, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=inner, max_position_embeddings=512, num_labels=1,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)


def _four_characters() -> Any:
    from tokenizers import Regex

    return Regex(r"[\s\S]{4}")


def _language_model(passages: list[str]) -> dict[str, Any]:
    """Asks for one token, yes or no, about each of a few passages."""
    from rag.parts import open_generator

    generator = open_generator(load_settings(), print)
    assert generator is not None
    prompts = [
        [
            Message("system", "Does the document answer the question? Say yes or no alone."),
            Message("user", f"Document: {passage}\n\nQuestion: {QUESTION}"),
        ]
        for passage in passages[:ASKED]
    ]
    num_tokens = sum(map(generator.count_chat_tokens, prompts))
    list(generator.generate(prompts[0], max_tokens=1))  # what it still loads, it loads now
    started = time.process_time()
    said = ["".join(generator.generate(prompt, max_tokens=1)) for prompt in prompts[1:]]
    seconds = (time.process_time() - started) * len(passages) / len(said)
    generator.close()
    return {
        "core_seconds": round(seconds, 1),
        "tokens": num_tokens * len(passages) // ASKED,
        "said": said,
    }


if __name__ == "__main__":
    main()
