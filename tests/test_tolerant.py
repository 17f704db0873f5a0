"""What fails is left alone for a while, said once, and tried by one alone."""

from __future__ import annotations

import pytest
from fakes import Clock

from rag.tolerant import PAUSE_SECONDS, Tolerant


class Part:
    is_closed = False

    def close(self) -> None:
        self.is_closed = True


def fail(_: Part) -> str:
    raise OSError("It is gone.")


def test_it_fails_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    clock, opened, failures = Clock(0.0), list[Part](), list[int]()

    def open_it() -> Part:
        opened.append(Part())
        return opened[-1]

    tolerant = Tolerant(
        open_it, OSError, otherwise="Without it.", well_again="It is back.",
        on_failure=lambda: failures.append(1), clock=clock,
    )  # fmt: skip
    assert opened == [] and tolerant.is_well
    assert tolerant.attempt(lambda _: "used", lambda: "instead") == "used"
    assert tolerant.attempt(fail, lambda: "instead") == "instead"
    assert tolerant.attempt(lambda _: "used", lambda: "instead") == "instead"  # left alone
    clock.now = PAUSE_SECONDS + 1

    def probe(_: Part) -> str:
        """While one tries, the others do without."""
        assert tolerant.attempt(lambda _: "used", lambda: "instead") == "instead"
        return fail(_)

    assert tolerant.attempt(probe, lambda: "instead") == "instead" and not tolerant.is_well
    clock.now *= 3
    assert tolerant.attempt(lambda _: "used", lambda: "instead") == "used" and tolerant.is_well
    assert tolerant.attempt(lambda _: "used", lambda: "instead") == "used"
    assert len(failures) == 2 and len(opened) == 1
    assert [r.message for r in caplog.records] == ["It is gone. Without it.", "It is back."]
    with pytest.raises(KeyError):
        tolerant.attempt(lambda _: {}["x"], lambda: "instead")
    tolerant.close()
    assert opened[0].is_closed


def test_what_cannot_be_opened_is_opened_later() -> None:
    clock, tries = Clock(0.0), list[int]()

    def open_it() -> Part:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("Not yet.")
        return Part()

    tolerant = Tolerant(open_it, OSError, otherwise="", well_again="", clock=clock)
    assert tolerant.attempt(lambda _: 1, lambda: 0) == 0
    clock.now = PAUSE_SECONDS
    assert tolerant.attempt(lambda _: 1, lambda: 0) == 1
