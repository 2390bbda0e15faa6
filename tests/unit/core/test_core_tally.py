"""A tally is read as the library's histogram is."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Histogram

from app.core.tally import Tally

BOUNDS = (0.005, 0.05, 1.0, 2.5)


def samples(registry: CollectorRegistry) -> list[tuple[str, Any, float]]:
    return [
        (sample.name, sample.labels, sample.value)
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")  # when it was made: the library's alone
    ]


@pytest.mark.parametrize("values", [[], [0.0], [0.005, 0.0051, 0.05, 1.0, 2.5, 2.6, 100.0]])
def test_a_tally_says_what_a_histogram_says(values: list[float]) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("seconds", "Of something.", buckets=BOUNDS, registry=theirs)
    tally = Tally("seconds", "Of something.", BOUNDS, ours)
    for value in values:
        histogram.observe(value)
        tally.observe(value)
    assert samples(ours) == samples(theirs)
