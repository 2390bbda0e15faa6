"""What a relay tells by itself of its rooms' media: a closed union, as JSON.

A relay process hands each to its ``Observer`` (``relay.service``), which may send it on.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.core.ids import PeerId, RoomId
from app.relay.core import events
from app.relay.messages import Source


class _Notice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    room: RoomId


class PeerLeft(_Notice):
    """It fell silent, never finished its handshake, said goodbye, or a newer presenter took its
    place. Not told of peers that were closed by a command."""

    type: Literal["left"] = "left"
    peer: PeerId
    reason: Literal["silent", "handshake", "replaced", "closed"]


class SpeakerConnected(_Notice):
    """A speaker's media is connected: ICE has an address and DTLS its keys."""

    type: Literal["connected"] = "connected"
    peer: PeerId


class TrackBegan(_Notice):
    type: Literal["began"] = "began"
    peer: PeerId
    source: Source
    codec: str


class TrackEnded(_Notice):
    type: Literal["ended"] = "ended"
    peer: PeerId
    source: Source
    reason: Literal["silent", "left", "withdrawn"]


class TrackMuted(_Notice):
    type: Literal["muted"] = "muted"
    peer: PeerId
    source: Source
    by: list[Literal["owner", "presenter"]]
    """Who holds it muted now, in alphabetical order; it flows when nobody does."""


class SectionBound(_Notice):
    """A subscriber's spare section carries this track from now on (None: nobody's)."""

    type: Literal["bound"] = "bound"
    peer: PeerId
    mid: str
    owner: PeerId | None
    source: Source | None


class LayerChanged(_Notice):
    """What a subscriber's video section gets; ``is_paused`` by congestion comes back by itself."""

    type: Literal["layer"] = "layer"
    peer: PeerId
    mid: str
    layer: int
    temporal: int
    is_paused: bool


class BandwidthAlert(_Notice):
    """A section that named what it needs gets less than that, or enough again."""

    type: Literal["bandwidth"] = "bandwidth"
    peer: PeerId
    mid: str
    is_short: bool
    available_bps: int


class LayersWanted(_Notice):
    """Which simulcast streams of a source anybody watches: its client may stop the others."""

    type: Literal["wanted"] = "wanted"
    peer: PeerId
    source: Source
    rids: list[str]


class SpeakerChanged(_Notice):
    """Who speaks; None: nobody for a second. At most 3/s per room."""

    type: Literal["speaker"] = "speaker"
    peer: PeerId | None


class Levels(_Notice):
    """How loud the microphones are in dBov (-127 to 0), the loudest first; at most 3/s."""

    type: Literal["levels"] = "levels"
    levels: list[tuple[PeerId, int]]


Notice = Annotated[
    PeerLeft
    | SpeakerConnected
    | TrackBegan
    | TrackEnded
    | TrackMuted
    | SectionBound
    | LayerChanged
    | BandwidthAlert
    | LayersWanted
    | SpeakerChanged
    | Levels,
    Field(discriminator="type"),
]
NOTICES: TypeAdapter[Notice] = TypeAdapter(Notice)

Observer = Callable[[Notice], None]
"""Takes a notice in the relay's own thread: it must return at once, and never raise."""


def notice_of(event: events.Event) -> Notice | None:
    """Return what is told of ``event``; None for what nobody needs, or a peer's address."""
    match event:
        case events.PeerGone():
            return PeerLeft(room=event.room, peer=event.peer, reason=event.reason)
        case events.TrackStarted() | events.TrackStopped() | events.TrackMuted():
            return _of_track(event)
        case events.SectionBound() | events.LayerChanged() | events.LayersWanted():
            return _of_section(event)
        case events.BandwidthAlert():
            return BandwidthAlert(
                room=event.room,
                peer=event.peer,
                mid=event.mid,
                is_short=event.is_short,
                available_bps=event.available_bps,
            )
        case events.SpeakerChanged():
            return SpeakerChanged(room=event.room, peer=event.peer)
        case events.Levels():
            return Levels(room=event.room, levels=list(event.levels))
        case _:
            return None


def _of_track(event: events.TrackStarted | events.TrackStopped | events.TrackMuted) -> Notice:
    room, peer, source = event.room, event.peer, event.source
    match event:
        case events.TrackStarted():
            return TrackBegan(room=room, peer=peer, source=source, codec=event.codec)
        case events.TrackStopped():
            return TrackEnded(room=room, peer=peer, source=source, reason=event.reason)
        case events.TrackMuted():
            return TrackMuted(room=room, peer=peer, source=source, by=sorted(event.by))


def _of_section(
    event: events.SectionBound | events.LayerChanged | events.LayersWanted,
) -> Notice:
    room, peer = event.room, event.peer
    match event:
        case events.SectionBound():
            return SectionBound(
                room=room, peer=peer, mid=event.mid, owner=event.owner, source=event.source
            )
        case events.LayerChanged():
            return LayerChanged(
                room=room,
                peer=peer,
                mid=event.mid,
                layer=event.layer,
                temporal=event.temporal,
                is_paused=event.is_paused,
            )
        case events.LayersWanted():
            return LayersWanted(room=room, peer=peer, source=event.source, rids=list(event.rids))
