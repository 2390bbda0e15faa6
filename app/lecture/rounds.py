"""Work that is done again and again in the background, whatever is away."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from app.core.errors import Unavailable

log = structlog.get_logger(__name__)


def repeat(
    name: str, seconds: float, work: Callable[[], Awaitable[None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Return what does ``work`` for ever, ``seconds`` apart; Unavailable is logged once a time."""

    async def run() -> None:
        away = False
        while True:
            try:
                await work()
                away = False
            except Unavailable as error:
                if not away:
                    log.warning("keeping is held up", round=name, reason=error.message)
                away = True
            await asyncio.sleep(seconds)

    return run
