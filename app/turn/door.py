"""The Redis that coturn sees: a port on this machine that lets through what coturn needs.

coturn speaks to Redis over TCP only, with a password in its configuration, scans all keys every
few seconds and writes keys that never expire. Our Redis may be a unix socket, or far away behind
TLS; it holds every lecture. So coturn is given this door: the secrets of its own realm, and its
statistics, which are written with an end to their life and heard here.
"""

import asyncio
import contextlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog

from app.core.errors import LecternError
from app.turn import resp
from app.turn.coturn import Door

log = structlog.get_logger(__name__)

READ_BYTES = 65_536
MOST_CONNECTIONS = 1_024
"""coturn opens about a dozen on two cores: a few for each of its threads."""


class Keeper(Protocol):
    """What stands behind the door."""

    async def accepted(self) -> list[bytes]:
        """Return the secrets that are good now."""

    async def status(self, key: str, value: str) -> None:
        """Keep an allocation's status for as long as it can live."""

    async def forget(self, key: str) -> None:
        """Drop an allocation's status."""

    async def publish(self, channel: str, message: str) -> None:
        """Publish a statistics message."""


class RedisDoor:
    """Open before coturn starts, close after it has ended."""

    def __init__(self, realm: str, keeper: Keeper, hear: Callable[[str, str], None]) -> None:
        self._secrets_key = f"turn/realm/{realm}/secret"
        self._statistics = f"turn/realm/{realm}/user/"
        self._keeper = keeper
        self._hear = hear
        self._password = secrets.token_hex(16)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._commands: dict[str, Callable[[list[str]], Awaitable[bytes]]] = {
            "smembers": self._smembers,
            "set": self._set,
            "del": self._del,
            "publish": self._publish,
            "get": self._nothing,
            "hgetall": self._none,
            "keys": self._none,
            "select": self._ok,
            "ping": self._ok,
        }

    @property
    def address(self) -> Door:
        """What coturn's configuration names."""
        assert self._server is not None, "open() comes first"
        return Door(self._server.sockets[0].getsockname()[1], self._password)

    async def open(self) -> None:
        """Listen on a free port of this machine alone."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """Stop listening and cut everybody off. Safe to call twice."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._writers):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._writers) >= MOST_CONNECTIONS:
            writer.close()
            return
        self._writers.add(writer)
        commands, is_known = resp.CommandReader(), False
        try:
            while data := await reader.read(READ_BYTES):
                for words in commands.feed(data):
                    answer, is_known = await self._answer(words, is_known)
                    writer.write(answer)
                await writer.drain()
        except (resp.ProtocolError, OSError) as fault:
            log.debug("a connection of coturn's ended", reason=str(fault))
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, raw: list[bytes], is_known: bool) -> tuple[bytes, bool]:
        words = [word.decode("utf-8", "replace") for word in raw]
        name = words[0].lower() if words else ""
        if name == "auth":
            is_right = hmac.compare_digest(words[-1].encode(), self._password.encode())
            return (resp.OK if is_right else resp.WRONG_PASSWORD), is_right
        if not is_known:
            return resp.NO_AUTH, False
        handle = self._commands.get(name)
        if handle is None:
            return resp.refusal(name), True
        try:
            return await handle(words[1:]), True
        except LecternError:
            return resp.AWAY, True

    async def _smembers(self, words: list[str]) -> bytes:
        is_ours = words[:1] == [self._secrets_key]
        return resp.array(await self._keeper.accepted() if is_ours else [])

    async def _set(self, words: list[str]) -> bytes:
        if len(words) == 2 and self._is_statistics(words[0]):
            await self._keeper.status(words[0], words[1])
        return resp.OK

    async def _del(self, words: list[str]) -> bytes:
        if words and self._is_statistics(words[0]):
            await self._keeper.forget(words[0])
        return resp.number(1)

    async def _publish(self, words: list[str]) -> bytes:
        if len(words) == 2 and self._is_statistics(words[0]):
            self._hear(words[0], words[1])
            await self._keeper.publish(words[0], words[1])
        return resp.number(0)

    def _is_statistics(self, key: str) -> bool:
        return key.startswith(self._statistics)

    async def _nothing(self, _words: list[str]) -> bytes:
        return resp.NOTHING

    async def _none(self, _words: list[str]) -> bytes:
        # Scans for other servers' keys, and for settings that we give it in its file.
        return resp.array([])

    async def _ok(self, _words: list[str]) -> bytes:
        return resp.OK
