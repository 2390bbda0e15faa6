"""What one subscriber's link does: round trip, repeats, and how much it carries."""

from app.relay.core.repeats import Repeats


class Downlink:
    """One per peer."""

    def __init__(self) -> None:
        self.serial = 0
        """In the room's log of sent packets, for repeats and probes."""
        self.rtt: float | None = None
        self.estimate_bps: int | None = None
        self.padding_bytes = 0
        self._repeats: Repeats | None = None

    @property
    def repeats(self) -> Repeats:
        if self._repeats is None:
            self._repeats = Repeats()
        return self._repeats
