"""A web server within a test, which ends at once: uvicorn waits three tenths of a second."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn

TICK_SECONDS = 0.1
"""How often uvicorn looks after itself, such as after the date of its answers."""

END_SECONDS = 2.0
"""What connections and requests have for their end before they are cut off."""


class _Server(uvicorn.Server):
    """uvicorn, which sees at once that it is to end, and that nothing keeps it any longer."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ending = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal: they are pytest's."""
        yield

    async def main_loop(self) -> None:
        counter = 0
        while not self.ending.is_set():
            await self.on_tick(counter)
            counter += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while state.connections or state.tasks:
                    await asyncio.sleep(0.002)
        for task in list(state.tasks):
            task.cancel()


@contextlib.asynccontextmanager
async def web_server(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve ``app`` on a free port of 127.0.0.1, its address given, until the block ends.

    ``options`` are uvicorn's.
    """
    server = _Server(uvicorn.Config(app, log_level="error", lifespan="off", **options))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(30):
                while not server.started:
                    await asyncio.sleep(0.002)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.ending.set()
            await asyncio.wait_for(serving, END_SECONDS + 3.0)
