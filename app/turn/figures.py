"""A TURN server's figures for Prometheus, made when they are asked for (seed row T15: Debian's
coturn is built without its own)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.turn.usage import UsageBook


@dataclass(frozen=True, slots=True)
class Health:
    """What the monitor knows of its coturn."""

    is_up: bool
    free_mbps: float
    restarts: int


class TurnFigures(Collector):
    """Per user, too: by its pseudonym in the room, while it has something open and a little
    longer, so that there are never more labels than allocations."""

    def __init__(self, book: UsageBook, health: Callable[[], Health]) -> None:
        self._book = book
        self._health = health

    def collect(self) -> Iterable[Metric]:
        """Return the figures of this moment."""
        health, book = self._health(), self._book
        up = "Whether coturn runs and answers (1) or not (0)."
        yield GaugeMetricFamily("lectern_turn_up", up, value=float(health.is_up))
        free = "Mbit/s that the network interface still carries in its busier direction."
        yield GaugeMetricFamily("lectern_turn_free_mbps", free, value=health.free_mbps)
        died = "Times that coturn died and was started again."
        yield CounterMetricFamily("lectern_turn_restarts", died, value=health.restarts)
        opened = "Allocations open now."
        yield GaugeMetricFamily("lectern_turn_allocations", opened, value=book.allocations)
        moved = CounterMetricFamily(
            "lectern_turn_bytes", "Bytes between clients and coturn.", labels=["direction"]
        )
        moved.add_metric(["received"], book.received_bytes)
        moved.add_metric(["sent"], book.sent_bytes)
        yield moved
        yield from self._by_user()

    def _by_user(self) -> Iterable[Metric]:
        opened = GaugeMetricFamily(
            "lectern_turn_user_allocations",
            "Allocations open now, by the user's pseudonym.",
            labels=["user"],
        )
        moved = CounterMetricFamily(
            "lectern_turn_user_bytes",
            "Bytes between a client and coturn, by the user's pseudonym.",
            labels=["user", "direction"],
        )
        for name, usage in self._book.users.items():
            opened.add_metric([name], len(usage.allocations))
            moved.add_metric([name, "received"], usage.received_bytes)
            moved.add_metric([name, "sent"], usage.sent_bytes)
        yield opened
        yield moved
