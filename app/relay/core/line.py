"""One outgoing stream: a track in one form, up to one temporal layer, shared by its subscribers.

A line follows one track. A subscriber that goes over to another line (a layer, a speaker, a
reloaded presenter) takes its own numbers along: they run on, as a ``Variant`` of the new line's.
"""

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from app.relay.core import vp8
from app.relay.core.audience import Audience
from app.relay.core.batch import CAPACITY, STRIDE
from app.relay.core.catchup import Past, send_past
from app.relay.core.form import Dress, Form
from app.relay.core.numbering import Numbering, Position
from app.relay.core.ring import AUDIO_SLOTS, VIDEO_SLOTS, Ring
from app.relay.core.rtcp import sender_report, source_description
from app.relay.core.rtp import PADDED, Packet
from app.relay.core.sink import Sink
from app.relay.core.tools import Tools
from app.relay.core.track import Track
from app.relay.core.wish import SLIDES

WRAP_MARGIN = 1024
"""Sequence numbers before the wrap where nobody may begin: were a newcomer's packets up to the
wrap all lost (say, because its DTLS was not quite done), its rollover counter would be 0 where
ours is 1, and it could never open another packet (RFC 3711 §3.3.1)."""

CNAME = "lectern"
"""One name for all lines of a peer's tracks: clocks of reports keep them in step."""


class Subscriber(Protocol):
    """A subscription, as the line that it is on, or waits for, sees it."""

    sink: Sink
    line: "Line | None"

    @property
    def is_new(self) -> bool: ...
    def expected(self, track: Track, packet: Packet, now: float) -> Position | None: ...
    def enter(self, line: "Line", place: Position, packet: Packet, now: float) -> None: ...
    def come(self, line: "Line", place: Position) -> None: ...
    def stop_waiting(self) -> None: ...


