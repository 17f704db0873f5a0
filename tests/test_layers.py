"""The shape of the code: who may import whom, and how long things may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOT_MODULES = {
    "app",
    "rag.cli",
    "rag.cli_attacks",
    "rag.cli_backup",
    "rag.cli_bundle",
    "rag.cli_options",
    "rag.cli_keys",
    "rag.cli_making",
    "rag.cli_models",
    "rag.cli_mcp",
    "rag.cli_questions",
    "rag.cli_stats",
    "rag.cli_serving",
    "rag.cli_tune",
    "rag.cli_users",
    "rag.collection",
    "rag.cli_eval",
    "rag.cli_eval_answers",
    "rag.doctor",
    "rag.documents",
    "rag.evaluation.answer_report",
    "rag.evaluation.answering",
    "rag.evaluation.experiment",
    "rag.evaluation.indexing",
    "rag.evaluation.tuning",
    "rag.parts",
    "rag.people",
    "rag.recording",
    "rag.service",
    "rag.service_sync",
    "rag.web",
    "rag.web_api",
}
MAY_IMPORT_INGEST = {
    "app", "rag.cli", "rag.documents", "rag.evaluation.indexing", "rag.service",
    "rag.service_sync", "rag.web",
}  # fmt: skip
HEAVY = {
    "chainlit", "cryptography", "faiss", "lxml", "markdown_it", "msoffcrypto", "olefile", "onnx",
    "onnxruntime", "openpyxl", "oxmsg", "pptx", "pypdfium2", "scipy", "sentence_transformers",
    "striprtf", "tantivy", "torch", "transformers", "vllm",
    "ir_measures",
    "jsonschema",
    "jwt",
    "mcp",
    "opentelemetry", "prometheus_client", "redis", "structlog",
    "rapidfuzz",
}  # fmt: skip
CHAINLIT = {  # the page's own
    "app", "rag.chat.following", "rag.chat.panel", "rag.chat.reply", "rag.chat.socket",
}  # fmt: skip
MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 400


@cache
def sources() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    found = {"app": ROOT / "app.py"}
    for package in ("rag", "ingest"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(sources()[module].read_text("utf-8"))


def imports(module: str, node: ast.AST, *, runtime: bool, deep: bool) -> Iterator[str]:
    """What the code names in imports; `deep` looks into functions, `runtime` skips type checks."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                is_package = sources()[module].name == "__init__.py"
                parts = module.split(".")
                kept = parts[: len(parts) - child.level + is_package]
                base = ".".join([*kept, base] if base else kept)
            yield base
            yield from (f"{base}.{alias.name}" for alias in child.names)
        elif not _is_left_out(child, runtime=runtime, deep=deep):
            yield from imports(module, child, runtime=runtime, deep=deep)


def _is_left_out(node: ast.AST, *, runtime: bool, deep: bool) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return not deep
    return runtime and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def own_imports(module: str) -> set[str]:
    """The project's modules that a module imports, in functions and for types too."""
    named = imports(module, tree(module), runtime=False, deep=True)
    return {name for name in named if name in sources() and name != module}


def test_the_reader_of_imports_sees_them() -> None:
    guarded = "if TYPE_CHECKING:\n    import faiss\n"
    node = ast.parse(f"import torch\n{guarded}def f():\n    from rag import types\n")
    assert list(imports("app", node, runtime=True, deep=False)) == ["torch"]
    assert set(imports("app", node, runtime=False, deep=True)) == {
        "torch", "faiss", "rag", "rag.types",
    }  # fmt: skip
    relative = ast.parse("from .types import Hit\nfrom . import errors")
    assert "rag.types" in set(imports("rag.cli", relative, runtime=False, deep=True))
    assert "rag.errors" in set(imports("rag", relative, runtime=False, deep=True))


def test_rag_does_not_know_ingest() -> None:
    offenders = {
        module: sorted(name for name in own_imports(module) if name.split(".")[0] == "ingest")
        for module in sources()
        if module.startswith("rag") and module not in MAY_IMPORT_INGEST
    }
    assert {m: names for m, names in offenders.items() if names} == {}


def test_only_roots_read_settings() -> None:
    readers = {module for module in sources() if "rag.config" in own_imports(module)}
    assert readers <= ROOT_MODULES


def test_nothing_below_imports_a_root() -> None:
    offenders = {
        module: own_imports(module) & ROOT_MODULES
        for module in sources()
        if module not in ROOT_MODULES
    }
    assert {m: names for m, names in offenders.items() if names} == {}


def test_imports_make_no_cycle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(own_imports(module)):
                visit(name, (*path, module))
            done.add(module)

    for module in sources():
        visit(module, ())


@pytest.mark.parametrize("module", sorted(sources()))
def test_heavy_imports_are_lazy(module: str) -> None:
    named = imports(module, tree(module), runtime=True, deep=False)
    heavy = {name.split(".")[0] for name in named} & HEAVY
    assert heavy <= ({"chainlit"} if module in CHAINLIT else set())
    if module not in CHAINLIT:  # app alone imports those that import it
        assert not own_imports(module) & CHAINLIT


@pytest.mark.parametrize("module", sorted(sources()))
def test_sizes(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= MAX_FUNCTION_LINES, f"{module}.{node.name} has {length} lines"
    lines = len(sources()[module].read_text("utf-8").splitlines())
    assert lines <= MAX_MODULE_LINES, f"{module} has {lines} lines"
