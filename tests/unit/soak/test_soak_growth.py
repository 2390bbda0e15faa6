"""The soak's slope: it sees growth in noise, and no growth in a sawtooth."""

import random

import pytest

from tests.soak.growth import MEGABYTE, Sample, slope, trends


def test_a_line_has_its_own_slope() -> None:
    assert slope([(x, 3.0 * x + 7) for x in range(50)]) == pytest.approx(3.0)


def test_no_points_and_one_moment_have_none() -> None:
    assert slope([]) == 0.0
    assert slope([(1.0, 5.0), (1.0, 9.0)]) == 0.0


def test_peaks_are_no_growth() -> None:
    chance = random.Random(5)
    points = [(float(x), 100.0 + (40.0 if chance.random() < 0.2 else 0.0)) for x in range(1000)]
    assert slope(points) == pytest.approx(0.0, abs=1e-9)


def test_a_leak_under_noise_is_seen() -> None:
    chance = random.Random(6)
    samples = [
        Sample(
            10.0 * n, "api", int((90 + 10.0 * n / 3600 * 2 + chance.random()) * MEGABYTE), 40, 30
        )
        for n in range(1440)
    ]
    (trend,) = trends(samples, 3600)
    assert trend.mb_per_hour == pytest.approx(2.0, rel=0.1)
    assert trend.first_mb < trend.last_mb
    assert trend.descriptors_per_hour == trend.tasks_per_hour == 0.0


def test_the_warm_up_does_not_count() -> None:
    samples = [Sample(float(n), "relay", min(100, n) * MEGABYTE, 0) for n in range(200)]
    assert [one.mb_per_hour for one in trends(samples, 100)] == [0.0]


def test_processes_are_told_apart() -> None:
    samples = [
        Sample(float(n), name, MEGABYTE * (n if name == "b" else 1), 0)
        for n in range(10)
        for name in "ab"
    ]
    assert [(one.process, one.mb_per_hour) for one in trends(samples, 0)] == [
        ("a", 0.0),
        ("b", pytest.approx(3600.0)),
    ]
