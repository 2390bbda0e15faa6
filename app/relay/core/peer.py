"""One peer connection: its ICE agent, and from the DTLS handshake on its keys and media."""

from typing import TYPE_CHECKING

from app.core.ids import PeerId, RoomId
from app.relay.core.counters import Counters
from app.relay.core.downlink import Downlink
from app.relay.core.events import GoneReason
from app.relay.core.ice import IceAgent
from app.relay.core.media import IceCredentials, Kind, MediaPlan, Role, SourceName, SrtpKeys
from app.relay.core.publisher import Publisher
from app.relay.core.srtp import CmSender, GcmSender, Receiver, make_receiver, make_sender
from app.relay.core.subscription import Subscription

if TYPE_CHECKING:
    from app.relay.core.upstream import Upstream

HANDSHAKE_SECONDS = 10.0
"""From the first validated address to SRTP keys."""


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
        self.allowed: frozenset[SourceName] | None = frozenset() if role == "participant" else None
        """The sources that it may publish; None is all."""
        self.barred: frozenset[Kind] = frozenset()
        """Kinds of media that it may not receive."""
        self.reachable_since: float | None = None
        self.receiver: Receiver | None = None
        self.sender: GcmSender | CmSender | None = None
        self.publisher: Publisher | None = None
        self.keeps_former = False
        """Whom this presenter replaces is not dropped."""
        self.is_connected = False
        """It has an address and keys: media flows."""
        self.speaks_as = 0
        """The SSRC of what is told to it, where that matters: it is behind a pipe (``pipe``)."""
        self.upstream: Upstream | None = None
        self.subscriptions: dict[str, Subscription] = {}
        """By mid."""
        self.downlink = Downlink()

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
        check_plan(plan)
        return cls(room, ident, role, plan, IceAgent(local, remote, now))

    def take_keys(self, keys: SrtpKeys, counters: Counters) -> None:
        self.receiver = make_receiver(keys)
        self.sender = make_sender(keys)
        if any(section.direction == "receive" for section in self.plan.sections):
            self.publish(counters)

    def publish(self, counters: Counters) -> None:
        """Take in what it sends, as far as it may publish."""
        self.publisher = Publisher(self.id, self.plan, counters, self.allowed)

    @property
    def may_publish(self) -> bool:
        return self.allowed is None or bool(self.allowed)

    def overdue(self, now: float) -> GoneReason | None:
        """Return why this peer is to be dropped, or None: it lives, and has its keys in time."""
        if self.ice.is_silent(now):
            return "silent"
        since = self.reachable_since
        if self.sender is None and since is not None and now - since >= HANDSHAKE_SECONDS:
            return "handshake"
        return None

    def follow_address(self) -> None:
        """Let everything that is sent to this peer go to its selected address."""
        if self.ice.selected is not None:
            for subscription in self.subscriptions.values():
                subscription.sink.address = self.ice.selected

    def subscription_of(self, ssrc: int) -> Subscription | None:
        """Return the subscription that is sent under ``ssrc``, for its feedback."""
        return next((s for s in self.subscriptions.values() if s.section.ssrc == ssrc), None)


def check_plan(plan: MediaPlan) -> None:
    """Raise ValueError for a plan whose send SSRCs (media and RTX) are not its own."""
    sections = [section for section in plan.sections if section.direction == "send"]
    ssrcs = [section.ssrc for section in sections]
    repeats = [section.rtx_ssrc for section in sections if section.rtx_ssrc]
    if 0 in ssrcs or len(set(ssrcs + repeats)) != len(ssrcs) + len(repeats):
        raise ValueError("send sections need SSRCs of their own")
