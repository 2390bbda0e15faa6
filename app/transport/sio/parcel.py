"""What is sent to many: made once, in each form in which a client may be written to."""

import base64
import enum
from collections.abc import Sequence

from engineio.packet import MESSAGE, Packet

from app.transport.sio.frames import frame


class SharedPacket(Packet):  # type: ignore[misc]  # engineio ships no types
    """An Engine.IO message that many sessions send: each encoding is made once.

    The library's own packet remembers its first encoding and gives it to everybody, which hands
    base64 text to WebSocket members or bytes to polling ones, depending on who came first.
    """

    def __init__(self, data: str | bytes) -> None:
        super().__init__(MESSAGE, data=data)
        self._frame: str | bytes = data if isinstance(data, bytes) else f"4{data}"
        self._base64: str | None = None

    def encode(self, b64: bool = False) -> str | bytes:
        """Return the message for a WebSocket frame, or for a polling payload (``b64``)."""
        if not b64 or isinstance(self._frame, str):
            return self._frame
        if self._base64 is None:
            self._base64 = "b" + base64.b64encode(self._frame).decode()
        return self._base64


class BoardPart(enum.Enum):
    """What a board update carries, and so what it makes superfluous."""

    NONE = enum.auto()
    """No board update: never replaced."""

    VIEW = enum.auto()
    """The view alone, objects unchanged: replaces a waiting view."""

    WHOLE = enum.auto()
    """Objects and view: replaces everything of the board that waits."""

    def replaces(self, older: "BoardPart") -> bool:
        """Tell whether a waiting ``older`` says nothing that this one does not."""
        if self is BoardPart.WHOLE:
            return older is not BoardPart.NONE
        return self is BoardPart.VIEW and older is BoardPart.VIEW


class Parcel:
    """One message of ours as Engine.IO packets (text, then attachments): indivisible in order."""

    __slots__ = ("_frames", "board", "packets", "seq", "size")

    def __init__(
        self, messages: Sequence[str | bytes], board: BoardPart = BoardPart.NONE, seq: int = 0
    ) -> None:
        self.packets = tuple(SharedPacket(message) for message in messages)
        self.size = sum(map(len, messages))
        self.board = board
        self.seq = seq
        """Of a room event; 0 for anything else."""
        self._frames: bytes | None = None

    @property
    def frames(self) -> bytes:
        """All of it as WebSocket frames, made once for everybody."""
        if self._frames is None:
            self._frames = b"".join(frame(packet.encode()) for packet in self.packets)
        return self._frames
