"""Subscribers' links within a room: feedback read, budgets shared out, probes sent."""

import struct

from app.relay.core.allocation import Want, allocate
from app.relay.core.downlink import Downlink
from app.relay.core.events import LayerChanged
from app.relay.core.layers import MAX_TEMPORAL
from app.relay.core.media import SourceName
from app.relay.core.peer import Peer
from app.relay.core.repeats import rtx_type
from app.relay.core.rtcp import Compound
from app.relay.core.rtp import TRANSPORT_WIDE_URI, pack_elements
from app.relay.core.scene import Scene
from app.relay.core.selection import rungs
from app.relay.core.subscription import Subscription

_PADDING = 224
"""Bytes of an RTP packet that is nothing but padding, as libwebrtc sends them: 255 at most."""
_HEADER = struct.Struct("!BBHII")
_IMPORTANCE: dict[SourceName, int] = {"screen": 0, "camera": 1, "microphone": 2}


class Links:
    """Belongs to one room."""

    def __init__(self, room: Scene) -> None:
        self._room = room

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
        if peer.downlink.is_limited:
            self._share(peer, now)
        for one in peer.subscriptions.values():
            if one.is_video:
                self._tell(one, now)

    def _share(self, peer: Peer, now: float) -> None:
        room = self._room
        link = peer.downlink
        sections: list[tuple[Subscription, list[tuple[int, int, int]]]] = []
        audio = 0
        for one in peer.subscriptions.values():
            stream = room.stream_for(one, now)
            if stream is None or one.is_off or not stream.flows or not stream.layers:
                continue
            if one.is_video:
                sections.append((one, rungs(stream, one.wish)))
            else:
                audio += stream.layers[0].rates.up_to(MAX_TEMPORAL)
        sections.sort(key=lambda item: self._rank(item[0], now))
        wants = [
            Want(tuple(rate for _, _, rate in ladder), _rung_of(one, ladder))
            for one, ladder in sections
        ]
        given = allocate(link.budget_bps - audio, wants)
        missing = 0
        for (one, ladder), rung in zip(sections, given, strict=True):
            self._give(one, ladder, rung, now)
            if ladder and rung < len(ladder) - 1 and not missing:
                missing = ladder[rung + 1][2] - (ladder[rung][2] if rung >= 0 else 0)
        room.ask_for_waiting()
        spent = audio + sum(
            ladder[rung][2] for (_, ladder), rung in zip(sections, given, strict=True) if rung >= 0
        )
        if missing:
            self._probe(peer, int(1.15 * (spent + missing)), now)
        link.note_fit(audio + sum(ladder[-1][2] for _, ladder in sections if ladder), now)
        if not link.is_limited:
            for one, _ in sections:
                one.limit = None

    def _rank(self, one: Subscription, now: float) -> tuple[int, int]:
        """The presenter's come first, its screen before all."""
        stream = self._room.stream_for(one, now)
        if stream is None:
            return 9, 9
        presenter = self._room.presenter
        is_other = presenter is None or stream.peer != presenter.id
        return int(is_other), _IMPORTANCE[stream.source]

    def _give(
        self, one: Subscription, ladder: list[tuple[int, int, int]], rung: int, now: float
    ) -> None:
        if not ladder:
            return
        one.is_starved = rung < 0
        one.limit = ladder[max(0, rung)][:2]
        self._room.aim(one, now)

    def _tell(self, one: Subscription, now: float) -> None:
        """Emit what a section gets, when that has changed."""
        stream = self._room.stream_for(one, now)
        line = one.line
        layer, temporal, _ = one.shown
        if stream is not None and line is not None and line.track in stream.layers:
            layer = stream.by_size().index(line.track)
            temporal = min(line.temporal, line.track.rates.top)
        shown = (layer, temporal, one.is_starved)
        if shown != one.shown:
            one.shown = shown
            self._room.emit(LayerChanged(self._room.id, one.peer, one.section.mid, *shown))

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


def _rung_of(one: Subscription, ladder: list[tuple[int, int, int]]) -> int:
    if one.is_starved or (one.line is None and one.target is None):
        return -1
    if one.limit is None:
        return len(ladder) - 1
    return next((n for n, rung in enumerate(ladder) if rung[:2] == one.limit), len(ladder) - 1)
