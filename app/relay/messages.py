"""Commands that an api process sends to a relay: a closed union, as JSON. ``answers`` has the rest.

A command travels in an envelope of ``cluster.commands`` (request id, deadline, one answer).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.core.ids import NodeId, PeerId, RoomId

Scheme = Literal[
    "notify", "notify-break", "notify-break-recover", "notify-slideshow", "notify-stop-feedback"
]
"""What happens, beside an alert, to a section that gets less than it needs (``core.wish``)."""

Source = Literal["microphone", "camera", "screen"]
"""Where a presenter's track comes from; a participant's section asks for one."""

MediaKind = Literal["audio", "video"]


class Message(BaseModel):
    """What all of them have in common, and the answers (``answers``)."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenPeer(Message):
    """Answer an offer. A known ``peer`` restarts its ICE; a new presenter replaces the old one."""

    op: Literal["open"] = "open"
    room: RoomId
    peer: PeerId
    role: Literal["presenter", "speaker", "participant"]
    """``speaker``: an invited participant's own peer connection that only sends, beside the one
    that it listens by; its offer is read as a presenter's."""
    sdp: str
    sources: dict[str, Source] = Field(default_factory=dict)
    """mid → source, where the client says so; otherwise by kind and order of the sections."""
    epoch: int = 0
    """Of a presenter: an older epoch than the room's current one is refused as stale."""
    publish: list[Source] | None = None
    """Of one who sends: the sources that may reach others; None is all (``Permit``)."""
    hear: list[MediaKind] | None = None
    """The kinds of media that it may receive; None is all (``Permit``)."""
    idle: bool = False
    """Of a presenter: answer every section as inactive, and leave the room's media to whoever
    presents it now (a WHIP session: docs/decisions/0050)."""
    waits: bool = False
    """Of a presenter: answer as ever, and let it be heard once the WHIP session is over."""
    beside: bool = False
    """Of a WHIP session: whom it replaces waits, instead of being closed."""


class RestartIce(Message):
    """New credentials for a peer without an offer (RFC 9725 §4.3.3). Answered by
    ``IceRestarted``; refused as ``not_found`` where the peer is gone."""

    op: Literal["restart_ice"] = "restart_ice"
    room: RoomId
    peer: PeerId
    ufrag: str
    password: str


class SeePeers(Message):
    """Ask which of these peers are here, connected or still connecting: ``PeersSeen``."""

    op: Literal["see"] = "see"
    room: RoomId
    peers: list[PeerId]


class Publish(Message):
    """Say which sources of a peer may reach others, from now on; none takes everything back."""

    op: Literal["publish"] = "publish"
    room: RoomId
    peer: PeerId
    sources: list[Source]


class Permit(Message):
    """Say what one peer may send and receive from now on, whatever it asks for; None leaves that
    as it is. Its answer stays: what is given back flows again without an offer. Refused as
    ``not_found`` where the peer is gone. What a participant's peer sends stays unheard."""

    op: Literal["permit"] = "permit"
    room: RoomId
    peer: PeerId
    publish: list[Source] | None = None
    hear: list[MediaKind] | None = None


class MuteTrack(Message):
    """Stop or resume one source for everybody. ``peer`` None: whoever presents."""

    op: Literal["mute"] = "mute"
    room: RoomId
    peer: PeerId | None
    source: Source
    by: Literal["owner", "presenter"]
    on: bool


class PauseSection(Message):
    """Stop or resume one section for its subscriber alone."""

    op: Literal["pause"] = "pause"
    room: RoomId
    peer: PeerId
    mid: str
    on: bool


class PreferSection(Message):
    """Bound what one subscriber's video section gets; None is no bound (``core.wish.Wish``)."""

    op: Literal["prefer"] = "prefer"
    room: RoomId
    peer: PeerId
    mid: str
    height: int | None = None
    width: int | None = None
    fps: int | None = None
    layer: int | None = None
    temporal: int | None = None
    max_bps: int | None = None
    priority: int = 1
    slides: float | None = None
    slides_below: int | None = None
    min_bps: int | None = None
    scheme: Scheme = "notify"


class TellSections(Message):
    """Tell again, by notices, what one peer's sections carry (``SectionBound``) and what its
    pictures are sent as (``LayerChanged``): who listens to notices may have missed it. Refused as
    ``not_found`` where the peer is gone."""

    op: Literal["tell_sections"] = "tell_sections"
    room: RoomId
    peer: PeerId


class MeasureRoom(Message):
    """Ask for the figures of every track and participant: ``RoomMeasured``."""

    op: Literal["measure"] = "measure"
    room: RoomId


class CountRelay(Message):
    """Ask a relay process for its own counters: ``RelayCounted``."""

    op: Literal["count"] = "count"


class OpenPipe(Message):
    """Of another relay, further from the presenter: join a room there to the same room here.
    Answered by ``PipeOpened``. The keys are good for this pipe alone."""

    op: Literal["open_pipe"] = "open_pipe"
    room: RoomId
    pipe: str = Field(min_length=16, max_length=64)
    node: NodeId
    hosts: list[str] = Field(min_length=1, max_length=8)
    """Where its media socket is reached, with ``port``."""
    port: int = Field(ge=1, le=65_535)
    ssrc: int = Field(ge=1, le=0xFFFFFFFF)
    """Under which it speaks."""
    key: str
    """Of what it sends: AES-128, and the salt; in base64."""
    salt: str


class ClosePeer(Message):
    """Free one peer. Answered ``done`` whether or not it existed."""

    op: Literal["close"] = "close"
    room: RoomId
    peer: PeerId


class CloseRoom(Message):
    """Free a room with all its peers. Answered ``done`` whether or not it existed."""

    op: Literal["close_room"] = "close_room"
    room: RoomId


class DescribeRoom(Message):
    """Ask what a room's media does; answered by ``RoomDescribed``."""

    op: Literal["describe"] = "describe"
    room: RoomId


Command = Annotated[
    OpenPeer
    | RestartIce
    | SeePeers
    | Publish
    | Permit
    | MuteTrack
    | PauseSection
    | PreferSection
    | TellSections
    | MeasureRoom
    | CountRelay
    | OpenPipe
    | ClosePeer
    | CloseRoom
    | DescribeRoom,
    Field(discriminator="op"),
]


Control = Publish | Permit | MuteTrack | PauseSection | PreferSection | TellSections
"""Commands about what flows. They are answered ``done``."""

COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)
