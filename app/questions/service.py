"""Questions: asked once, voted for, answered or solved, unanswered until then, in order."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from app.core.errors import BadRequest, LecternError, NotFound
from app.core.ids import QuestionId, RoomId
from app.core.tasks import Tasks
from app.questions.model import (
    MAX_ANSWER_CHARACTERS,
    MAX_KNOWN,
    Caller,
    Claimed,
    Question,
    QuestionView,
    accepted,
    accepted_client_id,
    is_question_id,
)

log = structlog.get_logger(__name__)

TEND_SECONDS = 0.5
"""Between two looks at counts that changed meanwhile."""

MAX_MEMBER_CHARACTERS = 254
"""Of an e-mail or a member id."""


class QuestionStore(Protocol):
    """Where questions are kept; ``store.RedisQuestionStore`` says what each method guarantees."""

    async def ask(
        self,
        room: RoomId,
        asker: str,
        name: str,
        content: str,
        client_id: str,
        anonymous: bool = False,
    ) -> QuestionId: ...

    async def solve(self, room: RoomId, caller: Caller, question: QuestionId) -> bool: ...

    async def pending(self, room: RoomId) -> list[Question]: ...

    async def upvote(
        self, room: RoomId, caller: Caller, question: QuestionId, on: bool
    ) -> tuple[int, float]: ...

    async def tend(self, room: RoomId) -> float: ...

    async def answer(
        self, room: RoomId, caller: Caller, question: QuestionId, content: str, client_id: str
    ) -> bool: ...

    async def show(
        self, room: RoomId, caller: Caller, question: QuestionId, visible: bool
    ) -> bool: ...

    async def claim(self, room: RoomId, caller: Caller, question: QuestionId | None) -> Claimed: ...

    async def set_assistant(
        self, room: RoomId, caller: Caller, member: str, name: str, on: bool
    ) -> list[dict[str, str]]: ...

    async def moderate(self, room: RoomId, caller: Caller, on: bool) -> bool: ...

    async def view(
        self, room: RoomId, caller: Caller, known: Sequence[QuestionId]
    ) -> QuestionView: ...


class Questions:
    """Use-cases of questions.

    Every method raises NotStarted or Ended where there is no live room, and Unavailable while
    Redis is away. What a caller does also raises Forbidden, by the table of ``auth.policy``, and
    StalePresenter.
    """

    def __init__(self, store: QuestionStore) -> None:
        self._store = store
        self._tasks = Tasks("questions")
        self._tended: dict[RoomId, bool] = {}
        """Rooms that are tended → whether a vote came since the last time."""

    async def close(self) -> None:
        """Leave the counts that are not told yet to other processes. Safe to call twice."""
        await self._tasks.close()

    async def ask(
        self,
        room: RoomId,
        asker: str,
        name: str,
        content: str,
        client_id: str | None = None,
        anonymous: bool = False,
    ) -> QuestionId:
        """Store a question, also while the presenter is away, and return its id.

        A repeat with the same ``asker`` and ``client_id`` returns the first one's id and stores
        nothing. Once this returns, the question is in the presenter's pending list. ``anonymous``
        hides the name from the class; the presenter and the assistants see it.

        Raises:
            BadRequest, TooLarge: the text is empty or too long.
            RateLimited: this person asks too fast, or the room holds all that a room may.
        """
        own_id = accepted_client_id(client_id)
        return await self._store.ask(room, asker, name, accepted(content), own_id, anonymous)

    async def solve(self, room: RoomId, epoch: int, question: QuestionId) -> bool:
        """Take a question off the pending list; False when it was off already (and that is fine).

        Raises NotFound when the room has no such question.
        """
        return await self.solve_as(room, Caller("presenter", "", "", epoch), question)

    async def solve_as(self, room: RoomId, caller: Caller, question: QuestionId) -> bool:
        """The same, by the presenter or an assistant."""
        return await self._store.solve(room, caller, _checked(question))

    async def pending(self, room: RoomId) -> list[Question]:
        """Return exactly the unanswered questions, in the order they were asked."""
        return await self._store.pending(room)

    async def upvote(
        self, room: RoomId, caller: Caller, question: QuestionId, on: bool = True
    ) -> int:
        """Vote for a question, or take the vote back; return its votes. One person counts once.

        The class is told within half a second, together with whatever else changed.
        Raises NotFound, also for what the caller does not see, and RateLimited.
        """
        votes, wait = await self._store.upvote(room, caller, _checked(question), on)
        if wait and room in self._tended:
            self._tended[room] = True
        elif wait:
            self._tended[room] = False
            _ = self._tasks.start("tend", lambda: self._tend(room, wait))
        return votes

    async def answer(
        self,
        room: RoomId,
        caller: Caller,
        question: QuestionId,
        content: str,
        client_id: str | None = None,
    ) -> bool:
        """Answer in text, for all to see; it is solved thereby. A later answer replaces it.

        Returns False for a repeat. Raises BadRequest, TooLarge, NotFound, or Conflict for a
        question that is hidden.
        """
        text = accepted(content, MAX_ANSWER_CHARACTERS, "answer")
        own_id = accepted_client_id(client_id)
        return await self._store.answer(room, caller, _checked(question), text, own_id)

    async def hide(self, room: RoomId, caller: Caller, question: QuestionId) -> bool:
        """Take a question from the class' list; False when it was hidden. Raises NotFound."""
        return await self._store.show(room, caller, _checked(question), visible=False)

    async def approve(self, room: RoomId, caller: Caller, question: QuestionId) -> bool:
        """Show a question to the class; False when it was shown. Raises NotFound."""
        return await self._store.show(room, caller, _checked(question), visible=True)

    async def claim(
        self, room: RoomId, caller: Caller, question: QuestionId | None = None
    ) -> Claimed:
        """Take a question, or the first that is free, to answer it; others see that.

        After the configured time it is anybody's again. Raises NotFound, or Conflict for what is
        answered or claimed by somebody else.
        """
        return await self._store.claim(room, caller, _checked(question) if question else None)

    async def appoint(
        self, room: RoomId, caller: Caller, member: str, name: str = ""
    ) -> list[dict[str, str]]:
        """Make somebody an assistant, by e-mail or member id; return all of them.

        Raises BadRequest, or Conflict when there are too many.
        """
        return await self._store.set_assistant(room, caller, _member(member), name, on=True)

    async def dismiss(self, room: RoomId, caller: Caller, member: str) -> list[dict[str, str]]:
        """Make an assistant one of the class again; return those that are left."""
        return await self._store.set_assistant(room, caller, _member(member), "", on=False)

    async def moderate(self, room: RoomId, caller: Caller, on: bool) -> bool:
        """Let the class see questions only once they are approved; False when it was so."""
        return await self._store.moderate(room, caller, on)

    async def view(
        self, room: RoomId, caller: Caller, known: Sequence[QuestionId] = ()
    ) -> QuestionView:
        """Return the questions that the caller sees, and which of ``known`` are answered."""
        if len(known) > MAX_KNOWN:
            raise BadRequest(f"at most {MAX_KNOWN} questions at once")
        return await self._store.view(room, caller, [_checked(question) for question in known])

    async def _tend(self, room: RoomId, wait: float) -> None:
        try:
            while wait:
                await asyncio.sleep(wait)
                self._tended[room] = False
                wait = await self._store.tend(room)
                if not wait and self._tended[room]:
                    wait = TEND_SECONDS
        except LecternError as error:  # the next vote, or the presenter's process, does it
            log.warning("votes are not told yet", room=room, code=error.code)
        finally:
            self._tended.pop(room, None)


def _checked(question: QuestionId) -> QuestionId:
    if not is_question_id(question):
        raise NotFound("there is no such question")
    return question


def _member(text: str) -> str:
    """Return an e-mail as accounts have it, or a member id. Raises BadRequest."""
    member = text.strip().lower()
    is_email = "@" in member
    is_id = len(member) == 16 and all(digit in "0123456789abcdef" for digit in member)
    if not (is_email or is_id) or len(member) > MAX_MEMBER_CHARACTERS:
        raise BadRequest("member: an e-mail address or a member id")
    return member
