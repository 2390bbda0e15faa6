"""A namespace's ``auth``."""

from typing import Annotated

from pydantic import Field

from app.core.ids import PeerId, RoomId
from app.transport.sio.messages.form import Message, Room
from app.transport.sio.messages.streams import StreamName
from app.whiteboard.model import MAX_VERSION


class Credentials(Message):
    """A namespace's ``auth``. A guest sends an empty token, and later its own id as one."""

    accessToken: Annotated[str, Field(max_length=4096)] = ""  # noqa: N815
    ticket: Annotated[str, Field(max_length=4096)] | None = None
    """What a service's member shows once; later the seat token that it was given for it."""
    roomId: Room | None = None  # noqa: N815
    cursor: Annotated[int, Field(ge=0, le=MAX_VERSION)] | None = None
    """The ``seq`` of the last room event that the client has."""
    follow: Annotated[list[StreamName], Field(max_length=16)] = Field(default_factory=list)
    """Streams whose data the client followed before it was lost: what it missed comes, too."""
    elements: bool = False
    """The client shows element boards. One that gives a cursor does."""

    peerId: Annotated[str, Field(min_length=1, max_length=64)] | None = None  # noqa: N815
    """The media that a returning client has, made on a connection that is gone: it is told of its
    sections again. The id is its owner's secret."""

    @property
    def peer(self) -> PeerId | None:
        return PeerId(self.peerId) if self.peerId else None

    @property
    def room(self) -> RoomId | None:
        return RoomId(self.roomId) if self.roomId else None
