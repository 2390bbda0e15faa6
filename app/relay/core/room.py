"""One room: whose tracks feed which lines, and who is on them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.core.ids import PeerId, RoomId
from app.relay.core.batch import Batch
from app.relay.core.burst import BurstSender
from app.relay.core.casting import Casting
from app.relay.core.counters import Counters
from app.relay.core.events import Event, SectionBound, TrackStarted
from app.relay.core.feedback import Feedback
from app.relay.core.figures import room_stats
from app.relay.core.lines import Lines
from app.relay.core.links import Links
from app.relay.core.media import MediaPlan, Section
from app.relay.core.peer import Peer
from app.relay.core.pipe import under
from app.relay.core.pipe_room import Pipes
from app.relay.core.rtcp import Compound
from app.relay.core.sent import SentLog
from app.relay.core.sink import Sink
from app.relay.core.stats import RoomStats
from app.relay.core.stream import Stream
from app.relay.core.subscription import Bound, Subscription
from app.relay.core.tools import Tools
from app.relay.core.track import Track
from app.relay.core.upkeep import Upkeep
from app.relay.core.upstream import Upstream

if TYPE_CHECKING:
    from app.relay.core.tap import Tap


_NEVER = float("inf")


class Room:
    """Routes packets from publishers' tracks to lines. Made and dropped by ``Relay``."""

    def __init__(
        self,
        ident: RoomId,
        sender: BurstSender,
        counters: Counters,
        batch: Batch,
        emit: Callable[[Event], None],
    ) -> None:
        self.id = ident
        self.peers: dict[PeerId, Peer] = {}
        self.presenter: Peer | None = None
        """The connected one."""
        self._tell_shell = emit
        self.tools = Tools(sender, counters, batch, SentLog())
        self.lines = Lines(self)
        self.pipes = Pipes(self)
        self._casting = Casting(self)
        self.upkeep = Upkeep(self)
        self._links = Links(self)
        self._feedback = Feedback(self, self._links)
        self.tap: Tap | None = None
        self._touched: list[Track] = []
        self._is_stale = False
        """A source came or came back: who gets what must be looked at again."""
        self._forwarded = 0
        self._upstreams: list[Peer] = []
        """Peers that are told how their media arrives."""

    def emit(self, event: Event) -> None:
        """Tell the shell, unless another relay does."""
        if not self.pipes.hides(event):
            self._tell_shell(event)

    # Peers -----------------------------------------------------------------------------------

    @property
    def is_taped(self) -> bool:
        """Somebody listens in: a recorder."""
        return self.tap is not None

    @property
    def is_empty(self) -> bool:
        """Nobody is here and nobody is fed from here."""
        return not self.pipes and not self.peers

    def hears(self, peer: Peer) -> bool:
        """Tell whether a peer's media is of any interest: a replaced presenter's is not."""
        return peer.is_connected and (peer.role != "presenter" or peer is self.presenter)

    @property
    def publishing(self) -> int:
        """How many peers may publish, connected or not."""
        return sum(peer.may_publish for peer in self.peers.values())

    def connect(self, peer: Peer, now: float) -> Peer | None:
        """Let a peer with an address and keys take part; return a presenter that it replaced."""
        replaced = None
        if peer.role == "presenter":
            replaced = self.presenter
            self.presenter = peer
            if replaced is not None and self.pipes.is_guest(replaced.id):
                self.pipes.dismiss(replaced.id)
                replaced = None
        if peer.publisher is not None:
            self.take_publisher(peer)
        peer.downlink.serial = self.tools.log.serial()
        for section in peer.plan.sections:
            if section.direction == "send":
                self._subscribe(peer, section)
        self._casting.share_out([peer], now)
        for subscription in peer.subscriptions.values():
            self.aim(subscription, now)
        self.ask_for_waiting()
        return replaced

    def take_publisher(self, peer: Peer) -> None:
        """Look after what a peer sends."""
        if peer.publisher is not None and peer.upstream is None:
            peer.upstream = Upstream(
                peer.publisher, lambda packet: self.tell(peer, packet), self.tools.counters
            )
            self._upstreams.append(peer)

    def _subscribe(self, peer: Peer, section: Section) -> None:
        if peer.sender is None or peer.ice.selected is None:
            return
        sink = Sink(peer.ice.selected, peer.sender, section.kind == "video")
        made = Subscription(peer.id, section, sink)
        # A presenter receives speakers only, whatever its sections say.
        made.is_spare = made.is_spare or peer.role == "presenter"
        made.is_barred = section.kind in peer.barred
        peer.subscriptions[section.mid] = made

    def change_plan(self, peer: Peer, plan: MediaPlan, now: float) -> None:
        """Let sections come to a peer; those that it has stay."""
        peer.plan = plan
        if not peer.is_connected:
            return
        if peer.publisher is not None:
            peer.publisher.extend(plan)
        elif any(section.direction == "receive" for section in plan.sections):
            peer.publish(self.tools.counters)
            self.take_publisher(peer)
        for section in plan.sections:
            if section.direction == "send" and section.mid not in peer.subscriptions:
                self._subscribe(peer, section)
        self.select_all(now)

    def disconnect(self, peer: Peer) -> None:
        """Take a peer out of every line; what fed on its tracks waits for others."""
        self.peers.pop(peer.id, None)
        for subscription in peer.subscriptions.values():
            subscription.leave()
            self._forwarded += subscription.sink.packets
        peer.subscriptions.clear()
        if self.presenter is peer:
            self.presenter = None
        if peer in self._upstreams:
            self._upstreams.remove(peer)
        if peer.publisher is not None:
            self.upkeep.left(peer.publisher)
            self._is_stale = True
            self.pipes.note_change()
        self.lines.has_changed = True
        self.lines.prune()

    def tell(self, peer: Peer, packet: bytes) -> bool:
        """Seal an RTCP compound and send it."""
        if peer.sender is None or peer.ice.selected is None:
            return False
        if peer.speaks_as:
            packet = under(peer.speaks_as, packet)
        return self.tools.sender.send_control(peer.sender.seal_rtcp(packet), peer.ice.selected)

    # Who gets what ---------------------------------------------------------------------------

    def bind(self, subscription: Subscription, bound: Bound | None, now: float) -> None:
        subscription.bound = bound
        owner, source = bound if bound is not None else (None, None)
        mid = subscription.section.mid
        self.emit(SectionBound(self.id, subscription.peer, mid, owner, source))
        if bound is None and subscription.is_spare:
            subscription.leave()
        self.aim(subscription, now)

    def select_all(self, now: float) -> None:
        """Look again at what everybody should get."""
        self._aim_all(now)
        self.ask_for_waiting()

    def stream_for(self, one: Subscription, now: float) -> Stream | None:
        """Return the stream that a section carries, or None if there is none."""
        return self._casting.stream_for(one, now)

    def aim(self, one: Subscription, now: float) -> None:
        """Let a subscription wait for the line that it should be on, or leave."""
        self.lines.aim(one, now)

    def ask_for_waiting(self) -> None:
        """Ask once for the keyframes that newcomers wait for; ``tick`` repeats it."""
        self.lines.ask_for_waiting()

    # Packets ---------------------------------------------------------------------------------

    def touch(self, stream: Stream, track: Track, was_active: bool) -> None:
        """Note that ``track`` has one more pending packet."""
        if len(track.pending) == 1:
            self._touched.append(track)
        if not was_active:
            self._is_stale = True
        if not stream.is_started:
            stream.is_started = True
            codec = track.codec.key if track.codec else ""
            self.emit(TrackStarted(self.id, track.peer, track.source, codec))

    def note_change(self) -> None:
        """Let the next flush look again at who gets what."""
        self._is_stale = True

    def flush(self, now: float) -> None:
        """Forward what this wake-up brought."""
        touched, self._touched = self._touched, []
        try:
            if self._is_stale:
                # Keyframes are asked for behind the packets: they may bring one.
                self._aim_all(now)
            for track in touched:
                lines = track.lines
                if len(lines) > 1:
                    # Whoever goes over from one line of a track to another has left the first
                    # before that sends the frame with which it begins on the second.
                    lines = sorted(lines, key=lambda line: not line.has_waiting)
                for line in lines:
                    line.forward(now)
            self.lines.ask_for_waiting()
            if self.tap is not None:
                self.tap.hear(self, touched, now)
            self.upkeep.listen(now)
        finally:
            # After a failure, too: nothing half-done may leak into the next wake-up.
            self.tools.batch.count = 0
            for track in touched:
                track.pending.clear()

    def _aim_all(self, now: float) -> None:
        self._is_stale = False
        self._casting.share_out(self.peers.values(), now)
        self.lines.aim_all(self.peers.values(), now)
        self.pipes.note_change()
        self.pipes.aim(now)

    def look_after(self, peer: Peer, now: float) -> None:
        """Share out a peer's bandwidth again: it wished for something else."""
        self._links.look_after(peer, now)

    def take_feedback(
        self, peer: Peer, compound: Compound, now: float, *, has_budget: bool = True
    ) -> None:
        """Act on what a subscriber or a publisher said."""
        self._feedback.take(peer, compound, now, has_budget=has_budget)

    # Time ------------------------------------------------------------------------------------

    def serve(self, now: float) -> float:
        """Send the publishers what is due; return when there is something to do again, infinity for
        not yet."""
        due = _NEVER
        for peer in self._upstreams:
            if peer.upstream is not None and self.hears(peer):
                due = min(due, peer.upstream.send_due(now))
        if self.pipes:
            self.pipes.serve(now)
            due = min(due, self.pipes.due)
        return due

    def tick(self, now: float) -> None:
        """Look again at what silence changes: which track feeds a line, who still waits."""
        self.upkeep.tick(now)
        for peer in self.peers.values():
            self._links.look_after(peer, now)
        self.select_all(now)
        self.lines.ask_again(now)
        self.lines.prune()

    def report(self, now: float) -> None:
        """Tell the publishers once a second how their tracks arrive."""
        for peer in self._upstreams:
            if peer.upstream is not None and self.hears(peer):
                peer.upstream.report(now)

    def stats(self, now: float) -> RoomStats:
        return room_stats(self, self._forwarded, now)
