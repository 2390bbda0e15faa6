"""A TCP proxy that delays by a seed, swallows, or cuts what goes through it."""

import asyncio
import contextlib
import random
from types import TracebackType
from typing import Self

CHUNK = 64 * 1024


class Proxy:
    """Carries connections to one address. An async context manager.

    A black hole takes what is sent and passes nothing on, in both directions; connections stay
    open, and new ones are accepted, as behind a router that drops packets. What was swallowed is
    passed on when it ends, as TCP's retransmissions would.
    """

    def __init__(self, host: str, port: int, seed: int = 1, listen: str = "127.0.0.1") -> None:
        self._to = (host, port)
        self._listen = listen
        self._random = random.Random(seed)
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.delay_seconds = (0.0, 0.0)
        """Least and most that a chunk waits; the order within a connection is kept."""
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, self._listen, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def black_hole(self) -> None:
        """Pass nothing on from now on."""
        self._open.clear()

    def heal(self) -> None:
        """Pass everything on again."""
        self._open.set()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            await self._open.wait()
            far_reader, far = await asyncio.open_connection(*self._to)
            self._writers.add(far)
            pumps = [
                asyncio.ensure_future(self._pump(reader, far)),
                asyncio.ensure_future(self._pump(far_reader, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # cancelled by our own end alone, which the streams' callback must not see
        finally:
            for end in filter(None, (writer, far)):
                self._writers.discard(end)
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                if self.delay_seconds[1]:
                    await asyncio.sleep(self._random.uniform(*self.delay_seconds))
                await self._open.wait()
                writer.write(data)
                await writer.drain()
