"""What a relay answers to the commands of ``messages``: a closed union, as JSON."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from app.core.ids import PeerId
from app.relay.messages import Message, Source

RELAY_FULL = "this relay is full"
"""Why a relay refuses one more peer: another one may take it."""


class Candidate(Message):
    """One ICE candidate in the browser's own shape (RTCIceCandidateInit)."""

    candidate: str
    sdpMid: str  # noqa: N815 (the browser's spelling)
    sdpMLineIndex: int  # noqa: N815


class PeerOpened(Message):
    op: Literal["opened"] = "opened"
    sdp: str
    """The answer, with the relay's candidates inside."""
    candidates: list[Candidate]
    """The same candidates, for clients that wait for them as events."""


class PipeOpened(Message):
    """As ``OpenPipe``, of the relay that was asked."""

    op: Literal["pipe_opened"] = "pipe_opened"
    hosts: list[str] = Field(min_length=1, max_length=8)
    port: int = Field(ge=1, le=65_535)
    ssrc: int = Field(ge=1, le=0xFFFFFFFF)
    key: str
    salt: str


class IceRestarted(Message):
    op: Literal["ice_restarted"] = "ice_restarted"
    ufrag: str
    password: str
    candidates: list[Candidate]


class PeersSeen(Message):
    op: Literal["seen"] = "seen"
    peers: list[PeerId]


class Done(Message):
    op: Literal["done"] = "done"


class TrackDescribed(Message):
    source: Source
    codec: str
    packets: int
    bytes: int
    active: bool
    """A packet came in the last two seconds."""


class RoomDescribed(Message):
    op: Literal["room"] = "room"
    participants: int
    connected: int
    tracks: list[TrackDescribed]
    packets_forwarded: int


class TrackFigures(Message):
    """One stream that somebody publishes (``core.stats.TrackStats``)."""

    source: Source
    rid: str
    codec: str
    ssrc: int
    packets: int
    bytes: int
    lost: int
    recovered: int
    nacks_sent: int
    jitter_seconds: float
    bitrate_bps: int
    keyframes: int
    width: int
    height: int
    active: bool
    muted: bool


class SectionFigures(Message):
    """One section that a subscriber receives by (``core.stats.SectionStats``)."""

    mid: str
    kind: Literal["audio", "video"]
    owner: PeerId | None
    source: Source | None
    layer: int
    temporal: int
    paused: bool
    packets: int
    bytes: int
    repeated: int
    repeated_bytes: int
    nacked: int
    lost: int
    fraction_lost: float
    jitter_seconds: float
    keyframe_requests: int
    freezes: int


class PeerFigures(Message):
    """One peer (``core.stats.PeerStats``)."""

    peer: PeerId
    role: Literal["presenter", "speaker", "participant"]
    connected: bool
    rtt_seconds: float | None
    estimate_bps: int | None
    received: list[TrackFigures]
    sent: list[SectionFigures]
    padding_bytes: int


class RoomMeasured(Message):
    op: Literal["measured"] = "measured"
    peers: list[PeerFigures]
    """Of the first hundreds of peers; see ``left_out``."""
    left_out: int


class RelayCounted(Message):
    op: Literal["counted"] = "counted"
    figures: dict[str, int]
    """Gauges and counters by name (``RelayService.figures``), some with labels: ``a{b="c"}``."""


class Refused(Message):
    """``code`` is one of core.errors; the caller raises that error again."""

    op: Literal["refused"] = "refused"
    code: str
    message: str


Answer = Annotated[
    PeerOpened
    | PipeOpened
    | IceRestarted
    | PeersSeen
    | Done
    | RoomDescribed
    | RoomMeasured
    | RelayCounted
    | Refused,
    Field(discriminator="op"),
]

ANSWERS: TypeAdapter[Answer] = TypeAdapter(Answer)
