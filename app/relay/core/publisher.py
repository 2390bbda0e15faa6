"""The sending side of one presenter: which of its packets belong to which track."""

from app.core.ids import PeerId
from app.relay.core.counters import Counters
from app.relay.core.media import MediaPlan, Section, SourceName
from app.relay.core.rtp import MID_URI, Packet, elements
from app.relay.core.track import Track

MAX_TRACKS = 32
"""SSRCs of one presenter that are told apart; further ones are dropped."""

_DEFAULT_SOURCE: dict[str, SourceName] = {"audio": "microphone", "video": "camera"}


class Publisher:
    """Tracks by SSRC. Each section has one current track: the newest that appeared in it."""

    def __init__(self, peer: PeerId, plan: MediaPlan, counters: Counters) -> None:
        self._peer = peer
        self._counters = counters
        self._sections = tuple(s for s in plan.sections if s.direction == "receive")
        self._tracks: dict[int, Track] = {}
        self._current: dict[str, Track] = {}
        self._mid_id = next((i for s in self._sections if (i := s.extension_id(MID_URI))), 0)

    @property
    def tracks(self) -> dict[SourceName, Track]:
        """The current track of each source."""
        return {track.source: track for track in self._current.values()}

    @property
    def bitrate_sections(self) -> set[str]:
        """Mids of the sections whose sender wants REMB."""
        return {section.mid for section in self._sections if "goog-remb" in section.feedback}

    def track_of(self, ssrc: int) -> Track | None:
        return self._tracks.get(ssrc)

    def find(self, packet: Packet, now: float) -> Track | None:
        """Return the track that ``packet`` belongs to, or None where it is dropped and counted."""
        track = self._tracks.get(packet.ssrc)
        if track is None:
            return self._begin(packet)
        codec = track.codecs.get(packet.payload_type)
        if codec is None:
            self._counters.dropped_unknown_track += 1
            return None
        if codec.key == "rtx":
            self._counters.dropped_retransmission += 1
            return None
        current = self._current[track.section.mid]
        if track is not current:
            if current.is_active(now):
                self._counters.dropped_late += 1
                return None
            self._current[track.section.mid] = track
        return track

    def _begin(self, packet: Packet) -> Track | None:
        section = self._section_of(packet)
        codec = None
        if section is not None:
            codec = next((c for c in section.codecs if c.payload_type == packet.payload_type), None)
        if section is None or codec is None or len(self._tracks) >= MAX_TRACKS:
            self._counters.dropped_unknown_track += 1
            return None
        if codec.key == "rtx":
            self._counters.dropped_retransmission += 1
            return None
        source = section.source or _DEFAULT_SOURCE[section.kind]
        track = Track(self._peer, section, source, packet.ssrc)
        self._tracks[packet.ssrc] = track
        self._current[section.mid] = track
        return track

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
