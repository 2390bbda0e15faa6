"""Our end of one pipe to another relay: what we tell of it, and what it makes with theirs."""

import base64
import secrets
from typing import Final

from app.core.errors import BadRequest
from app.core.ids import NodeId, RoomId
from app.relay.answers import PipeOpened
from app.relay.core.media import Address, SrtpKeys
from app.relay.core.pipe import PipePath
from app.relay.messages import OpenPipe
from app.relay.peer import Reach

KEY_BYTES: Final = 16
SALT_BYTES: Final = 12
MAX_SSRC: Final = (1 << 32) - 1


class PipeEnd:
    """A key, a salt and an SSRC that nobody had, and where we are reached. For one pipe alone."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._key = secrets.token_bytes(KEY_BYTES)
        self._salt = secrets.token_bytes(SALT_BYTES)
        self._ssrc = 1 + secrets.randbelow(MAX_SSRC)

    def command(self, room: RoomId, ident: str, node: NodeId) -> OpenPipe:
        """Return what asks another relay for its end; ``node`` is ours."""
        return OpenPipe(
            room=room, pipe=ident, node=node, hosts=list(self._reach.hosts), port=self._reach.port,
            ssrc=self._ssrc, key=_text(self._key), salt=_text(self._salt),
        )  # fmt: skip

    def answer(self) -> PipeOpened:
        """Return what tells the relay that asked of our end."""
        return PipeOpened(
            hosts=list(self._reach.hosts), port=self._reach.port,
            ssrc=self._ssrc, key=_text(self._key), salt=_text(self._salt),
        )  # fmt: skip

    def path(self, theirs: OpenPipe | PipeOpened) -> PipePath:
        """Return the way between the two ends. Raises BadRequest for a key that is none."""
        address = _address(theirs.hosts, theirs.port, self._reach.hosts)
        keys = SrtpKeys(
            "AEAD_AES_128_GCM", _bytes(theirs.key), _bytes(theirs.salt), self._key, self._salt
        )
        return PipePath(address, self._ssrc, theirs.ssrc, keys)


def _address(theirs: list[str], port: int, ours: tuple[str, ...]) -> Address:
    """Return where another relay is reached: by IPv4 if that is what we are reached by."""
    is_ipv4 = ":" not in ours[0]
    host = next((host for host in theirs if (":" not in host) == is_ipv4), theirs[0])
    return (host, port)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    """Raises BadRequest."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadRequest("this is no key") from error
