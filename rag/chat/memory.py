"""What was said in a conversation, by the question that said it: questions can be asked anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rag.types import Answer, Message

MAX_MESSAGES = 20  # of a history; the packer takes of them what fits


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and what was said to it; `message_id` is the question's on the page.

    `answer` is there only where it was finished in this process. Nothing `said` is no history.
    """

    message_id: str
    question: str
    said: str
    answer: Answer | None = None


class Memory:
    """The turns of one conversation, oldest first."""

    def __init__(self, turns: Iterable[Turn] = ()) -> None:
        self._turns = list(turns)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return tuple(self._turns)

    def add(self, turn: Turn) -> None:
        """A turn that is over. Asked again, it takes the place of what was said before."""
        self.cut(turn.message_id)
        self._turns.append(turn)

    def cut(self, message_id: str) -> None:
        """Forget a question and all that came after it; harmless for one that is not known."""
        for place, turn in enumerate(self._turns):
            if turn.message_id == message_id:
                del self._turns[place:]
                return

    def history(self) -> list[Message]:
        """The newest of what was said, as the pipeline takes it."""
        pairs = [
            (Message("user", turn.question), Message("assistant", turn.said))
            for turn in self._turns
            if turn.said
        ]
        return [message for pair in pairs for message in pair][-MAX_MESSAGES:]

    @property
    def previous(self) -> Answer | None:
        """The last turn's answer, if it was finished: a follow-up may go on from it."""
        said = [turn for turn in self._turns if turn.said]
        return said[-1].answer if said else None
