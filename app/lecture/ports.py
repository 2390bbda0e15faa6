"""What a lecture needs from the catalogue and from the relays, by shape alone."""

from collections.abc import Sequence
from typing import Protocol

from app.core.ids import Email, LectureId, NodeId, PeerId, RoomId
from app.recording.model import RecordingState
from app.relay.answers import IceRestarted, PeerOpened, RoomMeasured
from app.relay.messages import Control, OpenPeer, RestartIce


class OpenLecture(Protocol):
    """A lecture that has not ended, as SQL knows it."""

    @property
    def id(self) -> LectureId: ...

    @property
    def code(self) -> RoomId: ...

    @property
    def owner_email(self) -> Email: ...


class CataloguePort(Protocol):
    """Lectures in SQL. Every method raises Unavailable while the database is away."""

    async def open_by_code(self, code: RoomId) -> OpenLecture | None:
        """Return the lecture that has the code and has not ended."""
        ...

    async def attend(self, lecture: LectureId, email: Email) -> None:
        """Note that the account attended; once per account, however often it is called."""
        ...

    async def started(self, lecture: LectureId) -> None:
        """Note the start; only the first counts."""
        ...

    async def ended(self, lecture: LectureId, audio: str | None = None) -> None:
        """Note the end and free the code; a repeat changes nothing but a missing ``audio``."""
        ...


class RecordingPort(Protocol):
    """``recording.service.Recordings``: raises Unavailable while SQL or Redis is away."""

    async def begin_if_wanted(self, lecture: LectureId) -> bool:
        """Tell whether a lecture that starts now is to be recorded."""
        ...

    async def switch(self, room: RoomId, epoch: int, on: bool) -> RecordingState:
        """Record the lecture from now on, or no more."""
        ...


class RelayPort(Protocol):
    """``relay.client.RelayClient``: raises what the relay refused with, or Unavailable."""

    async def open(self, node: NodeId, command: OpenPeer, /) -> PeerOpened: ...

    async def restart_ice(self, node: NodeId, command: RestartIce, /) -> IceRestarted: ...

    async def see(self, node: NodeId, room: RoomId, peers: Sequence[PeerId], /) -> set[PeerId]: ...

    async def control(
        self,
        node: NodeId,
        command: Control,
        /,
    ) -> None: ...

    async def measure(self, node: NodeId, room: RoomId, /) -> RoomMeasured: ...

    async def close_peer(self, node: NodeId, room: RoomId, peer: PeerId, /) -> None: ...

    async def close_room(self, node: NodeId, room: RoomId, /) -> None: ...
