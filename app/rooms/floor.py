"""Who has a hand up, who was invited to speak, and whose tracks are muted: in Redis, by script."""

import hashlib
from collections.abc import Mapping
from typing import Literal

import orjson

from app.core.ids import PeerId, RoomId
from app.store.redis import Redis

MutedBy = Literal["owner", "presenter"]


def member_id(room: RoomId, identity: str) -> str:
    """Return the name under which a room knows a member: it gives nothing of the identity away,
    which is an e-mail address, or a guest's only credential."""
    return hashlib.sha256(f"lectern member:{room}:{identity}".encode()).hexdigest()[:16]


class FloorStore:
    """Each change is one script, which appends the room's events; presenters' are epoch-checked.

    Every method raises NotStarted, Ended, Unavailable; a presenter's also StalePresenter.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def raise_hand(self, room: RoomId, member: str, name: str) -> None:
        """Put a hand up. A repeat changes nothing. Raises RateLimited over 200 hands."""
        await self._do(room, "raise", None, member, name)

    async def lower_hand(self, room: RoomId, member: str) -> None:
        """Take a hand down."""
        await self._do(room, "lower", None, member)

    async def invite(self, room: RoomId, epoch: int, member: str) -> None:
        """Let somebody whose hand is up speak. Raises NotFound, Conflict over seven speakers."""
        await self._do(room, "invite", epoch, member)

    async def uninvite(self, room: RoomId, epoch: int | None, member: str) -> PeerId | None:
        """Take it back; return the peer that speaks no more. Without an epoch: by the speaker."""
        return await self._do(room, "uninvite", epoch, member)

    async def publish(
        self,
        room: RoomId,
        member: str,
        peer: PeerId,
        sources: Mapping[str, bool],
        uninvited: str = "",
    ) -> PeerId | None:
        """Note what a speaker sends and by which peer; return the peer that it replaces.

        ``uninvited`` is the name of one who may publish without an invitation. Raises Forbidden
        for one who may not, Conflict where as many send media as the room takes.
        """
        shown = orjson.dumps(dict(sources)).decode()
        return await self._do(
            room, "publish", None, member, uninvited, peer, shown, may=bool(uninvited)
        )

    async def mute(
        self, room: RoomId, epoch: int | None, member: str, source: str, by: MutedBy, on: bool
    ) -> PeerId | None:
        """Note a mute; ``member`` "" is the presenter. Returns the speaker's peer.

        Raises NotFound for somebody who does not speak.
        """
        return await self._do(room, "mute" if on else "unmute", epoch, member, "", source, by)

    async def _do(
        self,
        room: RoomId,
        what: str,
        epoch: int | None,
        member: str,
        name: str = "",
        value: str = "",
        extra: str = "",
        *,
        may: bool = False,
    ) -> PeerId | None:
        seen = "" if epoch is None else epoch
        reply = await self._redis.on_room(
            "floor", room, what, seen, member, name, value, extra, int(may)
        )
        return PeerId(reply[1].decode()) or None
