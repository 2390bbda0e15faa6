"""``python -m app drain``: an operator's order to one process, and the list of those there are."""

import asyncio
from collections.abc import Callable

from app.cluster.node import NodeInfo
from app.cluster.refusals import NoSuchWorker
from app.cluster.registry import Registry
from app.core.ids import NodeId
from app.settings import Settings
from app.store.embedded import EmbeddedRedis
from app.store.redis import Redis

LOOK_SECONDS = 0.25

LATE_SECONDS = 15.0
"""For which the end of a process may take longer than its drain: it says goodbye to each client."""


class DrainError(Exception):
    """Nothing was drained, or not in time; the message is for the operator."""


async def drain(
    settings: Settings, node: str, seconds: float, *, wait: bool, say: Callable[[str], None]
) -> None:
    """Order ``node`` to drain, and wait for its end; without ``node`` list the live processes.

    Raises DrainError for a process that is not there, or that has not ended in time; Unavailable
    where Redis cannot be reached.
    """
    redis = Redis(_redis_url(settings))
    await redis.open()
    try:
        registry = Registry(redis)
        if not node:
            for found in await registry.all():
                say(described(found))
            return
        await _drain(registry, NodeId(node), seconds, wait=wait, say=say)
    finally:
        await redis.close()


async def _drain(
    registry: Registry, node: NodeId, seconds: float, *, wait: bool, say: Callable[[str], None]
) -> None:
    try:
        await registry.order_drain(node, seconds)
    except NoSuchWorker as error:
        raise DrainError(error.message) from None
    say(f"{node} drains, for {seconds:g} s at most")
    if not wait:
        return
    try:
        async with asyncio.timeout(seconds + LATE_SECONDS):
            await _until_gone(registry, node)
    except TimeoutError:
        raise DrainError(f"{node} has not ended in time; it is still there") from None
    say(f"{node} has ended")


async def _until_gone(registry: Registry, node: NodeId) -> None:
    while True:
        if all(found.id != node for found in await registry.all()):
            return
        await asyncio.sleep(LOOK_SECONDS)


def described(node: NodeInfo) -> str:
    """Return one line about a process: who, where, and how full."""
    places = ",".join((*node.regions, *node.isps)) or "-"
    return f"{node.id:20} {node.state:12} {node.share:4.0%}  {node.address:24} {places}"


def _redis_url(settings: Settings) -> str:
    """Return the operator's Redis, or that which ``serve`` keeps in the data folder."""
    if settings.redis_url is not None:
        return settings.redis_url
    return EmbeddedRedis(settings.data_dir / "redis").url
