"""Files and filters of single conversations, over a real index with a fake encoder."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_service import eventually

from rag.ask_options import AskOptions
from rag.config import Settings
from rag.conversation_files import ANNOUNCED_SECONDS, KEPT_CONVERSATIONS, Conversations
from rag.errors import LibraryError
from rag.library import Asker
from rag.service import Service
from rag.where import Where

pytestmark = pytest.mark.usefixtures("fake_models")
HERE, ELSEWHERE = str(uuid.uuid4()), str(uuid.uuid4())
QUESTION = "Which colour is the zebra lamp?"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "pump.txt").write_text("The pump is blue.")
    settings = Settings(index=tmp_path / "index", debounce_ms=100, generator="none")
    service = Service(settings, lambda line: None, roots=[tmp_path / "docs"], is_watching=False)
    service.start()
    service.wait(60)
    yield service
    service.close()


def add(
    service: Service, text: str, name: str = "zebra.txt", chat: str = HERE, **options: object
) -> Path:
    data = text.encode()
    with service.conversations.receive(name, len(data), chat, **options) as coming:  # type: ignore[arg-type]
        coming.write(data)
        return coming.finish()


def settle(service: Service, chat: str = HERE, asker: Asker | None = None) -> None:
    eventually(lambda: service.conversations.num_unsettled(chat, asker or Asker()) == 0)


def found(service: Service, chat: str, asker: Asker | None = None) -> set[str]:
    options = AskOptions(where=service.conversations.where(chat, asker or Asker()))
    answer = service.footnote.ask(QUESTION, options=options)
    return {Path(passage.path).name for passage in answer.passages}


def test_a_file_is_found_in_its_conversation_alone(service: Service) -> None:
    add(service, "The zebra lamp is turquoise.")
    assert service.conversations.num_unsettled(HERE) in (0, 1)
    settle(service)
    (file,) = service.conversations.files(HERE)
    assert (file.name, file.state, file.is_kept, file.size) == ("zebra.txt", "ready", False, 28)
    assert file.document_id is not None
    assert found(service, HERE) == {"zebra.txt", "pump.txt"}
    assert found(service, ELSEWHERE) == {"pump.txt"}
    assert found(service, HERE, Asker("her")) == {"pump.txt"}
    assert service.conversations.files(HERE, Asker("her")) == []


def test_a_kept_file_is_found_in_all_conversations_of_its_owner(service: Service) -> None:
    add(service, "The zebra lamp is turquoise.", is_kept=True)
    settle(service)
    assert service.conversations.files(HERE)[0].is_kept
    assert service.conversations.files(ELSEWHERE) == []
    assert found(service, HERE) == found(service, ELSEWHERE) == {"zebra.txt", "pump.txt"}
    assert found(service, HERE, Asker("her")) == {"pump.txt"}


def test_a_file_that_cannot_be_read_says_why(service: Service) -> None:
    add(service, "%PDF-1.4 no more", name="broken.pdf")
    settle(service)
    (file,) = service.conversations.files(HERE)
    assert (file.state, file.reason, file.document_id) == ("failed", "damaged", None)
    assert file.message.startswith("broken.pdf: ") and "save it anew" in file.message


def test_a_file_on_its_way_is_waited_for(service: Service) -> None:
    conversations = service.conversations
    with conversations.receive("zebra.txt", 4, HERE) as coming:
        coming.write(b"half")
        assert conversations.num_unsettled(HERE) == 1
        assert conversations.files(HERE) == []
        assert conversations.num_unsettled(ELSEWHERE) == 0
    assert conversations.num_unsettled(HERE) == 0  # it was broken off
    assert conversations.files(HERE) == []


def test_files_that_a_page_announced_are_waited_for_but_not_for_ever(service: Service) -> None:
    now = 0.0
    conversations = Conversations(service.library, clock=lambda: now)
    conversations.announce(HERE, 2)
    assert conversations.num_unsettled(HERE) == 2
    now = ANNOUNCED_SECONDS + 1
    assert conversations.num_unsettled(HERE) == 0
    conversations.announce(HERE, 1)
    conversations.announce(HERE, 0)
    assert conversations.num_unsettled(HERE) == 0


def test_a_file_is_removed_and_a_conversation_forgotten(service: Service) -> None:
    first, second = add(service, "one", "a.txt"), add(service, "two", "b.txt")
    kept = add(service, "three", "c.txt", is_kept=True)
    settle(service)
    service.conversations.remove(HERE, "a.txt")
    with pytest.raises(KeyError):
        service.conversations.remove(HERE, "a.txt")
    with pytest.raises(KeyError):
        service.conversations.remove(HERE, "b.txt", Asker("her"))
    assert [path.exists() for path in (first, second, kept)] == [False, True, True]
    service.conversations.narrow(HERE, Where(types=("pdf",)))
    service.conversations.forget(HERE)
    assert [path.exists() for path in (first, second, kept)] == [False, False, True]
    assert not service.conversations.narrowed(HERE)
    eventually(lambda: service.catalog.counts()["documents"] == 2)  # the pump, and what is kept


def test_files_of_a_conversation_that_is_asked_do_not_expire(service: Service) -> None:
    asked, left = add(service, "one", "a.txt"), add(service, "two", "b.txt", ELSEWHERE)
    settle(service)
    for path in (asked, left):
        os.utime(path.parent, (0, 0))
    service.conversations.where(HERE)
    assert service.library.uploads.remove_expired() == 1
    assert asked.exists() and not left.exists()
    assert service.conversations.where("no uuid")  # nothing to touch, and no error


def test_narrowing_holds_for_one_conversation_of_one_person(service: Service) -> None:
    conversations, her = service.conversations, Asker("her", Where(folders=("/hers",)))
    pdf = Where(types=("pdf",))
    conversations.narrow(HERE, pdf)
    assert conversations.where(HERE) == pdf and conversations.narrowed(HERE.upper()) == pdf
    assert not conversations.where(ELSEWHERE) and not conversations.narrowed(HERE, her)
    assert conversations.where(HERE, her) == her.where
    with pytest.raises(LibraryError):
        conversations.narrow("no uuid", pdf)


def test_a_document_that_is_edited_is_still_what_one_narrowed_to(service: Service) -> None:
    path = add(service, "The zebra lamp is turquoise.", is_kept=True)
    settle(service)
    (before,) = service.conversations.files(HERE)
    service.conversations.narrow(HERE, Where(documents=(before.as_json()["path"],)))
    path.write_text("The zebra lamp is scarlet by now.")
    service.library.sync_added()
    eventually(
        lambda: service.conversations.files(HERE)[0].document_id not in (None, before.document_id)
    )
    assert found(service, HERE) == {"zebra.txt"}


def test_what_is_known_of_conversations_does_not_grow_for_ever(service: Service) -> None:
    conversations, pdf = service.conversations, Where(types=("pdf",))
    conversations.narrow(HERE, pdf)
    conversations.narrow(ELSEWHERE, pdf)
    for _ in range(KEPT_CONVERSATIONS - 2):
        conversations.narrowed(str(uuid.uuid4()))
    conversations.narrowed(HERE)
    conversations.narrowed(str(uuid.uuid4()))
    assert conversations.narrowed(HERE) == pdf and not conversations.narrowed(ELSEWHERE)
