"""The web server that says goodbye to its clients before it ends."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn


class Server(uvicorn.Server):
    """uvicorn that ends without raising the signal again, and says goodbye to clients first."""

    def __init__(
        self,
        config: uvicorn.Config,
        welcome: Callable[[], None],
        goodbye: Callable[[], Awaitable[None]],
    ) -> None:
        """``welcome`` is called once it listens, ``goodbye`` once it listens no more."""
        super().__init__(config)
        self._welcome = welcome
        self._goodbye = goodbye

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever asks this server to stop."""
        yield

    def ask_to_stop(self) -> None:
        """Stop listening and end, in a moment."""
        self.should_exit = True

    async def startup(self, sockets: Any = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if self.started:
            self._welcome()

    async def shutdown(self, sockets: Any = None) -> None:
        """Stop listening, send the clients away, then end as uvicorn does."""
        for server in self.servers:
            server.close()
        await self._goodbye()
        await super().shutdown(sockets)