class Line:
    """A rewritten stream. Its first subscriber's numbers are its own: most need no patch."""

    def __init__(self, form: Form, track: Track, temporal: int, tools: Tools) -> None:
        self.form = form
        self.track = track
        self.temporal = temporal
        self.is_video = form.kind == "video"
        self.serial = tools.log.serial()
        self.audience = Audience()
        self.waiting: list[Subscriber] = []
        """Newcomers until a packet at which a decoder can begin or change over."""
        self.ring = Ring(VIDEO_SLOTS if self.is_video else AUDIO_SLOTS)
        self.next_index = 0
        """One past the highest index given out."""
        self.last_timestamp, self.last_picture, self.last_tl0 = 0, -1, -1
        """Of the highest packet, in this line's numbers; -1 for none."""
        self.last_time = 0.0
        self.payload_bytes = 0
        self.reports: deque[tuple[int, float]] = deque(maxlen=4)
        """(middle bits of the NTP time, when sent) of the last sender reports."""
        self._tools = tools
        self._dress = Dress(form, track, tools.log, self.serial)
        self.highest = -1
        """The track's highest index so far."""
        self.stamp = -1
        """Of the packet with that index, as the track has it."""
        self._slide = -1
        """The timestamp of the last keyframe, where this is a slide show."""
        self._numbers = Numbering()
        self._past = Past()

    # Subscribers -----------------------------------------------------------------------------

    def leave(self, subscription: Subscriber) -> None:
        if subscription in self.waiting:
            self.waiting.remove(subscription)
        self.audience.remove({subscription.sink})

    @property
    def is_empty(self) -> bool:
        return not self.audience and not self.waiting

    @property
    def has_waiting(self) -> bool:
        return bool(self.waiting)

    @property
    def needs_keyframe(self) -> bool:
        """True while somebody waits for one: not those who have this track in another line, since
        temporal layers have switching points of their own."""
        return self.is_video and any(
            one.line is None or one.line.track is not self.track or one.line.temporal == SLIDES
            for one in self.waiting
        )

    # Packets ---------------------------------------------------------------------------------

    def forward(self, now: float) -> None:
        """Rewrite and send the track's pending packets."""
        if not self.waiting and not self.audience:
            return
        numbers = self._numbers
        for packet in self.track.pending:
            if self.waiting:
                self._admit(packet, now)
            if numbers.floor < 0:
                continue
            if packet.index < numbers.floor:
                self._tools.counters.dropped_late += 1
                continue
            if packet.temporal > self.temporal and not self._is_slide(packet):
                self._tools.counters.temporal_dropped += 1
                if packet.index > self.highest:
                    self.highest = packet.index
                    self.stamp = packet.timestamp
                    numbers.leave_out(packet)
                continue
            self._append(packet, now)
            if self._tools.batch.count == CAPACITY:
                self._flush()
        self._flush()

    def _is_slide(self, packet: Packet) -> bool:
        """Tell whether a packet is of a keyframe, which is all that a slide show has."""
        if packet.keyframe:
            self._slide = packet.timestamp
        return self.temporal == SLIDES and packet.timestamp == self._slide

    def _admit(self, packet: Packet, now: float) -> None:
        ready = [one for one in self.waiting if self._may_begin(one, packet)]
        if not ready:
            return
        self._flush()
        if self._numbers.floor < 0:
            self.next_index = self._numbers.begin(
                packet, ready[0].expected(self.track, packet, now)
            )
            self.highest = packet.index - 1
        place = self._numbers.place(packet)
        counters = self._tools.counters
        if any(one.line is not None for one in ready):
            counters.lines_spliced += 1
        for one in ready:
            if one.line is not None and one.line.track.section is self.track.section:
                counters.layer_switches += 1
            one.enter(self, place, packet, now)
            self.audience.add(one.sink)
        self.waiting = [one for one in self.waiting if one.line is not self]
        self.report([one.sink for one in ready], now)

    def _may_begin(self, one: Subscriber, packet: Packet) -> bool:
        held = one.line
        if held is not None and held.track is self.track:
            return packet is self.track.pending[0] and self._may_change(held, packet)
        if not self.is_video or packet.keyframe:
            return self._numbers.floor < 0 or packet.index >= self._numbers.floor
        return False

    def _may_change(self, held: "Line", packet: Packet) -> bool:
        """Tell whether one may come here from ``held``, which is of the same track.

        It must have sent all before this packet, and nothing of this packet's frame.
        """
        if packet.timestamp == held.stamp or packet.index <= held.highest:
            return False
        if packet.keyframe or self.temporal < held.temporal:
            return True
        # From slides there is nothing that a frame could refer to.
        is_shown = held.temporal != SLIDES
        return packet.is_sync and is_shown and held.temporal < packet.temporal <= self.temporal

    def catch_up(self, one: Subscriber, now: float) -> bool:
        """Let a newcomer begin at the last keyframe, if that is recent, with what followed it."""
        if not one.is_new or not self.audience:
            return False  # with nobody here for a while the ring has a hole
        kept = self._past.since_keyframe(self.ring, self.next_index, now)
        place = self._past.keyframe
        if not kept or place is None:
            return False
        one.stop_waiting()
        one.come(self, place)
        self.audience.add(one.sink)
        self.report([one.sink], now)
        send_past(kept, one.sink, self._tools)
        return True

    def _append(self, packet: Packet, now: float) -> None:
        payload_type, payload = self._dress.payload(packet)
        if payload_type is None or payload is None:
            self._tools.counters.codec_mismatch += 1
            return
        numbers = self._numbers
        offset, left_out = numbers.offset(packet.index)
        index = packet.index + offset
        timestamp = packet.timestamp + numbers.timestamp & 0xFFFFFFFF
        # A packet that is nothing but padding (a probe) stays one: it keeps the numbers whole.
        padding = 0 if packet.end > packet.payload else len(packet.data) - packet.end
        padded = PADDED if padding else 0
        header = self._dress.header(packet, payload_type, padded, index, timestamp, now)
        if not self._tools.batch.append(header, payload, padding, index, timestamp):
            self._tools.counters.dropped_oversize += 1
            return
        self.payload_bytes += len(payload)
        if index >= self.next_index:
            self.next_index = index + 1
            self.highest = packet.index
            self.stamp = packet.timestamp
            self.last_time = now
            self.last_timestamp = timestamp
            self.last_picture = self.last_tl0 = -1
        if packet.picture_at:
            self._renumber(packet, index, len(header), left_out)
        if packet.keyframe:
            self._past.begin(numbers.place(packet), now)

    def _renumber(self, packet: Packet, index: int, header: int, left_out: int) -> None:
        """Note where the last packet's VP8 numbers stand, and bring them into line."""
        batch, numbers = self._tools.batch, self._numbers
        slot = batch.count - 1
        start = batch.offsets[slot]
        by = numbers.picture - left_out
        at = batch.pictures[slot] = packet.picture_at + header
        if by:
            vp8.move_picture(batch.view[start : start + STRIDE], at, by)
        tl0 = -1
        if packet.tl0_at:
            tl0 = packet.tl0 + numbers.tl0 & 0xFF
            batch.tl0s[slot] = packet.tl0_at + header
            batch.buffer[start + header + packet.tl0_at] = tl0
        if index == self.next_index - 1:
            self.last_picture = packet.picture + by & 0x7FFF
            self.last_tl0 = tl0

    def _flush(self) -> None:
        batch = self._tools.batch
        if batch.count:
            try:
                self._tools.sender.seal_and_send(batch, self.audience)
            finally:
                self.ring.put(batch)
                batch.count = 0

    # Time ------------------------------------------------------------------------------------

    def timestamp_at(self, track: Track, packet: Packet, now: float) -> int:
        """Return this line's timestamp at the moment when ``track``'s packet was captured.

        By the publisher's clock where both tracks have reported it, else by arrival; always
        after the last one sent.
        """
        last = self.last_timestamp
        elapsed = max(0.0, now - self.last_time)
        mine, other = self.track.clock, track.clock
        if mine and other and track.peer == self.track.peer:
            seconds = (other.ntp - mine.ntp) / (1 << 32)
            since = (packet.timestamp - other.timestamp + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            step = int(seconds * track.clock_rate) + since
            stamp = mine.timestamp + step + self._numbers.timestamp & 0xFFFFFFFF
            ahead = (stamp - last + 0x80000000 & 0xFFFFFFFF) - 0x80000000
            if 0 < ahead < (elapsed + 1) * track.clock_rate:
                return stamp
        return last + max(1, int(elapsed * track.clock_rate)) & 0xFFFFFFFF

    def report_all(self, now: float) -> None:
        """``report`` to everybody on the line."""
        self.report(self.audience.sinks(), now)

    def report(self, sinks: Sequence[Sink], now: float) -> None:
        """Send ``sinks`` the track's last sender report in this line's numbers, for lip sync.

        The publisher's own clock is passed on, so that its tracks stay in step with each other.
        """
        clock = self.track.clock
        if clock is None or self._numbers.floor < 0:
            return
        ssrc = self.form.ssrc
        self.reports.append((clock.ntp >> 16 & 0xFFFFFFFF, now))
        base = clock.timestamp + self._numbers.timestamp
        names = source_description(ssrc, CNAME)
        for sink in sinks:
            stamp = base + sink.variant.timestamp & 0xFFFFFFFF
            octets = self.payload_bytes + sink.octets
            packet = sender_report(ssrc, clock.ntp, stamp, sink.packets, octets) + names
            self._tools.sender.send_control(sink.sender.seal_rtcp(packet), sink.address)
