"""What our engine thread costs over bare `LLM.generate`, and what the prefix cache saves.

python -m bench.generate                          # 1, 4 and 16 chats, follow-ups, the warm-up
python -m bench.generate --chats 1 --tokens 400 --rounds 1      # a short trial
python -m bench.generate --settings               # a short sweep of what vLLM is given on a CPU

Both ways write to the same engine, the same prompts in turns, with the prefix cache emptied before
each. Seconds on a busy machine mean little; the ratios of neighbours do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.index_data import read_passages
from rag.config import load_settings
from rag.generate.vllm import VllmGenerator
from rag.generate.vllm_engine import VllmEngine
from rag.generate.vllm_options import VllmOptions
from rag.machine import fast_dtype
from rag.models import resolve_generator
from rag.prompt import SYSTEM, build_messages
from rag.types import Message, Passage

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "generate.json"
DATA = ROOT.parent / "shared" / "data"
QUESTION = "What do the sources say? Sum up each of them in some detail."
FOLLOW_UP = "Which of the sources is the most recent, and what is it about?"
SWEEP: list[dict[str, Any]] = [
    {"max_num_batched_tokens": 512, "max_num_seqs": 256, "threads": 2},
    {"max_num_batched_tokens": 256},
    {"max_num_batched_tokens": 1024},
    {"max_num_batched_tokens": 2048},
    {"max_num_seqs": 16},
    {"block_size": 32},
    {"threads": 1},
]


class Bench:
    """The packaged model, reached through our thread and directly."""

    def __init__(self, max_model_len: int, changes: dict[str, Any]) -> None:
        settings = load_settings()
        found = resolve_generator(settings.generator, settings.cache, print)
        engines: list[VllmEngine] = []

        def make_engine(arguments: dict[str, Any]) -> VllmEngine:
            engines.append(VllmEngine(arguments | changes))
            return engines[-1]

        started = time.perf_counter()
        self.ours = VllmGenerator(
            found.path,
            name=found.name,
            options=VllmOptions("cpu", max_model_len, cpu_dtype=fast_dtype()),
            make_engine=make_engine,
        )
        self.load_seconds = time.perf_counter() - started
        self.bare = engines[0]._llm

    def forget(self) -> None:
        """Empty the prefix cache; nobody may be writing."""
        assert self.bare.llm_engine.reset_prefix_cache()

    def ask(self, prompts: Sequence[list[Message]], max_tokens: int) -> dict[str, Any]:
        """All at once through our thread: seconds in all, and to each one's first piece."""
        firsts = [0.0] * len(prompts)
        counts = [0] * len(prompts)
        cached = [0] * len(prompts)
        started = time.perf_counter()

        def converse(number: int) -> None:
            generation = self.ours.generate(prompts[number], max_tokens=max_tokens)
            for _ in generation:
                firsts[number] = firsts[number] or time.perf_counter() - started
            counts[number] = generation.completion_tokens
            cached[number] = generation.cached_tokens

        threads = [threading.Thread(target=converse, args=(n,)) for n in range(len(prompts))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        return {
            "seconds": seconds,
            "first": statistics.mean(firsts),
            "tokens": sum(counts),
            "cached": sum(cached),
        }

    def ask_bare(self, prompts: Sequence[list[Message]], max_tokens: int) -> dict[str, Any]:
        """All at once through `LLM.generate`; it tells the time to the first token itself."""
        from vllm import SamplingParams
        from vllm.inputs import tokens_input

        started = time.perf_counter()
        inputs = [tokens_input(self.ours._tokenizer.encode_chat(p)) for p in prompts]
        params = SamplingParams(max_tokens=max_tokens, temperature=0.0)
        outputs = self.bare.generate(inputs, params, use_tqdm=False)
        seconds = time.perf_counter() - started
        firsts = [o.metrics.first_token_latency for o in outputs if o.metrics]
        tokens = sum(len(o.outputs[0].token_ids) for o in outputs)
        first = statistics.mean(firsts) if firsts else None
        return {"seconds": seconds, "first": first, "tokens": tokens}


class Prompts:
    """Prompts of real passages, never the same passage twice."""

    def __init__(self, bench: Bench, data: Path, num_tokens: int) -> None:
        self._count = bench.ours.count_chat_tokens
        self._texts = iter(read_passages(data, "en"))
        self._num_tokens = num_tokens

    def passages(self) -> list[Passage]:
        """As many as fill a prompt."""
        found: list[Passage] = []
        while self._count(build_messages(QUESTION, found)) < self._num_tokens:
            found.append(_passage(len(found) + 1, next(self._texts)))
        return found[:-1] or found

    def messages(self) -> list[Message]:
        return build_messages(QUESTION, self.passages())


def _passage(number: int, text: str) -> Passage:
    title = f"note {number}"
    return Passage(number, number, title, title, (), None, 0, len(text), text, 1.0)


def compare(bench: Bench, prompts: Prompts, options: argparse.Namespace) -> dict[str, Any]:
    """Ours and bare in turns, who begins alternating; the overhead is of the summed seconds."""
    result = {}
    for num_chats in options.chats:
        rounds: dict[str, list[dict[str, Any]]] = {"ours": [], "bare": []}
        for number in range(options.rounds):
            asked = [prompts.messages() for _ in range(num_chats)]
            ways = [("ours", bench.ask), ("bare", bench.ask_bare)]
            for name, way in ways if number % 2 == 0 else ways[::-1]:
                bench.forget()
                rounds[name].append(way(asked, options.new_tokens))
        ours, bare = (sum(r["seconds"] for r in rounds[name]) for name in ("ours", "bare"))
        result[f"{num_chats} chats"] = {
            "overhead_percent": round(100 * (ours / bare - 1), 1),
            **{name: _summary(rounds[name]) for name in rounds},
        }
        print(num_chats, "chats", json.dumps(result[f"{num_chats} chats"]), flush=True)
    return result


def _summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    seconds = sum(r["seconds"] for r in rounds)
    firsts = [r["first"] for r in rounds if r["first"] is not None]
    return {
        "seconds": round(seconds, 2),
        "tokens_per_second": round(sum(r["tokens"] for r in rounds) / seconds, 2),
        "first_token_seconds": round(statistics.mean(firsts), 2) if firsts else None,
        "tokens": sum(r["tokens"] for r in rounds),
    }


def follow(bench: Bench, prompts: Prompts, options: argparse.Namespace) -> dict[str, Any]:
    """The second question on the same sources, as three prompts may put it."""
    rounds: dict[str, list[tuple[float, float, int]]] = {}
    for _ in range(options.rounds):
        passages = prompts.passages()
        first = build_messages(QUESTION, passages)
        said = [Message("user", QUESTION), Message("assistant", "They tell of several things [1].")]
        for name, second in {
            "another question on the same sources": build_messages(FOLLOW_UP, passages),
            "a conversation, its history before the sources": build_messages(
                FOLLOW_UP, passages, said
            ),
            "a conversation, appended to the first prompt": [
                *first, said[1], Message("user", FOLLOW_UP),
            ],
        }.items():  # fmt: skip
            bench.forget()
            cold = bench.ask([first], 4)
            warm = bench.ask([second], 4)
            rounds.setdefault(name, []).append((cold["first"], warm["first"], warm["cached"]))
    result = {}
    for name, figures in rounds.items():
        cold, warm = sum(f[0] for f in figures), sum(f[1] for f in figures)
        result[name] = {
            "first_seconds": round(cold / len(figures), 2),
            "follow_up_seconds": round(warm / len(figures), 2),
            "times_sooner": round(cold / warm, 1),
            "cached_tokens": round(statistics.mean(f[2] for f in figures)),
        }
        print(name, json.dumps(result[name]), flush=True)
    return result


def warm_up(bench: Bench, prompts: Prompts) -> dict[str, Any]:
    """The first answer after loading, with and without the rules read before it."""
    first = bench.ask([prompts.messages()], 2)
    bench.forget()
    again = bench.ask([prompts.messages()], 2)
    bench.forget()
    rules = bench.ask([[Message("system", SYSTEM), Message("user", "?")]], 1)
    warm = bench.ask([prompts.messages()], 2)
    result = {
        "first_after_loading_seconds": round(first["first"], 2),
        "later_without_cache_seconds": round(again["first"], 2),
        "warm_up_seconds": round(rules["seconds"], 2),
        "after_warm_up_seconds": round(warm["first"], 2),
        "cached_tokens": warm["cached"],
    }
    print("warm-up", json.dumps(result), flush=True)
    return result


def try_settings(options: argparse.Namespace) -> None:
    """One process for each: the number of threads is fixed once torch is loaded."""
    results = []
    for changes in SWEEP:
        command = [sys.executable, "-m", "bench.generate", "--one", json.dumps(changes)]
        command += ["--tokens", str(options.tokens), "--data", str(options.data)]
        threads = str(changes.get("threads", len(os.sched_getaffinity(0))))
        run = subprocess.run(
            command,
            env=os.environ | {"OMP_NUM_THREADS": threads},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        results.append(json.loads(run.stdout.splitlines()[-1]))
        print(json.dumps(results[-1]), flush=True)
    _write("settings", results)


def try_one(options: argparse.Namespace) -> None:
    """Reading and writing speed of 1 and of 4 chats under some settings."""
    changes = json.loads(options.one)
    bench = Bench(options.max_model_len, {k: v for k, v in changes.items() if k != "threads"})
    prompts = Prompts(bench, options.data, options.tokens)
    bench.ask([prompts.messages()], 2)
    result = {"settings": changes, "load_seconds": round(bench.load_seconds, 1)}
    for num_chats in (1, 4):
        asked = [prompts.messages() for _ in range(num_chats)]
        bench.forget()
        reading = bench.ask(asked, 1)
        writing = bench.ask(asked, 32)  # read before
        result[f"{num_chats} chats"] = {
            "prompt_tokens_per_second": round(
                sum(map(bench.ours.count_chat_tokens, asked)) / reading["seconds"], 1
            ),
            "tokens_per_second": round(writing["tokens"] / writing["seconds"], 2),
        }
    bench.ours.close()
    print(json.dumps(result))


def _write(part: str, value: Any) -> None:
    """Keep the other parts of the file."""
    whole = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    whole[part] = value
    RESULTS.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    print(f"written: {RESULTS}")


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--chats", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--tokens", type=int, default=1500, help="of a prompt")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--max-model-len", type=int, default=4096)
    parser.add_argument("--settings", action="store_true", help="a short sweep")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return try_one(options)
    if options.settings:
        return try_settings(options)
    bench = Bench(options.max_model_len, {"disable_log_stats": False})
    prompts = Prompts(bench, options.data, options.tokens)
    result = {
        "command": " ".join(["python -m bench.generate", *sys.argv[1:]]),
        "load_seconds": round(bench.load_seconds, 1),
        "warm-up": warm_up(bench, prompts),
        "follow-up": follow(bench, prompts, options),
        "chats": compare(bench, prompts, options),
    }
    bench.ours.close()
    _write("run", result)


if __name__ == "__main__":
    main()
