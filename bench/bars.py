"""The bars that the relay's figures are held against, each met or missed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Figures(Protocol):
    """``report.Row``, as far as bars need it."""

    @property
    def server(self) -> str: ...
    @property
    def workload(self) -> str: ...
    @property
    def participants(self) -> int: ...
    @property
    def us_per_packet(self) -> float: ...
    @property
    def join_ms(self) -> float: ...
    @property
    def rss_kb(self) -> float: ...
    @property
    def delay_p99_ms(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar and what was measured. A figure is met where it is at most ``bound``."""

    name: str
    measured: float
    bound: float
    unit: str

    @property
    def is_met(self) -> bool:
        return self.measured <= self.bound

    def __str__(self) -> str:
        word = "met" if self.is_met else "MISSED"
        return f"{word:<6}  {self.name}: {self.measured:g} {self.unit}, at most {self.bound:g}"


COST = {"bursts": (4.5, 45.0), "browser": (5.5, 60.0)}
"""At N = 100: us per packet, and per cent of Janus."""
COST_AT_10_US = 14.0
JOIN_MS = 3.0
PARTICIPANT_KB = 130.0
DELAY_P99_MS = 10.0


def judge(rows: Sequence[Figures]) -> list[Bar]:
    """Return the bars that these rows have figures for."""
    ours = {(r.workload, r.participants): r for r in rows if r.server == "lectern"}
    janus = {(r.workload, r.participants): r for r in rows if r.server == "janus"}
    bars: list[Bar] = []
    for workload, (most_us, most_share) in COST.items():
        bars += _cost(workload, ours, janus, most_us, most_share)
    bars += _shared(ours)
    return bars


_Table = dict[tuple[str, int], Figures]


def _cost(
    workload: str, ours: _Table, janus: _Table, most_us: float, most_share: float
) -> Iterable[Bar]:
    at_100, at_10, at_200 = (ours.get((workload, count)) for count in (100, 10, 200))
    if at_100 is not None:
        yield Bar(f"{workload}, N = 100", at_100.us_per_packet, most_us, "us")
        other = janus.get((workload, 100))
        if other is not None:
            share = round(100 * at_100.us_per_packet / other.us_per_packet, 1)
            yield Bar(f"{workload}, N = 100, of Janus", share, most_share, "%")
    if at_10 is not None:
        yield Bar(f"{workload}, N = 10", at_10.us_per_packet, COST_AT_10_US, "us")
        other = janus.get((workload, 10))
        if other is not None:
            name = f"{workload}, N = 10, beside Janus"
            yield Bar(name, at_10.us_per_packet, other.us_per_packet, "us")
    if at_200 is not None:
        yield Bar(f"{workload}, N = 200, p99 delay", at_200.delay_p99_ms, DELAY_P99_MS, "ms")
        if at_100 is not None:
            name = f"{workload}, N = 200, beside N = 100"
            yield Bar(name, at_200.us_per_packet, at_100.us_per_packet, "us")


def _shared(ours: _Table) -> Iterable[Bar]:
    at_100 = [row for (_, count), row in ours.items() if count == 100]
    if at_100:
        yield Bar("join, N = 100", max(row.join_ms for row in at_100), JOIN_MS, "ms")
        held = max(row.rss_kb for row in at_100)
        yield Bar("memory of a participant, N = 100", held, PARTICIPANT_KB, "KB")
