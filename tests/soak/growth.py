"""What processes cost over hours, and whether that grows: samples in, a slope out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

MEGABYTE = 1 << 20
SECONDS_PER_HOUR = 3600.0

MAX_POINTS = 300
"""Of a slope: it looks at every pair of them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at one process."""

    second: float
    """Since the soak began."""
    process: str
    rss_bytes: int
    descriptors: int
    tasks: int = 0
    """An api process' asyncio tasks; 0 where nobody counts them."""


@dataclass(frozen=True, slots=True)
class Trend:
    """What one process came to after the warm-up."""

    process: str
    first_mb: float
    last_mb: float
    mb_per_hour: float
    descriptors_per_hour: float
    tasks_per_hour: float


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return by how much the second value grows with the first: the median of all pairs' slopes.

    One peak (a lecture that begins, a collection that is late) moves it little (Theil and Sen).
    Zero for fewer than two different moments.
    """
    step = -(-len(points) // MAX_POINTS)
    kept = points[:: max(1, step)]
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(kept, 2) if x2 != x1]
    return median(slopes) if slopes else 0.0


def trends(samples: Sequence[Sample], warm_seconds: float) -> list[Trend]:
    """Return each process' trend, by name, over the samples from ``warm_seconds`` on."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.second >= warm_seconds:
            by_name.setdefault(sample.process, []).append(sample)
    return [_trend(name, kept) for name, kept in sorted(by_name.items())]


def _trend(name: str, kept: list[Sample]) -> Trend:
    def hourly(values: list[float]) -> float:
        seconds = [sample.second for sample in kept]
        return slope(list(zip(seconds, values, strict=True))) * SECONDS_PER_HOUR

    megabytes = [sample.rss_bytes / MEGABYTE for sample in kept]
    edge = max(1, len(kept) // 10)
    return Trend(
        name,
        median(megabytes[:edge]),
        median(megabytes[-edge:]),
        hourly(megabytes),
        hourly([float(sample.descriptors) for sample in kept]),
        hourly([float(sample.tasks) for sample in kept]),
    )
