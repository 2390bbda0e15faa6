"""What a relay tells its recorder, and what the recorder answers: messages on a socket pair.

One message is one datagram of a SOCK_SEQPACKET pair, in order or, when the recorder does not keep
up, dropped whole and counted by the sender. The first byte says what it is; numbers are big-endian.
Packets are binary, for there are hundreds a second; everything else is JSON.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.core.ids import LectureId
from app.relay.core.media import Kind, SourceName

PACKETS = 0x50
"""First byte of a ``PACKETS`` message; JSON begins with ``{``."""
MAX_MESSAGE = 48 * 1024
"""Bytes of one message; a batch that is larger goes in several."""

_HEAD = struct.Struct("!BId")
"""Kind, track, when they arrived (the machine's monotonic clock, which both processes share)."""
_PACKET = struct.Struct("!QIBH")
"""48-bit index, timestamp, flags, bytes of the payload that follows."""
_MARKER, _KEYFRAME = 1, 2


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Begin(_Message):
    """Record a lecture from now on. ``elapsed``: seconds since its start at the moment ``at``."""

    op: Literal["begin"] = "begin"
    session: int
    lecture: LectureId
    elapsed: float
    at: float


class End(_Message):
    """Close the session's files; the relay's moment ``at`` is their end."""

    op: Literal["end"] = "end"
    session: int
    at: float


class Passed(_Message):
    """Everything that arrived before ``at`` was sent: what is not there by a while later never
    came. Said twice a second, in the stream, so that a recorder that was held up draws no false
    conclusion from what still waits for it."""

    op: Literal["passed"] = "passed"
    at: float


class Announce(_Message):
    """A track: one SSRC of one source of one publisher in one codec. Its packets follow."""

    op: Literal["track"] = "track"
    session: int
    track: int
    publisher: str
    """``presenter``, or a name for a speaker that tells nothing of who it is."""
    source: SourceName
    kind: Kind
    codec: str
    """``Codec.key``."""
    clock_rate: int


class ClockPair(_Message):
    """A sender report: the publisher's clock as 64-bit NTP, and the RTP time of that moment."""

    op: Literal["clock"] = "clock"
    track: int
    ntp: int
    timestamp: int


class Retired(_Message):
    """The track's publisher is gone or sends it no more."""

    op: Literal["retired"] = "retired"
    track: int


class KeyframeWanted(_Message):
    """From the recorder: a video track cannot go on without a keyframe."""

    op: Literal["keyframe"] = "keyframe"
    track: int


class Faulty(_Message):
    """From the recorder: a session's files cannot be written, or can again (``reason`` None)."""

    op: Literal["faulty"] = "faulty"
    session: int
    reason: Literal["disk_full", "write_failed"] | None


class Counted(_Message):
    """From the recorder, about once a second: its counters, which only grow, and gauges."""

    op: Literal["counted"] = "counted"
    bytes_written: int = 0
    files_open: int = 0
    segments_pending: int = 0
    """Closed, and not in the storage yet."""
    messages_dropped: int = 0
    """By the recorder's own full queue: a burst of packets each."""
    packets_late: int = 0
    frames_dropped: int = 0
    failures: int = 0


ToRecorder = Annotated[
    Begin | End | Passed | Announce | ClockPair | Retired, Field(discriminator="op")
]
FromRecorder = Annotated[KeyframeWanted | Faulty | Counted, Field(discriminator="op")]
TO_RECORDER: TypeAdapter[ToRecorder] = TypeAdapter(ToRecorder)
FROM_RECORDER: TypeAdapter[FromRecorder] = TypeAdapter(FromRecorder)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One packet's payload."""

    index: int
    """Sequence number with its rollovers."""
    timestamp: int
    marker: bool
    keyframe: bool
    """The first packet of a frame that a decoder can begin with."""
    payload: bytes


def packets_head(track: int, at: float) -> bytes:
    """Return how a message of packets of ``track`` begins."""
    return _HEAD.pack(PACKETS, track, at)


def packet_entry(
    index: int, timestamp: int, marker: bool, keyframe: bool, payload: memoryview | bytes
) -> bytes:
    """Return one packet as it stands in a message."""
    flags = (_MARKER if marker else 0) | (_KEYFRAME if keyframe else 0)
    return _PACKET.pack(index, timestamp, flags, len(payload)) + bytes(payload)


def read_packets(message: bytes) -> tuple[int, float, Iterator[Arrival]]:
    """Return (track, when they arrived, the packets) of a message of packets.

    Raises ValueError for one that is cut short.
    """
    if len(message) < _HEAD.size:
        raise ValueError("a message of packets has no head")
    _, track, at = _HEAD.unpack_from(message)
    return track, at, _arrivals(message)


def _arrivals(message: bytes) -> Iterator[Arrival]:
    position = _HEAD.size
    while position < len(message):
        if position + _PACKET.size > len(message):
            raise ValueError("a packet is cut short")
        index, timestamp, flags, size = _PACKET.unpack_from(message, position)
        position += _PACKET.size
        payload = message[position : position + size]
        if len(payload) < size:
            raise ValueError("a packet is cut short")
        position += size
        yield Arrival(index, timestamp, bool(flags & _MARKER), bool(flags & _KEYFRAME), payload)
