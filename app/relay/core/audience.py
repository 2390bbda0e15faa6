"""Who is on one line, grouped by what may be shared among them."""

from app.relay.core.row import Rows
from app.relay.core.sink import Sink, Variant


class Audience:
    """The sinks of one line, grouped by what may be shared among them."""

    __slots__ = ("cm", "gcm", "newest", "skipping")

    def __init__(self) -> None:
        self.gcm: dict[Variant, Rows] = {}
        self.cm: dict[Variant, list[Sink]] = {}
        self.newest = -1
        """The highest ``first_index``: a batch that begins there or later needs no look at each."""
        self.skipping: set[Sink] = set()
        """Those with a ``skip_timestamp``."""

    def add(self, sink: Sink) -> None:
        """Take in a sink that has begun."""
        if sink.cipher is None:
            self.cm.setdefault(sink.variant, []).append(sink)
        else:
            self.gcm.setdefault(sink.variant, Rows()).add(sink)
        self.newest = max(self.newest, sink.first_index)

    def remove(self, leaving: set[Sink]) -> None:
        for sink in leaving:
            rows = self.gcm.get(sink.variant)
            if rows is not None:
                rows.remove(sink)
                if not rows:
                    del self.gcm[sink.variant]
            sinks = self.cm.get(sink.variant, [])
            if sink in sinks:
                sinks.remove(sink)
                if not sinks:
                    del self.cm[sink.variant]
        self.skipping -= leaving

    def apart(self, oldest: int) -> frozenset[Sink]:
        """Return those who may not have all of a batch whose lowest index is ``oldest``."""
        if not self.skipping and self.newest <= oldest:
            return frozenset()
        return frozenset(
            sink for sink in self.sinks() if sink.first_index > oldest or sink.skip_timestamp >= 0
        )

    def __bool__(self) -> bool:
        return bool(self.gcm or self.cm)

    def sinks(self) -> list[Sink]:
        seated = [sink for rows in self.gcm.values() for sink in rows.sinks()]
        return seated + [sink for group in self.cm.values() for sink in group]
