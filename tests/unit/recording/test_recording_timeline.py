"""RTP timestamps on one clock: without jitter, in step, at whatever speed their crystals run."""

import itertools
import random

import pytest

from app.recording.timeline import Least, TrackTime

NTP = 1 << 32


def test_jitter_does_not_move_samples() -> None:
    track, chance = TrackTime(48_000, Least()), random.Random(1)
    placed = [
        track.place(n * 960 & 0xFFFFFFFF, 50 + n * 0.02 + chance.expovariate(50)) - n * 0.02
        for n in range(2_000)
    ]
    assert all(0 <= at - 50 < 0.05 for at in placed[250:])
    steps = [b - a for a, b in itertools.pairwise(placed)]
    assert max(map(abs, steps)) < 0.0003  # of 20 ms: nothing that could be heard


def test_timestamps_wrap() -> None:
    track = TrackTime(90_000, Least())
    start = 0xFFFFFFFF - 45_000
    placed = [track.place(start + n * 9_000 & 0xFFFFFFFF, 7 + n / 10) for n in range(20)]
    assert placed == pytest.approx([7 + n / 10 for n in range(20)])


def test_a_crystal_that_is_off_by_200_ppm_is_followed_for_hours() -> None:  # X15
    track = TrackTime(48_000, Least())
    error = 0.0
    for second in range(4 * 3600):
        true = 100 + second
        at = track.place(round(second * 48_000 * 1.0002) & 0xFFFFFFFF, true)
        error = max(error, abs(at - true))
    assert error < 0.02


def test_sender_reports_bring_the_tracks_of_a_publisher_in_step() -> None:
    shared = Least()
    sound, picture = TrackTime(48_000, shared), TrackTime(90_000, shared)
    heard = seen = 0.0
    for n in range(1_500):
        taken = n * 0.02
        heard = sound.place(5_000 + n * 960, 10 + taken + 0.01)
        if n % 5 == 0:  # pictures take 150 ms longer: encoded, paced
            seen = picture.place(777_000 + n * 1_800, 10 + taken + 0.16)
        if n in (100, 600, 1_100):
            sound.report(int((3.9e9 + taken) * NTP), 5_000 + n * 960)
            picture.report(int((3.9e9 + taken) * NTP), 777_000 + n * 1_800)
    last = (1_499 // 5) * 5 * 0.02
    assert heard == pytest.approx(10 + 1_499 * 0.02 + 0.01, abs=0.002)
    assert seen - last == pytest.approx(heard - 1_499 * 0.02, abs=0.02)


def test_a_clock_that_stood_still_is_taken_as_it_is_then() -> None:
    track = TrackTime(48_000, Least())
    _ = [track.place(n * 960, n * 0.02) for n in range(100)]
    # The laptop slept for a minute, and its RTP clock with it.
    later = [track.place(n * 960, 60 + n * 0.02) for n in range(100, 200)]
    assert later[0] == pytest.approx(60 + 2.0)
    assert later[-1] == pytest.approx(60 + 199 * 0.02)


def test_a_short_stall_of_the_network_moves_nothing() -> None:
    track = TrackTime(48_000, Least())
    _ = [track.place(n * 960, n * 0.02) for n in range(400)]
    held = [track.place(n * 960, 9.0) for n in range(400, 450)]  # a second's packets at once
    assert held == pytest.approx([n * 0.02 for n in range(400, 450)], abs=0.005)
