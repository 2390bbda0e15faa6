"""Streams that come by a pipe: known before their first packet, sent only where wanted."""

from app.core.ids import PeerId
from app.relay.core.counters import Counters
from app.relay.core.media import MediaPlan, Section, SourceName
from app.relay.core.pipe_sheet import LayerSheet, StreamSheet
from app.relay.core.publisher import Publisher
from app.relay.core.stream import Stream
from app.relay.core.track import LayerRates, Track

FEEDBACK = ("nack", "nack pli")


class ToldRates(LayerRates):
    """What the neighbour measured: a layer that nobody here watches has its rate all the same."""

    __slots__ = ()

    def measure(self, now: float) -> None:
        """Nothing: ``tell`` does."""

    def tell(self, rates: tuple[int, ...]) -> None:
        """Take the neighbour's figures."""
        self._rates = [float(rate) for rate in rates[: len(self._rates)]]
        self._rates += [0.0] * (len(self._bits) - len(self._rates))
        self._note_top()


class PipedTrack(Track):
    """One layer of a stream that is published at another relay."""

    def __init__(self, owner: PeerId, section: Section, source: SourceName, ssrc: int, rid: str):
        super().__init__(owner, section, source, ssrc, rid)
        self.is_told_active = False
        self._told_rates = ToldRates()
        self.rates = self._told_rates

    def is_active(self, now: float) -> bool:
        """As the publisher's own relay sees it, whether or not it is being sent here."""
        return self.is_told_active or super().is_active(now)

    def tell(self, layer: LayerSheet) -> None:
        """Take what the neighbour says of it."""
        self.is_told_active = layer.active
        self._told_rates.tell(layer.rates)
        if layer.height:
            self.width, self.height = layer.width, layer.height


def section_of(sheet: StreamSheet) -> Section:
    """Return the section by which a stream is received from its pipe."""
    return Section(
        mid=sheet.source,
        kind=sheet.kind,
        source=sheet.source,
        direction="receive",
        codecs=sheet.codecs,
        extensions=sheet.extensions,
        ssrc=0,
        feedback=FEEDBACK if sheet.kind == "video" else ("nack",),
    )


class PipedPublisher(Publisher):
    """What one remote person sends, as the sheets tell."""

    def __init__(self, owner: PeerId, counters: Counters) -> None:
        super().__init__(owner, MediaPlan(()), counters)
        self._owner = owner

    def track_of(self, ssrc: int) -> Track | None:
        found = self.told.get(ssrc)
        return found[1] if found is not None else None

    @property
    def told(self) -> dict[int, tuple[Stream, PipedTrack]]:
        """By SSRC."""
        return {
            track.ssrc: (stream, track)
            for stream in self.streams.values()
            for track in stream.layers
            if isinstance(track, PipedTrack)
        }

    def announce(self, sheets: list[StreamSheet]) -> bool:
        """Take in what there is now; return True if streams or layers came, went or were muted."""
        changed = False
        for source in set(self.streams) - {sheet.source for sheet in sheets}:
            del self.streams[source]
            changed = True
        for sheet in sheets:
            section = section_of(sheet)
            stream = self.streams.get(sheet.source)
            if stream is None or _differs(stream.section, section):
                stream = Stream(self._owner, section, sheet.source, allowed=True)
                self.streams[sheet.source] = stream
                changed = True
            muted_by = frozenset(sheet.muted_by)
            changed |= stream.muted_by != muted_by
            stream.muted_by = muted_by
            changed |= self._announce_layers(stream, sheet)
        return changed

    def _announce_layers(self, stream: Stream, sheet: StreamSheet) -> bool:
        known = {track.ssrc: track for track in stream.layers if isinstance(track, PipedTrack)}
        layers: list[PipedTrack] = []
        changed = len(known) != len(sheet.layers)
        for place, told in enumerate(sheet.layers):
            rid = str(place) if len(sheet.layers) > 1 else ""
            track = known.get(told.ssrc)
            if track is None:
                track = PipedTrack(self._owner, stream.section, stream.source, told.ssrc, rid)
                changed = True
            changed |= track.is_told_active != told.active
            track.rid = rid
            track.tell(told)
            layers.append(track)
        stream.layers = list(layers)
        return changed

    def fall_silent(self) -> None:
        """The pipe is dead: nothing is active until a sheet says so again."""
        for _, track in self.told.values():
            track.is_told_active = False


def _differs(one: Section, other: Section) -> bool:
    return (one.kind, one.codecs, one.extensions) != (other.kind, other.codecs, other.extensions)
