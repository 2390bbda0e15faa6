"""The one connection of a process that listens to channels: it breaks, and is found silent."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from app.store.connections import cancellation_kept
from app.store.redis import Redis

log = structlog.get_logger(__name__)

PING_SECONDS = 2.0
"""Silence after which the subscription is asked whether it lives; as long again, and it is dead."""

CONFIRM_SECONDS = 2.0
"""How long Redis may take to confirm a subscription."""


class Subscription:
    """A connection to all channels that are wanted, from one ``live`` to its end.

    Guarantees that ``take`` gets every message of the library's in order, that a dead or silent
    connection ends within five seconds, and that ``broke`` is called then, before anything else
    can run: no channel is subscribed to any more. ``take`` must not block and must not raise.
    """

    def __init__(
        self,
        redis: Redis,
        wanted: Callable[[], set[str]],
        take: Callable[[dict[str, Any]], None],
        broke: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._wanted = wanted
        self._take = take
        self._broke = broke
        self._link: PubSub | None = None

    async def live(self) -> None:
        """Connect and listen until the connection breaks, or cannot be had. Never raises for it."""
        link: Any = self._redis.subscription()
        try:
            await self._listen(link)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("the event subscription broke", reason=str(error))
        finally:
            self._link = None
            self._broke()
            await self._say(link.aclose())

    async def add(self, channel: str) -> None:
        """Listen to one more channel; without a connection, the next one will."""
        if self._link is not None:
            await self._say(self._link.subscribe(channel))

    async def remove(self, channel: str) -> None:
        """Listen to a channel no more."""
        if self._link is not None:
            await self._say(self._link.unsubscribe(channel))

    async def _listen(self, link: PubSub) -> None:
        # A subscription to a channel of no room: the library connects with the first one.
        channels = self._wanted()
        with cancellation_kept():
            async with asyncio.timeout(CONFIRM_SECONDS):
                await link.subscribe("fanout", *channels)
                self._link = link
                late = self._wanted() - channels
                if late:
                    await link.subscribe(*late)
        asked = False
        while True:
            message = await link.get_message(timeout=PING_SECONDS)
            if message is not None:
                asked = False
                self._take(message)
            elif asked:
                raise TimeoutError("the subscription is silent")
            else:
                asked = True
                with cancellation_kept():
                    async with asyncio.timeout(CONFIRM_SECONDS):
                        await link.ping()

    async def _say(self, words: Any) -> None:
        """Send on the subscription; if that fails, its reader notices and connects again."""
        try:
            with cancellation_kept():
                async with asyncio.timeout(CONFIRM_SECONDS):
                    await words
        except (RedisError, OSError, TimeoutError, RuntimeError):
            log.debug("the event subscription could not be told")
