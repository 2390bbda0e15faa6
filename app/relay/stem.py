"""What this relay does for one room: it has a pipe up, to where the room's tree of relays says."""

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from app.core.errors import LecternError
from app.core.ids import NodeId, RoomId
from app.relay.places import GOOD_FOR_SECONDS, Place, Places

log = structlog.get_logger(__name__)

RENEW_SECONDS: Final = GOOD_FOR_SECONDS / 3
RETRY_SECONDS: Final = 0.25
MAX_RETRY_SECONDS: Final = 2.0
LINGER_SECONDS: Final = 1.0
"""After the last participant left: one who reloads the page finds the pipe open."""
GONE_LOOKS: Final = 3
"""Looks in a row that find no live room until its peers are let go."""


@dataclass(slots=True)
class Link:
    """One pipe as the shell keeps it."""

    room: RoomId
    node: NodeId
    leads_up: bool
    is_joined: bool = False
    is_dead: bool = False


class Ground(Protocol):
    """``pipe.Piping``, as what grows on it sees it."""

    def peers_of(self, room: RoomId) -> int: ...
    def is_needed(self, room: RoomId) -> bool: ...
    def uppers(self, room: RoomId) -> list[Link]: ...
    async def open_up(self, room: RoomId, upper: NodeId) -> None: ...
    def close_up(self, room: RoomId) -> None: ...
    def let_go(self, room: RoomId) -> None: ...


class Stem:
    """Owned by ``pipe.Piping``, which runs ``hold`` for as long as that takes."""

    def __init__(self, room: RoomId, places: Places, ground: Ground) -> None:
        self.room = room
        self._places = places
        self._ground = ground
        self._woken = asyncio.Event()
        self._avoid: NodeId | None = None
        self._failures = 0
        self._gone = 0

    def wake(self) -> None:
        """Let ``hold`` look again, now."""
        self._woken.set()

    async def hold(self) -> None:
        """Keep the room joined for as long as anybody here, or below, needs it."""
        ground, room = self._ground, self.room
        while True:
            self._woken.clear()
            try:
                wait = await self._look()
            except Exception:
                log.exception("a room's pipes were not looked after", room=room)
                wait = MAX_RETRY_SECONDS
            await self._wait(wait)
            if not ground.is_needed(room):
                await asyncio.sleep(LINGER_SECONDS)
                if ground.is_needed(room):
                    continue
                await self.leave()
                if not ground.is_needed(room):
                    return

    async def leave(self) -> None:
        """Take this relay out of the room's tree."""
        try:
            await self._places.leave(self.room)
        except LecternError as error:  # its entry ends by itself
            log.debug("a room was not left in Redis", room=self.room, reason=error.message)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                _ = await self._woken.wait()
        except TimeoutError:
            pass

    async def _look(self) -> float:
        """See where we stand, and act on it; return how long to wait for the next look."""
        room = self.room
        try:
            place = await self._places.stand(room, self._ground.peers_of(room), self._avoid)
        except LecternError as error:
            # Media goes on by the pipes that there are.
            log.debug("the room's relays are not known", room=room, reason=error.message)
            return RENEW_SECONDS / 5
        self._avoid = None
        self._gone = self._gone + 1 if place.kind == "gone" else 0
        match place.kind:
            case "leaf":
                return await self._follow(place)
            case "root":
                self._ground.close_up(room)
                return RENEW_SECONDS
            case "none":
                return RETRY_SECONDS
            case _:
                return self._look_gone()

    def _look_gone(self) -> float:
        """A room that is not live yet, or not any more: then who is left here is let go."""
        if self._gone >= GONE_LOOKS and self._ground.uppers(self.room):
            log.info("a room is over", room=self.room)
            self._ground.let_go(self.room)
        return RETRY_SECONDS if self._gone < GONE_LOOKS else RENEW_SECONDS

    async def _follow(self, place: Place) -> float:
        """Have a live pipe to ``place.upper``, opening one if need be."""
        upper = place.upper
        if upper is None:
            return RETRY_SECONDS
        uppers = self._ground.uppers(self.room)
        alive = [one for one in uppers if one.node == upper and not one.is_dead]
        if alive:
            if alive[0].is_joined:
                self._failures = 0
            return RENEW_SECONDS
        try:
            await self._ground.open_up(self.room, upper)
        except LecternError as error:
            self._failures += 1
            self._avoid = upper
            log.warning("a pipe was not opened", room=self.room, to=upper, reason=error.message)
            return min(MAX_RETRY_SECONDS, RETRY_SECONDS * float(2 ** min(self._failures, 4)))
        return RENEW_SECONDS
