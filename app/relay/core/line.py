"""One outgoing stream, shared by all subscribers who negotiated the same for it.

Whatever track feeds the line, its SSRC, sequence numbers and timestamps run on: a new feed is
spliced in behind the highest packet sent so far, video at a keyframe. So one line index is never
given to two packets, which is what AES-GCM needs; subscribers only differ in where they began.
"""

import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from app.relay.core.batch import CAPACITY, Batch
from app.relay.core.burst import BurstSender
from app.relay.core.counters import Counters
from app.relay.core.media import Kind, Section, SourceName
from app.relay.core.red import primary, renamed
from app.relay.core.rtcp import sender_report, source_description
from app.relay.core.rtp import (
    ABS_SEND_TIME_URI,
    HOP_BY_HOP_URIS,
    Packet,
    elements,
    pack_elements,
)
from app.relay.core.sink import Sink
from app.relay.core.track import Track

WRAP_MARGIN = 1024
"""Sequence numbers before the wrap where nobody may begin: were a newcomer's packets up to the
wrap all lost (say, because its DTLS was not quite done), its rollover counter would be 0 where
ours is 1, and it could never open another packet (RFC 3711 §3.3.1)."""

CNAME = "lectern"
"""One name for all lines: they come from one presenter at a time, and are synchronised by it."""

_START_BELOW = 1 << 14
_FIXED = struct.Struct("!BBHII")


@dataclass(frozen=True, slots=True)
class LineKey:
    """What subscribers must agree in to share a line."""

    kind: Kind
    source: SourceName | None
    ssrc: int
    codecs: tuple[tuple[str, int], ...]
    extensions: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, section: Section) -> "LineKey":
        return cls(
            section.kind,
            section.source,
            section.ssrc,
            tuple(sorted((c.key, c.payload_type) for c in section.codecs if c.key != "rtx")),
            tuple(item for item in section.extensions if item[0] not in HOP_BY_HOP_URIS),
        )


