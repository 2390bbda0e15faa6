"""Subscribers' links within a room: feedback read, budgets looked after, probes sent."""

import struct

from app.relay.core.downlink import Downlink
from app.relay.core.peer import Peer
from app.relay.core.repeats import rtx_type
from app.relay.core.rtcp import Compound
from app.relay.core.rtp import TRANSPORT_WIDE_URI, pack_elements
from app.relay.core.scene import Scene
from app.relay.core.sharing import Sharing
from app.relay.core.subscription import Subscription

_PADDING = 224
"""Bytes of an RTP packet that is nothing but padding, as libwebrtc sends them: 255 at most."""
_HEADER = struct.Struct("!BBHII")


class Links:
    """Belongs to one room."""

    def __init__(self, room: Scene) -> None:
        self._room = room
        self._sharing = Sharing(room)

    # Feedback --------------------------------------------------------------------------------

    def take(self, peer: Peer, compound: Compound, now: float) -> None:
        """Take in what a subscriber says of its link; act at once if it is over-used."""
        link = peer.downlink
        was_limited, budget = link.is_limited, link.budget_bps
        for body in compound.transport:
            self._room.tools.counters.transport_feedback_received += 1
            link.take_transport(
                body,
                self._room.tools.log,
                lambda: self._begun(peer),
                lambda: self._sending(peer),
                now,
            )
        if not link.has_transport:
            self._take_others(peer, compound, now)
        if link.is_limited and (not was_limited or link.budget_bps < budget):
            self._share(peer, now)

    def _take_others(self, peer: Peer, compound: Compound, now: float) -> None:
        """REMB and receiver reports, where there is no better feedback."""
        sending = self._sending(peer)
        for bps in compound.estimates:
            peer.downlink.take_estimate(bps, sending, now)
        losses = [b.fraction_lost / 256 for b in compound.blocks if peer.subscription_of(b.ssrc)]
        if losses:
            peer.downlink.take_loss(max(losses), sending, now)

    def _begun(self, peer: Peer) -> dict[int, int]:
        begun = {peer.downlink.serial: 0}
        for one in peer.subscriptions.values():
            if one.former is not None:
                begun[one.former[0].serial] = -1
            if one.line is not None:
                begun[one.line.serial] = one.sink.first_index
        return begun

    def _sending(self, peer: Peer) -> int:
        """Return how much the peer is being sent."""
        lines = [one.line for one in peer.subscriptions.values() if one.line is not None]
        return sum(line.track.rates.up_to(line.temporal) for line in lines)

    # Budget ----------------------------------------------------------------------------------

    def look_after(self, peer: Peer, now: float) -> None:
        """Share out the budget again, probe if it falls short; call it about twice a second."""
        if self._sharing.is_needed(peer):
            self._share(peer, now)
        self._sharing.watch(peer, now)
        for one in peer.subscriptions.values():
            if one.is_video:
                self._sharing.tell(one, now)

    def _share(self, peer: Peer, now: float) -> None:
        shared = self._sharing.share(peer, now)
        if shared.missing:
            self._probe(peer, int(1.15 * (shared.spent + shared.missing)), now)
        was_limited = peer.downlink.is_limited
        peer.downlink.note_fit(shared.everything, now)
        if was_limited and not peer.downlink.is_limited:
            _ = self._sharing.share(peer, now)

    # Probes ----------------------------------------------------------------------------------

    def _probe(self, peer: Peer, wanted_bps: int, now: float) -> None:
        link = peer.downlink
        carrier = next((one for one in peer.subscriptions.values() if _can_probe(one)), None)
        if carrier is None or not link.has_transport:
            link.try_media(wanted_bps, now)
            return
        rate = link.probe_bps(wanted_bps, now)
        if rate:
            self._send_train(link, carrier, rate, now)

    def _send_train(self, link: Downlink, one: Subscription, rate: int, now: float) -> None:
        tools = self._room.tools
        transport_id = one.section.extension_id(TRANSPORT_WIDE_URI)
        payload_type = next(c.payload_type for c in one.section.codecs if c.key == "rtx")
        count = link.probe_packets(rate, _PADDING + 36)
        first = tools.log.next
        size = 0
        for _ in range(count):
            number = tools.log.add(link.serial, 0, _PADDING, now)
            index = link.repeats.next_index(one.section.rtx_ssrc)
            header = _HEADER.pack(
                0xB0, payload_type, index & 0xFFFF, 0, one.section.rtx_ssrc
            ) + pack_elements([(transport_id, number)])
            packet = header + bytes(_PADDING - 1) + bytes((_PADDING,))
            size += tools.sender.send_single(one.sink, packet, len(header), index)
        tools.counters.probes_sent += 1
        tools.counters.probe_bytes += size
        link.probed(range(first, tools.log.next), size, now)


def _can_probe(one: Subscription) -> bool:
    section = one.section
    has_type = any(rtx_type(one, codec.payload_type) for codec in section.codecs)
    return bool(has_type and section.extension_id(TRANSPORT_WIDE_URI))
