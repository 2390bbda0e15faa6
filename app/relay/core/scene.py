"""A room as its parts see it: what casting, links, feedback and upkeep may use of it."""

from typing import Protocol

from app.core.ids import PeerId, RoomId
from app.relay.core.events import Event
from app.relay.core.peer import Peer
from app.relay.core.stream import Stream
from app.relay.core.subscription import Bound, Subscription
from app.relay.core.tools import Tools


class Scene(Protocol):
    """``room.Room``."""

    id: RoomId
    peers: dict[PeerId, Peer]
    presenter: Peer | None
    tools: Tools

    def emit(self, event: Event) -> None: ...
    def hears(self, peer: Peer) -> bool: ...
    def stream_for(self, one: Subscription, now: float) -> Stream | None: ...
    def bind(self, subscription: Subscription, bound: Bound | None, now: float) -> None: ...
    def aim(self, one: Subscription, now: float) -> None: ...
    def ask_for_waiting(self) -> None: ...
    def note_change(self) -> None: ...
    def tell(self, peer: Peer, packet: bytes) -> bool: ...
