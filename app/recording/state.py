"""Whether a live lecture is recorded: in its room in Redis, which relays look at."""

from dataclasses import dataclass
from datetime import datetime

import orjson

from app.core.ids import LectureId, NodeId, RoomId
from app.recording.model import FaultReason, RecordingState
from app.store import keys
from app.store.redis import Redis


@dataclass(frozen=True, slots=True)
class View:
    """What a relay must know of a live room."""

    lecture: LectureId
    relay: NodeId | None
    start_ms: int
    """When the lecture began, in ms since the epoch by Redis' clock."""
    recording: RecordingState


def read_state(text: bytes | None) -> RecordingState:
    """Return what the room's hash says; nothing means off."""
    return RecordingState(**orjson.loads(text)) if text else RecordingState()


class RecordingStates:
    """Each change is one script, which tells everybody in the room (event ``recording``).

    Every method raises Unavailable while Redis is away.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def switch(self, room: RoomId, epoch: int, on: bool) -> RecordingState:
        """Record the lecture from now on, or no more. A repeat changes nothing.

        Raises StalePresenter, NotStarted, Ended.
        """
        what = "on" if on else "off"
        return read_state(await self._redis.on_room("recording", room, what, epoch, "", ""))

    async def note_fault(
        self, room: RoomId, lecture: LectureId, reason: FaultReason | None
    ) -> RecordingState:
        """Note that a lecture's recording cannot be written, or (None) can again.

        Raises NotStarted, Ended.
        """
        reply = await self._redis.on_room("recording", room, "fault", "", lecture, reason or "")
        return read_state(reply)

    async def view(self, room: RoomId) -> View | None:
        """Return what a relay must know, or None where the room is not live."""
        lecture, relay, start, recording = await self._redis.fields(
            keys.room(room), "lectureId", "relay", "startTime", "recording"
        )
        if lecture is None or start is None:
            return None
        began = datetime.fromisoformat(start.decode())
        return View(
            LectureId(lecture.decode()),
            NodeId(relay.decode()) if relay else None,
            round(began.timestamp() * 1000),
            read_state(recording),
        )

    async def elapsed(self, view: View) -> float:
        """Return the seconds since the lecture began."""
        return (await self._redis.now_ms() - view.start_ms) / 1000
