"""Questions in a stream; the unanswered are the pending entries of its consumer group."""

from collections.abc import Sequence

import orjson

from app.auth.policy import Action, roles_that_may
from app.core.ids import QuestionId, RoomId
from app.questions.model import Caller, Claimed, Question, QuestionConfig, QuestionView
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
    """Each write is one script: dedupe, role or fence, stream, pending list, log, publish, refresh.

    Every method raises NotStarted or Ended where there is no live room, Unavailable while Redis is
    away, and, of what a caller does, Forbidden and StalePresenter.
    """

    def __init__(self, redis: Redis, config: QuestionConfig | None = None) -> None:
        self._redis = redis
        self._config = config or QuestionConfig()

    async def ask(
        self,
        room: RoomId,
        asker: str,
        name: str,
        content: str,
        client_id: str,
        anonymous: bool = False,
    ) -> QuestionId:
        """Store the question once per asker and non-empty client id; return its id."""
        once = f"asked:{asker}:{client_id}" if client_id else ""
        rate = (self._config.asks_per_second, self._config.asks_burst)
        what = (asker, name, once, content, int(anonymous))
        return QuestionId((await self._redis.on_room("ask", room, *what, *rate)).decode())

    async def solve(self, room: RoomId, caller: Caller, question: QuestionId) -> bool:
        """Acknowledge the entry; False when it was already. Raises NotFound."""
        return bool(await self._redis.on_room("solve", room, *_who(caller, "solve"), question))

    async def pending(self, room: RoomId) -> list[Question]:
        """Return all pending entries, whoever has claimed them, in stream order."""
        return read_questions(await self._redis.on_room("pending", room))

    async def upvote(
        self, room: RoomId, caller: Caller, question: QuestionId, on: bool
    ) -> tuple[int, float]:
        """Count or uncount the caller once.

        Returns the votes, and the seconds after which ``tend`` is to be called (0: it is not).
        Raises NotFound, RateLimited.
        """
        rate = (self._config.votes_per_second, self._config.votes_burst)
        who = _who(caller, "upvote")
        votes, wait = await self._redis.on_room("upvote", room, *who, question, int(on), *rate)
        return int(votes), int(wait) / 1000

    async def tend(self, room: RoomId) -> float:
        """Tell counts that changed and end claims; return the seconds after which to do it again
        (0: nothing is left to do)."""
        return int(await self._redis.on_room("tend", room)) / 1000

    async def answer(
        self, room: RoomId, caller: Caller, question: QuestionId, content: str, client_id: str
    ) -> bool:
        """Keep the answer and solve the question; False for a repeat. Raises NotFound, Conflict."""
        once = f"answered:{caller.identity}:{client_id}" if client_id else ""
        who = _who(caller, "answer")
        return bool(await self._redis.on_room("answer", room, *who, question, content, once))

    async def show(self, room: RoomId, caller: Caller, question: QuestionId, visible: bool) -> bool:
        """Show or hide a question; False when it was so already. Raises NotFound."""
        who = _who(caller, "approve" if visible else "hide")
        shown = "visible" if visible else "hidden"
        return bool(await self._redis.on_room("curate", room, *who, question, shown))

    async def claim(self, room: RoomId, caller: Caller, question: QuestionId | None) -> Claimed:
        """Give the caller a question, or the first that is free. Raises NotFound, Conflict."""
        who, lasts = _who(caller, "claim"), round(self._config.claim_seconds * 1000)
        reply = await self._redis.on_room("claim_question", room, *who, question or "", lasts)
        return Claimed(QuestionId(reply[0].decode()), reply[1].decode())

    async def set_assistant(
        self, room: RoomId, caller: Caller, member: str, name: str, on: bool
    ) -> list[dict[str, str]]:
        """Appoint or dismiss an e-mail or a member id; return all assistants. Raises Conflict."""
        who = _who(caller, "appoint" if on else "dismiss")
        reply = await self._redis.on_room("staff", room, *who, member, int(on), name)
        assistants: list[dict[str, str]] = orjson.loads(reply)
        return assistants

    async def moderate(self, room: RoomId, caller: Caller, on: bool) -> bool:
        """Turn pre-moderation on or off; False when it was so already."""
        who = _who(caller, "moderate")
        return bool(await self._redis.on_room("moderation", room, *who, int(on)))

    async def view(self, room: RoomId, caller: Caller, known: Sequence[QuestionId]) -> QuestionView:
        """Return what the caller sees."""
        who = _who(caller, "view")
        reply = orjson.loads(
            await self._redis.on_room("view_questions", room, *who, " ".join(known))
        )
        return QuestionView(
            member=reply["memberId"],
            role=reply["role"],
            moderation=reply["moderation"],
            assistants=reply["assistants"],
            known=reply["known"],
            questions=reply["questions"],
        )


def _who(caller: Caller, action: Action) -> tuple[str, str, str, str, str]:
    epoch = "" if caller.epoch is None else str(caller.epoch)
    return epoch, caller.identity, caller.name, caller.kind, roles_that_may(action)
