"""On which connection a guest's id is good: its own, and once that is gone, one new one (X4).

A guest's id is all that it has to show, so it is never good in two places: which connection comes
next is decided in one script.
"""

from collections.abc import Awaitable, Callable

from app.core.errors import Unauthorized
from app.core.ids import ConnectionId, NodeId
from app.rooms.model import holder
from app.store import keys
from app.store.redis import Redis

GRACE_SECONDS = 60.0
"""How long after its connection was lost a guest may come back."""

IsAlive = Callable[[NodeId], Awaitable[bool]]
"""Tells whether another api process still runs (one that was killed reported no loss)."""

Probe = Callable[[ConnectionId], Awaitable[bool]]
"""Asks a connection of this process for a sign of life; False when there is none."""


class Guests:
    """The guests' connections, in Redis. Every method raises Unavailable while it is away."""

    def __init__(
        self,
        redis: Redis,
        node: NodeId,
        is_alive: IsAlive,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._redis = redis
        self._node = node
        self._is_alive = is_alive
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
        grace period, silent when it is asked (``probe``), or of a process that is dead.
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
        return not await self._is_alive(NodeId(node))
