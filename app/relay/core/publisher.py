"""The sending side of one peer: which of its packets belong to which track."""

from app.core.ids import PeerId
from app.relay.core.counters import Counters
from app.relay.core.media import MediaPlan, Section, SourceName
from app.relay.core.rtp import (
    MID_URI,
    REPAIRED_RID_URI,
    RID_URI,
    TRANSPORT_WIDE_URI,
    Layouts,
    Packet,
    elements,
)
from app.relay.core.stream import Stream
from app.relay.core.track import Track

MAX_TRACKS = 32
"""SSRCs of one publisher that are told apart; further ones are dropped."""

_DEFAULT_SOURCE: dict[str, SourceName] = {"audio": "microphone", "video": "camera"}


class Publisher:
    """Tracks by SSRC, streams by section. Without simulcast a stream follows its newest SSRC."""

    def __init__(
        self, peer: PeerId, plan: MediaPlan, counters: Counters,
        allowed: frozenset[SourceName] | None = None,
    ) -> None:  # fmt: skip
        """``allowed``: the sources that may reach others; None is all."""
        self._peer = peer
        self._counters = counters
        self._allowed = allowed
        self._tracks: dict[int, tuple[Stream, Track]] = {}
        """By SSRC."""
        self._repeats: dict[int, int] = {}
        """RTX SSRC → media SSRC."""
        self._sections: tuple[Section, ...] = ()
        self.streams: dict[str, Stream] = {}
        """By mid."""
        self.transport_id = 0
        """Of the transport-wide header extension, where its feedback was agreed."""
        self.layouts = Layouts()
        self.extend(plan)

    def extend(self, plan: MediaPlan) -> None:
        """Take in sections that are new."""
        known = set(self.streams)
        self._sections = tuple(s for s in plan.sections if s.direction == "receive")
        for section in self._sections:
            if section.mid in known:
                continue
            source = section.source or _DEFAULT_SOURCE[section.kind]
            allowed = self._allowed is None or source in self._allowed
            self.streams[section.mid] = Stream(self._peer, section, source, allowed)
            self._repeats.update({repeat: media for media, repeat in section.remote_rtx})
        self._mid_id = self._extension(MID_URI)
        self._rid_id = self._extension(RID_URI)
        self._repaired_id = self._extension(REPAIRED_RID_URI)
        has_feedback = any("transport-cc" in section.feedback for section in self._sections)
        self.transport_id = self._extension(TRANSPORT_WIDE_URI) if has_feedback else 0

    def _extension(self, uri: str) -> int:
        return next((i for s in self._sections if (i := s.extension_id(uri))), 0)

    def allow(self, sources: frozenset[SourceName]) -> None:
        """Let these sources and no others reach anybody."""
        self._allowed = sources
        for stream in self.streams.values():
            stream.is_allowed = stream.source in sources

    def stream_of(self, source: SourceName) -> Stream | None:
        for stream in self.streams.values():
            if stream.source == source:
                return stream
        return None

    @property
    def publishes(self) -> bool:
        """True if any of its sources may reach others."""
        return any(stream.is_allowed for stream in self.streams.values())

    @property
    def tracks(self) -> list[Track]:
        """Every layer of every source that sends, or did."""
        return [track for stream in self.streams.values() for track in stream.layers]

    def track_of(self, ssrc: int) -> Track | None:
        found = self._tracks.get(ssrc)
        return found[1] if found is not None else None

    def find(self, packet: Packet, now: float) -> tuple[Stream, Track] | None:
        """Return the stream and the track that ``packet`` belongs to, or None where it is dropped
        and counted.

        A repeat (RFC 4588) that was asked for is turned into the packet that it repeats.
        """
        if packet.ssrc in self._repeats:
            return self._unwrap(packet, self._tracks.get(self._repeats[packet.ssrc]))
        found = self._tracks.get(packet.ssrc)
        if found is None:
            return self._begin(packet)
        stream, track = found
        codec = track.codecs.get(packet.payload_type)
        if codec is None:
            self._counters.dropped_unknown_track += 1
            return None
        if codec.key == "rtx":
            self._counters.dropped_retransmission += 1
            return None
        if track not in stream.layers:
            current = next((t for t in stream.layers if t.rid == track.rid), None)
            if current is not None and current.is_active(now):
                self._counters.dropped_late += 1
                return None
            stream.put(track)
        return found

    def _begin(self, packet: Packet) -> tuple[Stream, Track] | None:
        section = self._section_of(packet)
        codec = None
        if section is not None:
            codec = next((c for c in section.codecs if c.payload_type == packet.payload_type), None)
        if section is None or codec is None or len(self._tracks) >= MAX_TRACKS:
            self._counters.dropped_unknown_track += 1
            return None
        if codec.key == "rtx":
            return self._begin_repeats(packet, section)
        rid = self._rid_of(packet, section)
        if rid is None:
            self._counters.dropped_unknown_track += 1
            return None
        stream = self.streams[section.mid]
        track = Track(self._peer, section, stream.source, packet.ssrc, rid)
        stream.put(track)
        found = self._tracks[packet.ssrc] = stream, track
        return found

    def _rid_of(self, packet: Packet, section: Section) -> str | None:
        """Return the simulcast stream's name, "" without simulcast, None if it has none yet."""
        if section.is_simulcast and packet.ssrc in section.remote_ssrcs:
            return str(section.remote_ssrcs.index(packet.ssrc))
        if not section.rids:
            return ""
        rid = self._text(packet, self._rid_id)
        return rid if rid in section.rids else None

    def _text(self, packet: Packet, wanted: int) -> str:
        if wanted:
            for ident, value in elements(packet):
                if ident == wanted:
                    return bytes(value).decode("ascii", "replace")
        return ""

    def _begin_repeats(self, packet: Packet, section: Section) -> tuple[Stream, Track] | None:
        """Learn which track an unannounced RTX SSRC repeats: by rid, or there is only one."""
        rid = self._text(packet, self._repaired_id) or self._text(packet, self._rid_id)
        stream = self.streams[section.mid]
        layers = stream.layers
        track = next((t for t in layers if t.rid == rid), layers[0] if len(layers) == 1 else None)
        if track is None or len(self._repeats) >= MAX_TRACKS:
            self._counters.dropped_retransmission += 1
            return None
        self._repeats[packet.ssrc] = track.ssrc
        return self._unwrap(packet, (stream, track))

    def _unwrap(
        self, packet: Packet, found: tuple[Stream, Track] | None
    ) -> tuple[Stream, Track] | None:
        """RFC 4588 §4: two bytes of original sequence number, then the original payload."""
        track = found[1] if found is not None else None
        if track is not None and track.missing is not None and packet.end - packet.payload >= 2:
            codec = track.codecs.get(packet.payload_type)
            at = packet.payload
            original = packet.data[at] << 8 | packet.data[at + 1]
            index = track.missing.index_of(original)
            if codec is not None and codec.apt in track.codecs and track.missing.wants(index):
                packet.payload_type = codec.apt
                packet.ssrc = track.ssrc
                packet.sequence = original
                packet.index = index
                packet.payload += 2
                packet.is_repeat = True
                return found
        self._counters.dropped_retransmission += 1
        return None

    def _section_of(self, packet: Packet) -> Section | None:
        """By announced SSRC, else by the mid extension, else by a payload type that only one has
        (RFC 9143 §9.2)."""
        for section in self._sections:
            if packet.ssrc in section.remote_ssrcs:
                return section
        if self._mid_id and packet.profile:
            for ident, value in elements(packet):
                if ident == self._mid_id:
                    mid = bytes(value)
                    return next((s for s in self._sections if s.mid.encode() == mid), None)
        fitting = [
            section
            for section in self._sections
            if any(codec.payload_type == packet.payload_type for codec in section.codecs)
        ]
        return fitting[0] if len(fitting) == 1 else None
