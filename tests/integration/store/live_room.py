"""A started room for tests of what is in it, without a lecture around it."""

from dataclasses import dataclass

import redis.asyncio as driver

from app.core.ids import Email, LectureId, NodeId, QuestionId, RoomId
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.rooms.store import RoomStore
from app.store.redis import Redis
from app.whiteboard.service import Boards
from app.whiteboard.store import RedisBoardStore

ROOM = RoomId("004217")
EMAIL = Email("ada@example.org")
STREAM = "question:{004217}"
GROUP = "004217-group"


@dataclass
class LiveRoomWorld:
    """One room, and everything that reads and writes it."""

    redis: Redis
    raw: driver.Redis

    def __post_init__(self) -> None:
        self.asked = QuestionId("")
        self.rooms = RoomStore(self.redis)
        self.boards = Boards(RedisBoardStore(self.redis))
        self.questions = Questions(RedisQuestionStore(self.redis))

    async def start(self) -> int:
        claim = await self.rooms.claim(
            ROOM, LectureId("a" * 32), EMAIL, "api/1", 6, seen=(0, None), relay=NodeId("relay-1")
        )
        assert claim is not None
        return claim.epoch

    async def event_kinds(self) -> list[bytes]:
        entries = await self.raw.xrange("room:{004217}:events")
        return [fields[b"type"] for _, fields in entries]
