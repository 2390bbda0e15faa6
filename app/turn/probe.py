"""Asks a STUN server for a sign of life (RFC 8489 §2: a Binding request)."""

import asyncio
import secrets
import struct

BINDING_REQUEST = 0x0001
BINDING_SUCCESS = 0x0101
MAGIC_COOKIE = 0x2112A442
_HEADER = struct.Struct("!HHI12s")


def request(transaction: bytes) -> bytes:
    """Return a Binding request; ``transaction`` has 12 bytes."""
    return _HEADER.pack(BINDING_REQUEST, 0, MAGIC_COOKIE, transaction)


def answers(data: bytes, transaction: bytes) -> bool:
    """Tell whether ``data`` is the success response to that request."""
    if len(data) < _HEADER.size:
        return False
    kind, _, cookie, theirs = _HEADER.unpack_from(data)
    return (kind, cookie, theirs) == (BINDING_SUCCESS, MAGIC_COOKIE, transaction)


class _Asking(asyncio.DatagramProtocol):
    def __init__(self, transaction: bytes) -> None:
        self._transaction = transaction
        self.answered: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 asyncio's
        if answers(data, self._transaction) and not self.answered.done():
            self.answered.set_result(True)

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002 asyncio's
        if not self.answered.done():
            self.answered.set_result(False)


async def is_answering(host: str, port: int, seconds: float = 1.0) -> bool:
    """Tell whether the server at that UDP port answers in time."""
    transaction = secrets.token_bytes(12)
    loop = asyncio.get_running_loop()
    try:
        transport, asking = await loop.create_datagram_endpoint(
            lambda: _Asking(transaction), remote_addr=(host, port)
        )
    except OSError:
        return False
    try:
        transport.sendto(request(transaction))
        return await asyncio.wait_for(asking.answered, seconds)
    except TimeoutError:
        return False
    finally:
        transport.close()
