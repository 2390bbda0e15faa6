"""The web server that says goodbye to its clients before it ends."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn


class Server(uvicorn.Server):
    """uvicorn that ends without raising the signal again, and says goodbye to clients first."""

    def __init__(self, config: uvicorn.Config, goodbye: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._goodbye = goodbye

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to ``run_until_signal``."""
        yield

    async def run_until_signal(self) -> None:
        """Serve; return when everything has been said."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._asked_to_stop)
        await self.serve()

    def _asked_to_stop(self) -> None:
        self.should_exit = True

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop listening, send the clients away, then end as uvicorn does."""
        for server in self.servers:
            server.close()
        await self._goodbye()
        await super().shutdown(sockets)
