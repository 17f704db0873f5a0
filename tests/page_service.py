"""A scripted service behind the real page, over real documents. To look at it by hand:

python tests/page_service.py --port 8010
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from ingest.readers import read_document  # noqa: E402
from rag.access import ANONYMOUS, LOCAL, Access, Rule  # noqa: E402
from rag.accounts import Accounts  # noqa: E402
from rag.ask_options import USUAL, AskOptions  # noqa: E402
from rag.catalog import Catalog  # noqa: E402
from rag.chat.store import Store  # noqa: E402
from rag.config import Settings  # noqa: E402
from rag.conversation_files import Conversations  # noqa: E402
from rag.errors import GenerationError  # noqa: E402
from rag.identity import ByPassword, Fixed, Identity, Proxies  # noqa: E402
from rag.library import Failed, Library, SyncState  # noqa: E402
from rag.people import People  # noqa: E402
from rag.types import (  # noqa: E402
    Answer,
    AnswerEvent,
    AnswerFinished,
    AnswerText,
    Chunk,
    Citation,
    CitationFound,
    Found,
    Hit,
    LeftOut,
    Message,
    PackedPassage,
    PackReport,
    Passage,
    SourcesFound,
)
from rag.uploads import UploadLimits, Uploads, readable_suffixes  # noqa: E402
from rag.where import Where  # noqa: E402
from rag.where_match import Matcher  # noqa: E402

FAULT_QUESTION = "What does fault code E12 mean?"
FAULT_QUOTE = "E12 | Lamp over 85 degrees Celsius | Switch off for 20 minutes, clean the fan grille"
TRAPS = " note:important <b>bold</b> ![x](https://outside.example/x.png) `a:b`"
NUM_PASSAGES = 4
PAYLOADS = (
    "<script>window.__pwned=1</script>",
    "<img src=x onerror='window.__pwned=1'>",
    "<svg onload='window.__pwned=1'><circle r='1'/></svg>",
    "<iframe src='https://outside.example/frame'></iframe>",
    "<object data='https://outside.example/object'></object>",
    "<link rel='stylesheet' href='https://outside.example/style.css'>",
    "<style>@import 'https://outside.example/more.css';</style>",
    "<meta http-equiv='refresh' content='0;url=https://outside.example/'>",
    "<a href='javascript:window.__pwned=1'>open</a>",
    "[open](javascript:window.__pwned=1)",
    "[open](data:text/html,<script>parent.__pwned=1</script>)",
    "![x](https://outside.example/picture.png)",
    "![x][r]\n\n[r]: https://outside.example/reference.png",
    "https://outside.example/bare",
)
HOSTILE_TITLE = f"Pond {' '.join(PAYLOADS[:4])}"
FILES = (
    "products/x200-user-manual.pdf",
    "products/F30荧光模块服务手册.pdf",
    "handbook/employee-handbook.docx",
    "handbook/it-security-guide.md",
    "人事/差旅报销制度.md",
    "合同/铝合金机座采购框架合同.xml",
    "finance/sales-2025-and-budget-2026.xlsx",
    "products/roadmap-2026-briefing.pptx",
    "products/lanternview-default-profile.json",
)
CITE = "cite "  # and a piece of a document: the answer is that piece, cited


def fill_catalog(
    catalog: Catalog, data: Path, files: Sequence[str] = FILES, title: str = ""
) -> None:
    """Real documents, a chunk a block, and vectors that mean nothing."""
    for name in files:
        path = data / name
        document = read_document(path)
        blocks = [block for block in document.blocks if block.kind != "heading"]
        chunks = [
            Chunk(b.start, b.end, document.text[b.start : b.end], "", b.headings, b.page, "en")
            for b in blocks
        ]
        keys = [f"{name}:{n}" for n in range(len(chunks))]
        vectors = {key: np.ones(2, np.float32) for key in keys}
        status = path.stat()
        catalog.put_document(
            str(path), title or document.title, "0", status.st_size, status.st_mtime_ns,
            document.text, chunks, keys, vectors,
        )  # fmt: skip


PACKING = PackReport(
    "auto",
    (PackedPassage(1, 212, "section"), PackedPassage(2, 180, "passage")),
    (LeftOut(5, "/d/a.md", "A long one", "Part 2", 900, "it takes 900 tokens where 12 are left"),),
    1, 0, 1432, 1100, 7680,
)  # fmt: skip


class ScriptedFootnote:
    """Finds by shared character pairs, and answers with the best passage's first sentence.

    These questions do something else: `fail`, `crash`, `loading`, `endless`, `stopped?` (how often
    a stream was closed early), `history`, `unsupported`, `cite ...` (see CITE), `options`, `prompt`
    (a model that reads a prompt without end), `slow` (40 words, 0.2 s each).
    """

    def __init__(self, catalog: Catalog, pace_seconds: float = 0.02) -> None:
        self.catalog = catalog
        self.pace = pace_seconds
        self.stopped = 0
        self.state = "ready"
        self._clock = threading.Event()  # never set

    def stream(
        self, question: str, history: Sequence[Message] = (), options: AskOptions = USUAL
    ) -> Generator[AnswerEvent, None, None]:
        if question == "crash":
            raise RuntimeError("secret detail")
        if question == "loading":
            self.state = "loading the language model (12 s)"
            self._clock.wait(2)
            self.state = "ready"
        passages = self._search(question, options.where)
        found = self.find(question, NUM_PASSAGES, where=options.where)
        yield SourcesFound(passages, found.hits, found, PACKING)
        if question == "prompt":
            self._read_prompt(options)
        if question == "fail":
            raise GenerationError("The model ran out of memory. Set a smaller max_model_len.")
        text, citations = "", []
        try:
            for piece in self._pieces(question, history, passages, options):
                self._clock.wait(0.2 if question == "slow" else self.pace)
                if isinstance(piece, Citation):
                    citations.append(piece)
                    yield CitationFound(piece)
                    text += piece.label
                else:
                    yield AnswerText(piece)
                    text += piece
        except GeneratorExit:
            self.stopped += 1
            raise
        yield AnswerFinished(
            Answer(
                question, text, False, tuple(citations), passages, found.hits, 1432, 58, "scripted",
                {"first_token": 800.0, "total": 2300.0}, found, packing=PACKING,
            )
        )  # fmt: skip

    def find(
        self, query: str, top_k: int = 10, *, where: Where = USUAL.where, **narrowed: Any
    ) -> Found:
        started = time.perf_counter()
        passages = self._search(query, where)[:top_k]
        chunks = [
            next(c for c in self.catalog.chunks_of(p.document_id) if c.start == p.start)
            for p in passages
        ]
        hits = tuple(Hit(n, 9.0 / n, chunk) for n, chunk in enumerate(chunks, start=1))
        spent = (time.perf_counter() - started) * 1000
        return Found(hits, query, timings_ms={"encode": 6.0, "dense": 2.0, "total": spent})

    def _read_prompt(self, options: AskOptions) -> None:
        """Until it is closed from outside."""
        assert options.stopper is not None
        prompt = _Prompt()
        options.stopper.hold(prompt)
        prompt.closed.wait()
        self.stopped += 1
        raise GenerationError("closed")

    def _pieces(
        self,
        question: str,
        history: Sequence[Message],
        passages: Sequence[Passage],
        options: AskOptions,
    ) -> Generator[str | Citation, None, None]:
        if question == "endless":
            while True:
                yield "word "
        if question == "slow":
            yield from (f"word{n} " for n in range(40))
            return
        if question == "options":
            yield (
                f"mode={options.mode} scope={options.scope} top_k={options.top_k} "
                f"temperature={options.temperature} language={options.language or '-'} "
                f"general={options.general}"
            )
            return
        if question == "stopped?":
            yield f"stopped={self.stopped}"
            return
        if question == "history":
            yield " / ".join(f"{message.role}={message.content}" for message in history)
            return
        if question == "hostile":
            yield from ("\n\n".join(PAYLOADS), _cite(passages[0], PAYLOADS[0]))
            return
        asked = question[len(CITE) :] if question.startswith(CITE) else ""
        first = _cite(passages[0], FAULT_QUOTE if question == FAULT_QUESTION else asked)
        yield from re.findall(r"\S+\s*|\s+", " ".join(first.quote.split()))
        yield first
        if question == "unsupported":
            yield " Pigs can fly"
            yield _cite(passages[1], "", supported=False)
            yield "\n\nAll is well. Nobody has ever seen one.[?]"
        yield TRAPS

    def _search(self, question: str, where: Where) -> tuple[Passage, ...]:
        wanted, closed = _pairs(question), [Matcher(one) for one in where.none_of]
        chunks = [
            chunk
            for document in self.catalog.documents()
            if not any(shut.accepts(document.document_id, document.path) for shut in closed)
            for chunk in self.catalog.chunks_of(document.document_id)
        ]
        chunks.sort(key=lambda c: -_share(wanted, _pairs(c.text)))
        if question == "hostile":
            chunks.sort(key=lambda c: "__pwned" not in c.text)
        if question.startswith(CITE):
            chunks.sort(key=lambda c: question[len(CITE) :] not in c.text)
        if question == FAULT_QUESTION:
            chunks.sort(key=lambda c: FAULT_QUOTE not in c.text)
        return tuple(
            Passage(
                n, c.document_id, c.path, c.title, c.headings, c.page, c.start, c.end, c.text, 1 / n
            )
            for n, c in enumerate(chunks[:NUM_PASSAGES], start=1)
        )


class _Prompt:
    """A generation that has not begun to write."""

    prompt_tokens = completion_tokens = 0
    finish_reason: str | None = None

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __iter__(self) -> Generator[str, None, None]:
        yield from ()

    def close(self) -> None:
        self.closed.set()


def _pairs(text: str) -> Counter[str]:
    letters = "".join(sign for sign in text.lower() if sign.isalnum())
    return Counter(a + b for a, b in pairwise(letters))


def _share(wanted: Counter[str], pairs: Counter[str]) -> float:
    return sum((wanted & pairs).values()) / (60 + sum(pairs.values())) ** 0.5


def _cite(passage: Passage, quote: str, *, supported: bool = True) -> Citation:
    if quote not in passage.text or not quote:
        quote = re.split(r"(?<=[.。!?！？])\s*", passage.text)[0]
    start = passage.start + passage.text.index(quote)
    return Citation(
        passage.number, passage.document_id, passage.title, passage.path, passage.page,
        passage.heading, start, start + len(quote), quote,
        "supported" if supported else "unsupported",
    )  # fmt: skip


class ScriptedService:
    """A service that is ready at once, over a catalog in a folder of its own."""

    passwords: tuple[str, ...] = ()

    def __init__(
        self,
        folder: Path,
        pace_seconds: float = 0.02,
        *,
        hostile: bool = False,
        empty: bool = False,
    ) -> None:
        self.catalog = Catalog(folder / "catalog.sqlite")
        fill_catalog(self.catalog, REPOSITORY / "data", () if empty else FILES)
        if hostile:
            (folder / "pond.txt").write_text("\n\n".join(PAYLOADS), "utf-8")
            fill_catalog(self.catalog, folder, ["pond.txt"], title=HOSTILE_TITLE)
        self.footnote = ScriptedFootnote(self.catalog, pace_seconds)
        limits = UploadLimits(10**6, 10**7, readable_suffixes(), 3600.0)
        self.uploads = Uploads(folder / "uploads", limits)
        self.library = Library(self.catalog, folder, self.uploads, self)
        self.conversations = Conversations(self.library)
        self.started = self.closed = False
        self.indexing: str | None = None
        self.settings = Settings()

    def start(self) -> None:
        self.started = True

    def sync_state(self) -> SyncState:
        failed = (Failed("/docs/scan.pdf", "notext", "/docs/scan.pdf: no text in it; run OCR"),)
        return SyncState(
            ended_at=datetime.now(UTC), roots=(str(REPOSITORY / "data"),), failed=failed
        )

    def sync_now(self) -> None:
        """What was added is read; what was deleted is gone."""
        for folder in self.uploads.collections():
            names = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
            fill_catalog(self.catalog, folder, names)
        for document in self.catalog.documents():
            if not Path(document.path).exists():
                self.catalog.delete_document(document.path)

    def close(self) -> None:
        self.closed = True
        self.catalog.close()

    def wait(self, timeout: float | None = None) -> bool:
        return self.footnote.state == "ready"

    def state(self) -> str:
        return self.footnote.state

    def components(self) -> dict[str, str]:
        return {"generator": "ready" if self.footnote.state == "ready" else "loading"}

    def status(self) -> dict[str, Any]:
        return {"generator": "scripted"}


PASSWORD = "long enough"


def scripted_people(kind: str, folder: Path) -> People | None:
    """Nobody in particular, `anonymous` strangers, the `local` caller, or anna and bo with a
    `password`.

    The handbook is only for anna, who is of the staff.
    """
    if not kind:
        return None
    access = Access([Rule(Where(folders=("handbook",)), frozenset({"staff"}))])
    identity: Identity = Fixed(LOCAL)
    if kind == "anonymous":
        return People(Fixed(ANONYMOUS), access, Proxies(), None, is_anonymous=True)
    if kind == "password":
        accounts = Accounts(folder / "accounts.sqlite", cost=(2, 1, 1))
        for name, groups in (("anna", ["staff"]), ("bo", [])):
            if not accounts.find(name):
                accounts.add(name, PASSWORD, groups, admin=False)
        identity = ByPassword(accounts)
    return People(identity, access, Proxies(), Store(folder / "conversations.sqlite"))


def main() -> None:
    """Serve the page; the first line of output is its address."""
    import uvicorn

    from rag.web import create_app

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--pace", type=float, default=0.02, help="seconds between words")
    parser.add_argument("--hostile", action="store_true", help="with a document that attacks")
    parser.add_argument("--empty", action="store_true", help="without any document")
    parser.add_argument("--people", default="", help="anonymous, local or password")
    parser.add_argument("--kept", type=Path, help="where accounts and conversations are")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        options = {"hostile": arguments.hostile, "empty": arguments.empty}
        people = scripted_people(arguments.people, arguments.kept or Path(folder))
        service = ScriptedService(Path(folder), arguments.pace, **options)
        app = create_app(service, people=people)
        server = uvicorn.Server(uvicorn.Config(app, port=arguments.port, log_level="warning"))
        bound = server.config.bind_socket()
        bound.listen()  # who reads the address below may call at once
        print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
        with suppress(KeyboardInterrupt):
            server.run(sockets=[bound])


if __name__ == "__main__":
    main()
