"""What subscribers and publishers say by RTCP, and what follows from it."""

from app.relay.core.links import Links
from app.relay.core.peer import Peer
from app.relay.core.publisher import Publisher
from app.relay.core.rtcp import Compound, ReportBlock
from app.relay.core.scene import Scene
from app.relay.core.subscription import Subscription
from app.relay.core.track import ClockReport

MAX_RTT = 10.0
"""Seconds: a report that gives more is nonsense."""


class Feedback:
    """Belongs to one room."""

    def __init__(self, room: Scene, links: Links) -> None:
        self._links = links
        self._room = room
        self._counters = room.tools.counters

    def take(self, peer: Peer, compound: Compound, now: float, *, has_budget: bool = True) -> None:
        """Act on one compound; what is sent to a peer without a budget is not cut to its link."""
        for ssrc in compound.keyframe_requests:
            self._take_keyframe_request(peer.subscription_of(ssrc))
        for ssrc, sequence in compound.nacked:
            self._counters.nacks_received += 1
            subscription = peer.subscription_of(ssrc)
            if subscription is not None:
                subscription.nacked += 1
            if subscription is None or not self._repeat(peer, subscription, sequence, now):
                self._counters.nacks_unanswered += 1
        for block in compound.blocks:
            self._take_block(peer, block, now)
        if has_budget and (compound.transport or compound.estimates or compound.blocks):
            self._links.take(peer, compound, now)
        if peer.publisher is not None and self._room.hears(peer):
            self._take_reports(peer.publisher, compound, now)

    def _take_keyframe_request(self, subscription: Subscription | None) -> None:
        if subscription is None:
            return
        self._counters.keyframe_requests_received += 1
        subscription.keyframe_requests += 1
        if subscription.tells_nobody:
            return
        if subscription.is_video and subscription.line is not None:
            subscription.line.track.keyframes.ask()

    def _repeat(self, peer: Peer, one: Subscription, sequence: int, now: float) -> bool:
        repeats = peer.downlink.repeats
        found = repeats.find(one, sequence, now, peer.downlink.rtt)
        if found is None:
            return False
        sent, variant = found
        number = self._room.tools.log.add(peer.downlink.serial, 0, len(sent.data), now)
        made = repeats.make(one, sent, variant, number)
        length = self._room.tools.sender.send_single(one.sink, made.packet, made.header, made.index)
        if not length:
            return False
        one.repeated += 1
        one.repeated_bytes += length
        self._counters.packets_repeated += 1
        self._counters.bytes_repeated += length
        return True

    def _take_block(self, peer: Peer, block: ReportBlock, now: float) -> None:
        one = peer.subscription_of(block.ssrc)
        if one is None:
            return
        one.lost = block.lost if block.lost < 1 << 23 else 0
        one.fraction_lost = block.fraction_lost / 256
        one.jitter = block.jitter
        if block.last_report and one.line is not None:
            sent = next((t for ntp, t in one.line.reports if ntp == block.last_report), None)
            rtt = now - sent - block.delay / 65536 if sent is not None else -1.0
            if 0 <= rtt < MAX_RTT:
                peer.downlink.rtt = rtt

    def _take_reports(self, publisher: Publisher, compound: Compound, now: float) -> None:
        for report in compound.sender_reports:
            track = publisher.track_of(report.ssrc)
            if track is not None:
                track.clock = ClockReport(report.ntp, report.timestamp, now)
                for line in track.lines:
                    line.report_all(now)
        for ssrc in compound.goodbyes:
            track = publisher.track_of(ssrc)
            if track is not None:
                track.stop()
                self._room.note_change()
