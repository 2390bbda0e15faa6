"""What a feed has told its recorder, and what it takes out of a relay's packets."""

import hashlib
from dataclasses import dataclass, field

from app.core.ids import LectureId, PeerId, RoomId
from app.recording.container import format_of
from app.recording.model import FaultReason
from app.relay.core import red
from app.relay.core.media import Codec
from app.relay.core.rtp import Packet
from app.relay.core.track import ClockReport, Track


@dataclass(slots=True)
class Told:
    """A track that the recorder knows."""

    number: int
    peer: PeerId
    ssrc: int
    clock: ClockReport | None = None


@dataclass(slots=True)
class Session:
    """One lecture, as its relay records it."""

    number: int
    room: RoomId
    lecture: LectureId
    offset: float
    """Lecture time less monotonic time, in seconds."""
    told: dict[tuple[Track, str], Told] = field(default_factory=dict)
    """By track and codec."""
    fault: FaultReason | None = None


def payload_of(track: Track, packet: Packet) -> tuple[Codec, memoryview] | None:
    """Return what a packet carries, RED's primary block taken out; None for what is not kept."""
    codec = track.codecs.get(packet.payload_type)
    payload = packet.data[packet.payload : packet.end]
    if codec is not None and codec.key == "red":
        block = red.primary(payload)
        if block is None:
            return None
        codec, payload = track.codecs.get(block[0]), block[1]
    if codec is None or not payload or format_of(codec.key) is None:
        return None
    return codec, payload


def speaker_name(peer: PeerId) -> str:
    """Return a name for a speaker: its peer's id is a secret."""
    return "speaker-" + hashlib.blake2b(peer.encode(), digest_size=4).hexdigest()
