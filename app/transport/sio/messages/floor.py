"""Who speaks: hands, invitations, turns and muting."""

from typing import Annotated

from pydantic import Field

from app.core.ids import PeerId
from app.lecture.model import Offer
from app.relay.messages import Source
from app.transport.sio.messages.form import InRoom, ShortId
from app.transport.sio.messages.media import Description

SpeakerId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Hand(InRoom):
    up: bool = True


class Invite(InRoom):
    """``invite``, ``uninvite``."""

    speakerId: SpeakerId  # noqa: N815


class Speak(InRoom):
    """An invited participant's offer; without one, the end of its turn."""

    SDP: Description | None = None
    sources: Annotated[dict[ShortId, Source], Field(max_length=8)] = Field(default_factory=dict)
    peerId: Annotated[str, Field(min_length=1, max_length=64)] | None = None  # noqa: N815

    def offer(self, description: Description) -> Offer:
        return Offer(description.sdp, self.sources, PeerId(self.peerId) if self.peerId else None)


class MuteMessage(InRoom):
    """Without ``speakerId`` it is one's own track."""

    speakerId: SpeakerId | None = None  # noqa: N815
    source: Source
    on: bool = True
