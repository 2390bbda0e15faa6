"""One source of one publisher: its simulcast layers, and whether it may reach anybody."""

from typing import TYPE_CHECKING

from app.core.ids import PeerId
from app.relay.core.media import Section, SourceName
from app.relay.core.track import Track

if TYPE_CHECKING:
    from app.relay.core.events import MutedBy


class Stream:
    """Without simulcast it has one layer: the SSRC that sends now."""

    def __init__(self, peer: PeerId, section: Section, source: SourceName, allowed: bool) -> None:
        self.peer = peer
        self.section = section
        self.source = source
        self.is_allowed = allowed
        self.muted_by: frozenset[MutedBy] = frozenset()
        self.layers: list[Track] = []
        self.is_started = False
        self.rids_wanted: tuple[str, ...] | None = None
        """What the publisher's client was told last."""
        self.is_taped = False
        """Somebody listens to its best layer (``tap``)."""

    @property
    def is_video(self) -> bool:
        return self.section.kind == "video"

    @property
    def flows(self) -> bool:
        """Nobody took its right or holds it muted."""
        return self.is_allowed and not self.muted_by

    def is_active(self, now: float) -> bool:
        return any(track.is_active(now) for track in self.layers)

    def put(self, track: Track) -> None:
        """Take in a layer; one of the same name gives way."""
        self.layers = [layer for layer in self.layers if layer.rid != track.rid] + [track]

    def by_size(self) -> list[Track]:
        """Return the layers, the smallest first: by picture height where known, else by rate."""
        if len(self.layers) < 2:
            return self.layers
        return sorted(self.layers, key=lambda t: (t.height, t.rates.up_to(3)))
