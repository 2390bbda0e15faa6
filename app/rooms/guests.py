"""On which connection a guest's id is good: its own, and once that is gone, one new one (X4).

A guest's id is all that it has to show, so it is never good in two places: which connection comes
next is decided in one script.
"""

import asyncio
from collections.abc import Awaitable, Callable

from app.core.errors import Unauthorized
from app.core.ids import ConnectionId, NodeId
from app.rooms.model import holder
from app.store import keys
from app.store.redis import Redis

GRACE_SECONDS = 60.0
"""How long after its connection was lost a guest may come back."""

Heard = Callable[[NodeId], Awaitable[int | None]]
"""Tells when another api process was last heard of, in ms of one clock; None: it is gone."""

ASK_SECONDS = 0.2
"""Between two looks at whether a process that was heard of lately is heard of again."""

WINDOW_SECONDS = 4.5
"""How long one that is dead may still count as alive; one that lives is heard of every second."""

Probe = Callable[[ConnectionId], Awaitable[bool]]
"""Asks a connection of this process for a sign of life; False when there is none."""


class Guests:
    """The guests' connections, in Redis. Every method raises Unavailable while it is away."""

    def __init__(
        self,
        redis: Redis,
        node: NodeId,
        heard: Heard,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._redis = redis
        self._node = node
        self._heard = heard
        self._grace_ms = round(grace_seconds * 1000)

    async def hold(self, guest: str, connection: ConnectionId) -> None:
        """Note that a guest is in a lecture on this connection of ours."""
        await self._redis.script("guest_hold", [keys.user(guest)], [holder(self._node, connection)])

    async def lost(self, guest: str, connection: ConnectionId) -> None:
        """Note that this connection is gone; of an older connection it changes nothing."""
        await self._redis.script("guest_lost", [keys.user(guest)], [holder(self._node, connection)])

    async def come_back(self, guest: str, connection: ConnectionId, probe: Probe) -> None:
        """Make this connection the guest's own.

        Raises Unauthorized unless the guest's last connection is gone: reported lost within the
        grace period, silent when it is asked (``probe``), or of a process that is dead. One that
        was killed is listed as alive for some seconds, in which this waits for its next heartbeat.
        """
        mine = holder(self._node, connection)
        outcome = await self._take(guest, mine, "")
        if outcome not in ("yes", "") and await self._is_dead(outcome, probe):
            outcome = await self._take(guest, mine, outcome)
        if outcome != "yes":
            raise Unauthorized("this guest is not known here, or is still connected")

    async def _take(self, guest: str, mine: str, dead: str) -> str:
        reply = await self._redis.script(
            "guest_return", [keys.user(guest)], [mine, self._grace_ms, dead]
        )
        return bytes(reply).decode()

    async def _is_dead(self, of: str, probe: Probe) -> bool:
        node, _, connection = of.partition("/")
        if node == self._node:
            return not await probe(ConnectionId(connection))
        return await self._is_silent(NodeId(node))

    async def _is_silent(self, node: NodeId) -> bool:
        """Tell whether no heartbeat of that process comes any more (a live one's within 1 s)."""
        first = last = await self._heard(node)
        looks = round(WINDOW_SECONDS / ASK_SECONDS)
        while last is not None and last == first and looks > 0:
            await asyncio.sleep(ASK_SECONDS)
            last = await self._heard(node)
            looks -= 1
        return last is None or last == first
