"""What the roles have in common: parts that are opened and closed in order, and signals."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Protocol, TypeVar

import uvloop


def event_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of an api or relay process."""
    return uvloop.new_event_loop()


class Part(Protocol):
    async def open(self) -> None: ...
    async def close(self) -> None: ...


P = TypeVar("P", bound=Part)


async def entered(stack: contextlib.AsyncExitStack, part: P) -> P:
    """Open a part and have it closed in the reverse order."""
    stack.push_async_callback(part.close)
    await part.open()
    return part


async def signalled() -> None:
    asked = asyncio.Event()
    on_signals(asked.set)
    await asked.wait()


def on_signals(asked: Callable[[], None]) -> None:
    """Call ``asked`` whenever an operator or a service manager asks this process to end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