class Line:
    """A rewritten stream. ``target`` is the track to feed it, ``feed`` the one that does."""

    def __init__(self, key: LineKey, sender: BurstSender, counters: Counters, batch: Batch) -> None:
        self.key = key
        self.is_video = key.kind == "video"
        self.sinks: list[Sink] = []
        self.waiting: list[Sink] = []
        """Newcomers until the line's next keyframe (or next packet of audio)."""
        self.target: Track | None = None
        self.feed: Track | None = None
        self.asked: Track | None = None
        """The last target that was asked for a keyframe to change over at."""
        self.next_index = secrets.randbelow(_START_BELOW)
        """One past the highest index given out."""
        self.packets = 0
        self.payload_bytes = 0
        self._sender = sender
        self._counters = counters
        self._batch = batch
        self._payload_types: dict[str, int] = {}
        for name, payload_type in key.codecs:
            self._payload_types.setdefault(name, payload_type)
        self._index_offset = 0
        self._floor = 0
        """The lowest index of the feed that still belongs to it here."""
        self._timestamp_offset = 0
        self._last_timestamp = secrets.randbits(32)
        self._last_time: float | None = None
        self._types: dict[int, int] = {}
        """The feed's payload types → ours; a type that is missing cannot be carried."""
        self._red_types: frozenset[int] = frozenset()
        self._extensions: dict[int, int] = {}
        self._send_time_id = 0

    # Subscribers -----------------------------------------------------------------------------

    def join(self, sink: Sink) -> None:
        """Let ``sink`` in at the next point where a decoder can begin."""
        self.waiting.append(sink)

    def leave(self, sink: Sink) -> None:
        if sink in self.sinks:
            self.sinks.remove(sink)
        if sink in self.waiting:
            self.waiting.remove(sink)

    @property
    def is_empty(self) -> bool:
        return not self.sinks and not self.waiting

    @property
    def is_near_wrap(self) -> bool:
        """True where a newcomer must not begin (see ``WRAP_MARGIN``)."""
        return self.next_index & 0xFFFF >= 0x10000 - WRAP_MARGIN

    @property
    def needs_keyframe(self) -> bool:
        """True while somebody or the line itself waits for one."""
        return self.is_video and (bool(self.waiting) or self.target is not self.feed)

    # Packets ---------------------------------------------------------------------------------

    def forward(self, track: Track, now: float) -> None:
        """Rewrite and send ``track``'s pending packets as far as they belong to this line."""
        for packet in track.pending:
            if track is not self.feed and not self._may_splice(track, packet, now):
                continue
            if packet.index < self._floor:
                self._counters.dropped_late += 1
                continue
            if self.waiting and (packet.keyframe or not self.is_video):
                self._admit(packet.index + self._index_offset)
            self._append(packet, now)
            if self._batch.count == CAPACITY:
                self._flush()
        self._flush()

    def _may_splice(self, track: Track, packet: Packet, now: float) -> bool:
        if track is not self.target or (self.is_video and not packet.keyframe):
            return False
        self._splice(track, packet, now)
        return True

    def _splice(self, track: Track, packet: Packet, now: float) -> None:
        """Continue with ``track`` from ``packet`` on, directly behind what was sent."""
        self._flush()
        if self.feed is not None:
            self._counters.lines_spliced += 1
        self.feed = track
        self._floor = packet.index
        self._index_offset = self.next_index - packet.index
        elapsed = 0.0 if self._last_time is None else max(0.0, now - self._last_time)
        step = max(1, int(elapsed * track.clock_rate))
        timestamp = self._last_timestamp + step
        self._timestamp_offset = (timestamp - packet.timestamp) & 0xFFFFFFFF
        self._map_types(track)
        self._map_extensions(track)

    def _map_types(self, track: Track) -> None:
        ours = self._payload_types
        self._types = {
            payload_type: ours[codec.key]
            for payload_type, codec in track.codecs.items()
            if codec.key in ours and codec.key != "rtx"
        }
        self._red_types = frozenset(
            payload_type for payload_type, codec in track.codecs.items() if codec.key == "red"
        )

    def _map_extensions(self, track: Track) -> None:
        ours = dict(self.key.extensions)
        self._extensions = {
            ident: ours[uri] for uri, ident in track.section.extensions if uri in ours
        }
        self._send_time_id = ours.get(ABS_SEND_TIME_URI, 0)

    def _admit(self, index: int) -> None:
        self._flush()
        for sink in self.waiting:
            sink.begin(index)
        self.report(self.waiting)
        self.sinks.extend(self.waiting)
        self.waiting.clear()

    def _append(self, packet: Packet, now: float) -> None:
        payload_type = self._types.get(packet.payload_type)
        payload: memoryview | None = packet.data[packet.payload : packet.end]
        if packet.payload_type in self._red_types and payload:
            payload_type, payload = self._carry_red(payload_type, payload)
        if payload_type is None or payload is None:
            self._counters.codec_mismatch += 1
            return
        index = packet.index + self._index_offset
        timestamp = packet.timestamp + self._timestamp_offset & 0xFFFFFFFF
        block = self._extension_block(packet, now) if packet.profile else b""
        # A packet that is nothing but padding (a probe) stays one: it keeps the numbers whole.
        padding = 0 if packet.end > packet.payload else len(packet.data) - packet.end
        first = 0x80 | (0x10 if block else 0) | (0x20 if padding else 0)
        second = payload_type | (0x80 if packet.marker else 0)
        header = _FIXED.pack(first, second, index & 0xFFFF, timestamp, self.key.ssrc) + block
        if not self._batch.append(header, payload, padding, index, timestamp):
            self._counters.dropped_oversize += 1
            return
        self.packets += 1
        self.payload_bytes += len(payload)
        if index >= self.next_index:
            self.next_index = index + 1
            self._last_timestamp = timestamp
            self._last_time = now

    def _carry_red(
        self, payload_type: int | None, payload: memoryview
    ) -> tuple[int | None, memoryview | None]:
        """Rename RED's inner types, or give only the primary to those without RED."""
        if payload_type is not None:
            return payload_type, renamed(payload, self._types)
        block = primary(payload)
        if block is None:
            return None, None
        return self._types.get(block[0]), block[1]

    def _extension_block(self, packet: Packet, now: float) -> bytes:
        mapped = self._extensions
        values: list[tuple[int, bytes | memoryview]] = []
        for ident, value in elements(packet):
            ours = mapped.get(ident)
            if ours is None:
                continue
            if ours == self._send_time_id:
                # 6.18 fixed point seconds: when it leaves here, not when it left the presenter.
                values.append((ours, (int(now * (1 << 18)) & 0xFFFFFF).to_bytes(3, "big")))
            else:
                values.append((ours, value))
        return pack_elements(values) if values else b""

    def _flush(self) -> None:
        if self._batch.count:
            self._sender.seal_and_send(self._batch, self.sinks)
            self._batch.count = 0

    def report(self, sinks: Sequence[Sink]) -> None:
        """Send ``sinks`` the feed's last sender report in this line's numbers, for lip sync.

        The presenter's own clock is passed on, so that its tracks stay in step with each other.
        """
        clock = self.feed.clock if self.feed else None
        if clock is None:
            return
        timestamp = clock.timestamp + self._timestamp_offset & 0xFFFFFFFF
        ssrc = self.key.ssrc
        packet = sender_report(ssrc, clock.ntp, timestamp, self.packets, self.payload_bytes)
        packet += source_description(ssrc, CNAME)
        for sink in sinks:
            self._sender.send_control(sink.sender.seal_rtcp(packet), sink.address)
