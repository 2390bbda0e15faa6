"""Questions in a stream; the unanswered are the pending entries of its consumer group."""

from collections.abc import Sequence

from app.core.ids import QuestionId, RoomId
from app.questions.model import Question
from app.store.redis import Redis

Entry = tuple[bytes, Sequence[bytes]]
"""A stream entry as a script returns it: id, then field and value in turn."""


def read_questions(entries: Sequence[Entry]) -> list[Question]:
    """Return entries as questions, in the same order."""
    return [_read(entry, fields) for entry, fields in entries]


def _read(entry: bytes, fields: Sequence[bytes]) -> Question:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    return Question(
        QuestionId(entry.decode()),
        named.get(b"content", b"").decode(errors="replace"),
        named.get(b"name", b"").decode(errors="replace"),
    )


class RedisQuestionStore:
    """Each write is one script: dedupe or fence, stream, pending list, log, publish, refresh."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def ask(
        self, room: RoomId, asker: str, name: str, content: str, client_id: str
    ) -> QuestionId:
        """Store the question once per asker and non-empty client id; return its id."""
        once = f"asked:{asker}:{client_id}" if client_id else ""
        return QuestionId((await self._redis.on_room("ask", room, once, content, name)).decode())

    async def solve(self, room: RoomId, epoch: int, question: QuestionId) -> bool:
        """Acknowledge the entry under the presenter's epoch; False when it was already."""
        return bool(await self._redis.on_room("solve", room, epoch, question))

    async def pending(self, room: RoomId) -> list[Question]:
        """Return the presenter's pending entries, in stream order."""
        return read_questions(await self._redis.on_room("pending", room))
