"""The viewer's routes, over real documents."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from page_service import FILES, REPOSITORY, fill_catalog
from PIL import Image
from pypdf import PdfWriter

from ingest.readers import read_document
from rag.catalog import Catalog
from rag.pdf_pages import page_png, read_page
from rag.types import Chunk, StoredDocument
from rag.viewer import WINDOW_CHARACTERS, viewer_router
from rag.viewer_span import open_span

DATA = REPOSITORY / "data"
MANUAL, SERVICE, HANDBOOK, GUIDE, TRAVEL, CONTRACT, SALES, SLIDES, PROFILE = (
    str(DATA / name) for name in FILES
)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog(tmp_path_factory.mktemp("index") / "catalog.sqlite") as catalog:
        fill_catalog(catalog, DATA)
        yield catalog


def client_of(catalog: Catalog, passwords: tuple[str, ...] = ()) -> TestClient:
    app = FastAPI()
    app.include_router(viewer_router(catalog, passwords))
    return TestClient(app)


@pytest.fixture
def client(catalog: Catalog) -> TestClient:
    return client_of(catalog)


def spot(catalog: Catalog, path: str, quote: str) -> tuple[StoredDocument, int, int]:
    document = catalog.document_by_path(path)
    assert document is not None
    start = catalog.document_text(document.document_id).index(quote)
    return document, start, start + len(quote)


def view(catalog: Catalog, client: TestClient, path: str, quote: str, **query: object) -> str:
    document, start, end = spot(catalog, path, quote)
    params = {"start": start, "end": end, **query}
    response = client.get(f"/view/{document.document_id}", params=params)
    assert response.status_code == 200
    return response.text


def put_text(catalog: Catalog, path: Path, text: str, stored: str | None = None) -> int:
    """Write a file and index it as one chunk; return the document's id."""
    import numpy as np

    path.write_text(text, encoding="utf-8")
    text = text if stored is None else stored
    chunk = Chunk(0, len(text), text, "", ("<h>",), None, "en")
    status = path.stat()
    return catalog.put_document(
        str(path), "<i>t</i>", "0", status.st_size, status.st_mtime_ns, text, [chunk],
        [path.name], {path.name: np.ones(2, np.float32)},
    )  # fmt: skip


def test_text_is_shown_with_the_quote_marked(catalog: Catalog, client: TestClient) -> None:
    quote = "A password has at least 14 characters"
    html = view(catalog, client, GUIDE, quote)
    assert f'<mark id="cite">{quote}</mark> and is not used' in html
    assert "<title>IT Security Guide</title>" in html
    assert GUIDE in html


def test_everything_of_a_document_is_escaped(tmp_path: Path) -> None:
    with Catalog(tmp_path / "c.sqlite") as catalog:
        text = "<script>alert(1)</script> \" ' & <mark>"
        number = put_text(catalog, tmp_path / "<b>.txt", text)
        html = client_of(catalog).get(f"/view/{number}?start=0&end=8").text
    assert '<mark id="cite">&lt;script&gt;</mark>alert(1)&lt;/script&gt;' in html
    body = html[html.index("<main") : html.index("</main>")]
    assert "<script" not in body and "<i>t" not in body and "<h>" not in body
    assert body.count("<mark") == 1


