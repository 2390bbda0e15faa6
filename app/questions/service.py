"""Questions to the presenter: asked once, unanswered until solved, kept in order."""

from typing import Protocol

from app.core.errors import BadRequest, NotFound
from app.core.ids import QuestionId, RoomId
from app.questions.model import MAX_CLIENT_ID, Question, accepted, is_question_id


class QuestionStore(Protocol):
    """Where questions are kept; ``store.RedisQuestionStore`` says what each method guarantees."""

    async def ask(
        self, room: RoomId, asker: str, name: str, content: str, client_id: str
    ) -> QuestionId: ...

    async def solve(self, room: RoomId, epoch: int, question: QuestionId) -> bool: ...

    async def pending(self, room: RoomId) -> list[Question]: ...


class Questions:
    """Use-cases of questions."""

    def __init__(self, store: QuestionStore) -> None:
        self._store = store

    async def ask(
        self, room: RoomId, asker: str, name: str, content: str, client_id: str | None = None
    ) -> QuestionId:
        """Store a question, also while the presenter is away, and return its id.

        A repeat with the same ``asker`` and ``client_id`` returns the first one's id and stores
        nothing. Once this returns, the question is in the presenter's pending list.

        Raises:
            BadRequest, TooLarge: the text is empty or too long.
            RateLimited: the room holds as many questions as a room may.
            NotStarted, Ended: there is no live room.
            Unavailable: Redis is away; asking again with the same ``client_id`` is safe.
        """
        text = accepted(content)
        if client_id is not None and not 0 < len(client_id) <= MAX_CLIENT_ID:
            raise BadRequest(f"a question's own id has 1 to {MAX_CLIENT_ID} characters")
        return await self._store.ask(room, asker, name, text, client_id or "")

    async def solve(self, room: RoomId, epoch: int, question: QuestionId) -> bool:
        """Take a question off the pending list; False when it was off already (and that is fine).

        Raises:
            NotFound: the room has no such question.
            StalePresenter: ``epoch`` is not the slot's current one.
            NotStarted, Ended: there is no live room.
            Unavailable: Redis is away.
        """
        if not is_question_id(question):
            raise NotFound("there is no such question")
        return await self._store.solve(room, epoch, question)

    async def pending(self, room: RoomId) -> list[Question]:
        """Return exactly the unanswered questions, in the order they were asked.

        Raises NotStarted, Ended or Unavailable.
        """
        return await self._store.pending(room)
