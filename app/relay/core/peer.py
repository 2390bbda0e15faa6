"""One peer connection: its ICE agent, and from the DTLS handshake on its keys and media."""

from typing import TYPE_CHECKING

from app.core.ids import PeerId, RoomId
from app.relay.core.counters import Counters
from app.relay.core.ice import IceAgent
from app.relay.core.media import IceCredentials, MediaPlan, Role, SrtpKeys
from app.relay.core.publisher import Publisher
from app.relay.core.srtp import CmSender, GcmSender, Receiver, make_receiver, make_sender

if TYPE_CHECKING:
    from app.relay.core.line import Line
    from app.relay.core.sink import Sink


class Peer:
    """What the relay knows of one peer. ``Relay`` keeps the tables that lead here."""

    def __init__(
        self,
        room: RoomId,
        ident: PeerId,
        role: Role,
        plan: MediaPlan,
        ice: IceAgent,
    ) -> None:
        self.room = room
        self.id = ident
        self.role = role
        self.plan = plan
        self.ice = ice
        self.reachable_since: float | None = None
        self.receiver: Receiver | None = None
        self.sender: GcmSender | CmSender | None = None
        self.publisher: Publisher | None = None
        self.is_connected = False
        """It has an address and keys: media flows."""
        self.lines: dict[int, Line] = {}
        """Ours by SSRC, for feedback from this peer."""
        self.sinks: dict[int, Sink] = {}

    @classmethod
    def create(
        cls,
        room: RoomId,
        ident: PeerId,
        role: Role,
        plan: MediaPlan,
        local: IceCredentials,
        remote: IceCredentials,
        now: float,
    ) -> "Peer":
        """Return a new peer; raises ValueError for a plan whose send SSRCs are not its own."""
        ssrcs = [section.ssrc for section in plan.sections if section.direction == "send"]
        if 0 in ssrcs or len(set(ssrcs)) != len(ssrcs):
            raise ValueError("send sections need SSRCs of their own")
        return cls(room, ident, role, plan, IceAgent(local, remote, now))

    def take_keys(self, keys: SrtpKeys, counters: Counters) -> None:
        self.receiver = make_receiver(keys)
        self.sender = make_sender(keys)
        if self.role == "presenter":
            self.publisher = Publisher(self.id, self.plan, counters)

    def follow_address(self) -> None:
        """Let everything that is sent to this peer go to its selected address."""
        if self.ice.selected is not None:
            for sink in self.sinks.values():
                sink.address = self.ice.selected
