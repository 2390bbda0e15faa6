"""Captions that staff types while a lecture goes on, and chapters that its presenter marks."""

from app.auth.policy import CAPTIONERS
from app.core.errors import BadRequest, TooLarge
from app.core.ids import RoomId
from app.questions.model import Caller
from app.store.redis import Redis

MAX_CAPTION_CHARACTERS = 500
"""Of one line; what is shown at once is two lines of some forty."""

MAX_TITLE_CHARACTERS = 200

MAX_AGO_MS = 60_000
"""How long before it came the words of a line may have been spoken."""

LINES_PER_SECOND = 3.0
LINES_BURST = 15


class Captions:
    """Every method raises NotStarted or Ended where there is no live room, and Unavailable."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def say(
        self, room: RoomId, caller: Caller, text: str, ago_ms: int = 0, client_id: str | None = None
    ) -> str:
        """Show a line to everyone, and keep it; return its id.

        A repeat with the same ``client_id`` returns the first one's id and shows nothing. Raises
        Forbidden for all but the presenter and the assistants, StalePresenter, RateLimited,
        BadRequest, TooLarge.
        """
        line = _line(text, MAX_CAPTION_CHARACTERS, "caption")
        if not 0 <= ago_ms <= MAX_AGO_MS:
            raise BadRequest(f"ago: 0 to {MAX_AGO_MS} milliseconds")
        who = (
            "" if caller.epoch is None else caller.epoch,
            caller.identity,
            caller.name,
            caller.kind,
            " ".join(sorted(CAPTIONERS)),
        )
        once = f"caption:{caller.identity}:{client_id}" if client_id else ""
        reply = await self._redis.on_room(
            "caption", room, *who, line, ago_ms, once, LINES_PER_SECOND, LINES_BURST
        )
        return bytes(reply).decode()

    async def chapter(
        self, room: RoomId, epoch: int, title: str, client_id: str | None = None
    ) -> str:
        """Mark where a chapter begins, and tell everyone; return its id. A repeat is as above.

        Raises StalePresenter, Conflict when there are too many, BadRequest, TooLarge.
        """
        line = _line(title, MAX_TITLE_CHARACTERS, "title")
        once = f"chapter:{client_id}" if client_id else ""
        return bytes(await self._redis.on_room("chapter", room, epoch, line, once)).decode()


def _line(text: str, limit: int, what: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise BadRequest(f"the {what} is empty")
    if len(line) > limit:
        raise TooLarge(f"a {what} has at most {limit} characters")
    return line
