"""A member's own media: its offers and candidates, and what it sends and receives."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.core.ids import PeerId, RoomId
from app.lecture.model import Offer
from app.relay.messages import Scheme, Source
from app.transport.sio import config
from app.transport.sio.messages.form import InRoom, LimitError, Message, Number, Room, ShortId

Mid = Annotated[str, Field(min_length=1, max_length=32)]
Bitrate = Annotated[int, Field(ge=1, le=1_000_000_000)]
"""Bits per second."""


def _sdp(text: str) -> str:
    if len(text.encode()) > config.MAX_OFFER_BYTES:
        raise LimitError(f"an offer has at most {config.MAX_OFFER_BYTES} bytes")
    if not text.startswith("v=0"):
        raise ValueError("no session description")
    return text


class Description(Message):
    """An RTCSessionDescriptionInit that is an offer."""

    type: Literal["offer"]
    sdp: Annotated[str, AfterValidator(_sdp)]


class OfferMessage(Message):
    """``presenterOffer``, ``studentOffer``. ``sources`` and ``peerId`` are our own clients'."""

    roomId: Room  # noqa: N815
    SDP: Description | None = None
    """None where media goes from browser to browser."""
    sources: Annotated[dict[ShortId, Source], Field(max_length=8)] = Field(default_factory=dict)
    peerId: Annotated[str, Field(min_length=1, max_length=64)] | None = None  # noqa: N815

    @property
    def room(self) -> RoomId:
        return RoomId(self.roomId)

    def offer(self) -> Offer:
        sdp = self.SDP.sdp if self.SDP is not None else ""
        return Offer(sdp, self.sources, PeerId(self.peerId) if self.peerId else None)


class CandidateInit(Message):
    """An RTCIceCandidateInit; an empty candidate is the end of them."""

    candidate: Annotated[str, Field(max_length=1024)] = ""
    sdpMid: Annotated[str, Field(max_length=64)] | None = None  # noqa: N815
    sdpMLineIndex: Annotated[int, Field(ge=0, le=255)] | None = None  # noqa: N815


class ClientCandidate(Message):
    candidate: CandidateInit | None = None


class Pause(InRoom):
    mid: Mid
    on: bool = True
    peerId: ShortId | None = None  # noqa: N815


class Prefer(InRoom):
    """Bounds of one video section; what is absent is no bound."""

    mid: Mid
    height: Annotated[int, Field(ge=0, le=10_000)] | None = None
    width: Annotated[int, Field(ge=0, le=10_000)] | None = None
    fps: Annotated[int, Field(ge=1, le=240)] | None = None
    layer: Annotated[int, Field(ge=0, le=7)] | None = None
    temporal: Annotated[int, Field(ge=0, le=7)] | None = None
    maxBitrate: Bitrate | None = None  # noqa: N815
    priority: Annotated[int, Field(ge=1, le=255)] = 1
    slides: bool | Number | None = None
    """Seconds between two slides; true, or what is not from 2 to 10, is three."""
    slidesBelow: Annotated[int, Field(ge=0, le=7)] | None = None  # noqa: N815
    minBitrate: Bitrate | None = None  # noqa: N815
    scheme: Scheme = "notify"
    peerId: ShortId | None = None  # noqa: N815

    @property
    def slide_seconds(self) -> float | None:
        """None for no slide show; what is out of bounds is the relay's to put right."""
        if self.slides is None or self.slides is False:
            return None
        return 0.0 if self.slides is True else float(self.slides)


class Watch(InRoom):
    """``stats``."""

    on: bool = True


class Record(InRoom):
    on: bool


class Sources(InRoom):
    microphone: bool = False
    camera: bool = False
    screen: bool = False