def test_a_page_runs_nothing_but_its_own_script(catalog: Catalog, client: TestClient) -> None:
    document, start, end = spot(catalog, MANUAL, "E12 | Lamp")
    response = client.get(f"/view/{document.document_id}?start={start}&end={end}")
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    (script,) = re.findall("<script>(.*?)</script>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert re.search(r"script-src ([^;]*)", policy)[1] == f"'sha256-{digest}'"
    assert "style=" not in response.text and response.text.count("<script") == 1


@pytest.mark.parametrize("span", [(-5, 3), (5, 2), (10**9, 10**9 + 1), (0, 10**9)])
def test_a_span_out_of_range_is_cut(catalog: Catalog, client: TestClient, span: tuple) -> None:
    document, *_ = spot(catalog, GUIDE, "A password")
    response = client.get(f"/view/{document.document_id}?start={span[0]}&end={span[1]}")
    assert response.status_code == 200


def test_long_texts_are_cut_around_the_quote(tmp_path: Path) -> None:
    line = "0123456789" * 8 + "\n"
    text = line * 400 + "THE QUOTE\n" + line * 400
    with Catalog(tmp_path / "c.sqlite") as catalog:
        number = put_text(catalog, tmp_path / "long.txt", text)
        start = text.index("THE QUOTE")
        client = client_of(catalog)
        part = client.get(f"/view/{number}?start={start}&end={start + 9}").text
        whole_url = re.search(r'href="([^"]*whole=1[^"]*)"', part)
        assert whole_url
        whole = client.get(whole_url[1].replace("&amp;", "&")).text
    body = part[part.index("<main") :]
    assert 2 * WINDOW_CHARACTERS < len(body) < 3 * WINDOW_CHARACTERS
    assert len(whole) > len(text)
    assert '<mark id="cite">THE QUOTE</mark>' in part and '<mark id="cite">' in whole


def test_a_pdf_page_is_a_picture_with_the_quote_on_it(catalog: Catalog, client: TestClient) -> None:
    html = view(catalog, client, MANUAL, "E12 | Lamp over 85 degrees Celsius")
    assert "Page 5 of 7" in html and '<g id="cite"><rect ' in html
    assert '<image href="/view/' in html and "page/5.png" in html
    assert "#page=5" in html
    assert "page=4" in html and "page=6" in html
    other = view(catalog, client, MANUAL, "E12 | Lamp over 85 degrees Celsius", page=1)
    assert "Page 1 of 7" in other and 'id="cite"' not in other and "Cited page" in other
    assert 'rel="next"' in other and 'rel="prev"' not in other


def test_every_block_of_a_pdf_is_found_where_it_stands(catalog: Catalog) -> None:
    for path in (MANUAL, SERVICE):
        document, *_ = spot(catalog, path, "")
        text = catalog.document_text(document.document_id)
        for chunk in catalog.chunks_of(document.document_id):
            assert chunk.page
            page = read_page(Path(path), chunk.page, text[: chunk.start], chunk.text, "")
            assert page.rectangles, chunk.text
            for x, y, width, height in page.rectangles:
                assert 0 <= x < x + width <= page.width and 0 <= y < y + height <= page.height


def test_rectangles_stand_on_ink(catalog: Catalog) -> None:
    page = read_page(Path(MANUAL), 5, "", "E12 Lamp over 85 degrees Celsius", "")
    picture = Image.open(io.BytesIO(page_png(Path(MANUAL), 0, 5, 2.0))).convert("L")
    assert len(page.rectangles) == 2  # cells of a table's row
    for x, y, width, height in page.rectangles:
        box = tuple(round(2 * edge) for edge in (x, y, x + width, y + height))
        darkest, _ = picture.crop(box).getextrema()
        assert darkest < 100
    assert abs(picture.width - 2 * page.width) < 2


def test_pages_that_do_not_exist(catalog: Catalog, client: TestClient) -> None:
    document, *_ = spot(catalog, MANUAL, "")
    for path in (f"/view/{document.document_id}/page/8.png", "/view/999/page/1.png"):
        assert client.get(path).status_code == 404
    text_document, *_ = spot(catalog, GUIDE, "")
    assert client.get(f"/view/{text_document.document_id}/page/1.png").status_code == 404
    beyond = client.get(f"/view/{document.document_id}?start=0&end=5&page=99")
    assert beyond.status_code == 200 and "cannot be shown as a picture" in beyond.text
    picture = client.get(f"/view/{document.document_id}/page/1.png")
    assert picture.content.startswith(b"\x89PNG") and picture.headers["content-type"] == "image/png"


def test_an_unknown_document_says_so_in_the_readers_language(client: TestClient) -> None:
    response = client.get("/view/999?start=0&end=5")
    assert response.status_code == 404 and "not in the index" in response.text
    chinese = client.get("/view/999", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert "索引中没有这份文档" in chinese.text and '<html lang="zh"' in chinese.text
    assert client.get("/file/999").status_code == 404
    assert client.get("/api/passage/999").status_code == 404


@pytest.mark.parametrize("path", ["/file/../app.py", "/file/%2e%2e%2fapp.py", "/view/a", "/file/"])
def test_nothing_is_served_by_path(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_only_a_pdf_opens_in_the_browser(catalog: Catalog, client: TestClient) -> None:
    manual, *_ = spot(catalog, MANUAL, "")
    response = client.get(f"/file/{manual.document_id}")
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"].startswith("inline")
    assert response.content == Path(MANUAL).read_bytes()
    travel, *_ = spot(catalog, TRAVEL, "")
    response = client.get(f"/file/{travel.document_id}")
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "private, no-cache"  # rights may be taken away


def test_a_changed_or_lost_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with Catalog(tmp_path / "c.sqlite") as catalog:
        number = put_text(catalog, path, "as it was")
        client = client_of(catalog)
        assert "has changed" not in client.get(f"/view/{number}").text
        path.write_text("as it is now", encoding="utf-8")
        assert "has changed" in client.get(f"/view/{number}").text
        os.remove(path)
        page = client.get(f"/view/{number}?start=0&end=5")
        assert page.status_code == 200 and "no longer there" in page.text
        assert "as it was"[5:] in page.text and "/file/" not in page.text
        assert client.get(f"/file/{number}").status_code == 404


def test_a_damaged_pdf_falls_back_to_its_text(tmp_path: Path) -> None:
    with Catalog(tmp_path / "c.sqlite") as catalog:
        number = put_text(catalog, tmp_path / "a.pdf", "not a pdf", stored="the indexed text")
        client = client_of(catalog)
        page = client.get(f"/view/{number}?start=4&end=11")
        assert page.status_code == 200
        assert "cannot be shown as a picture" in page.text
        assert '<mark id="cite">indexed</mark>' in page.text
        assert client.get(f"/view/{number}/page/1.png").status_code == 404


def test_the_theme_is_kept_from_page_to_page(catalog: Catalog, client: TestClient) -> None:
    html = view(catalog, client, MANUAL, "E12 | Lamp", theme="dark")
    assert 'data-theme="dark"' in html and html.count("theme=dark") >= 2
    assert "evil" not in view(catalog, client, MANUAL, "E12 | Lamp", theme='"evil')


def test_a_passage_as_json(catalog: Catalog, client: TestClient) -> None:
    document, start, end = spot(catalog, MANUAL, "E12 | Lamp over 85 degrees Celsius")
    url = f"/api/passage/{document.document_id}?start={start}&end={end}"
    answer = client.get(url).json()
    assert answer["quote"] == "E12 | Lamp over 85 degrees Celsius"
    assert answer["page"] == 5 and answer["title"] == "Lantern X200 User Manual"
    assert answer["place"].startswith("Page 5 · ")
    assert answer["cells"][0] == ["Code", "E12"]
    text = catalog.document_text(document.document_id)
    assert answer["before"] + answer["quote"] + answer["after"] in text
    assert open_span(catalog, document.document_id, start, end).chunk.page == 5


def put_pdf(catalog: Catalog, path: Path, writer: PdfWriter, text: str) -> int:
    import numpy as np

    writer.write(path)
    chunk = Chunk(0, len(text), text, "", (), 2, "en")
    status = path.stat()
    return catalog.put_document(
        str(path), path.stem, "0", status.st_size, status.st_mtime_ns, text, [chunk],
        [path.name], {path.name: np.ones(2, np.float32)},
    )  # fmt: skip


def test_a_locked_pdf_opens_with_the_passwords(tmp_path: Path) -> None:
    text = document_of(MANUAL, 2)
    writer = PdfWriter(clone_from=MANUAL)
    writer.encrypt("geheim\u00df", algorithm="AES-256")
    with Catalog(tmp_path / "c.sqlite") as catalog:
        number = put_pdf(catalog, tmp_path / "locked.pdf", writer, text)
        for passwords, status in (((), 404), (("wrong", "geheim\u00df"), 200)):
            client = client_of(catalog, passwords)
            html = client.get(f"/view/{number}?start=0&end=20").text
            assert ('<g id="cite">' in html) == (status == 200)
            assert client.get(f"/view/{number}/page/2.png").status_code == status


def test_a_page_is_shown_with_the_number_that_the_file_gives_it(tmp_path: Path) -> None:
    writer = PdfWriter(clone_from=MANUAL)
    writer.set_page_label(0, 2, style="/r", start=3)
    writer.set_page_label(3, 6, prefix="A<&-", style="/D", start=4)
    text = document_of(MANUAL, 2)
    with Catalog(tmp_path / "c.sqlite") as catalog:
        number = put_pdf(catalog, tmp_path / "a.pdf", writer, text)
        client = client_of(catalog)
        html = client.get(f"/view/{number}?start=0&end=20").text
        assert "Page 2 of 7 (numbered iv)" in html
        html = client.get(f"/view/{number}?start=0&end=20&page=4").text
        assert "Page 4 of 7 (numbered A&lt;&amp;-4)" in html


def document_of(path: str, page: int) -> str:
    """The text of a PDF's page as it is indexed."""
    document = read_document(Path(path))
    blocks = [block for block in document.blocks if block.page == page]
    return document.text[blocks[0].start : blocks[-1].end]
