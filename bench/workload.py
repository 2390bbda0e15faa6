"""What a publisher sends, as a schedule: which packets, and when."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

WorkloadName = Literal["bursts", "browser"]
WORKLOADS: tuple[WorkloadName, ...] = ("bursts", "browser")

AUDIO_INTERVAL = 0.02
"""Seconds between Opus packets."""

BURST_PACKETS, BURST_BYTES, BURST_FPS = 10, 1100, 25

BROWSER_FPS = 20
BROWSER_BYTES = (800, 1059)
PACED_GAP = 0.005
"""Seconds between two sends of a browser's pacer."""

BACK_TO_BACK = 0.45
"""Share of packets that leave together with the packet before them: with it a forwarder sends 1.3
to 1.4 packets at once, as was seen with Chromium at 2.5 Mbit/s."""

ONE_BYTE_LONGER = 0.56
"""Share of frames whose last packets are one byte longer than the first (194 of 349 seen)."""


@dataclass(frozen=True, slots=True)
class Step:
    """Send these at ``at`` seconds after the start: one Opus packet, or a part of a frame."""

    at: float
    audio: bool = False
    frame_sizes: tuple[int, ...] = ()
    """Of a new frame, the RTP packet sizes of all its packets; the first ``send`` go now."""
    send: int = 0
    """How many of the frame's packets that are still unsent leave in this step."""


def schedule(name: WorkloadName, seconds: float, seed: int) -> list[Step]:
    """Return the steps of ``seconds`` of that workload in order of time; equal for equal seeds."""
    audio = [
        Step(index * AUDIO_INTERVAL, audio=True) for index in range(round(seconds / AUDIO_INTERVAL))
    ]
    video = _bursts(seconds) if name == "bursts" else _browser(seconds, random.Random(seed))
    return sorted([*audio, *video], key=lambda step: step.at)


def frame_ticks(name: WorkloadName) -> int:
    """Return the RTP timestamp steps (90 kHz) from one frame to the next."""
    return 90_000 // (BURST_FPS if name == "bursts" else BROWSER_FPS)


def _bursts(seconds: float) -> Iterator[Step]:
    sizes = (BURST_BYTES,) * BURST_PACKETS
    for index in range(round(seconds * BURST_FPS)):
        # Half a gap of audio later than it, so that no Opus packet rides in the burst's wake-up.
        yield Step(index / BURST_FPS + AUDIO_INTERVAL / 2, frame_sizes=sizes, send=BURST_PACKETS)


def _browser(seconds: float, chance: random.Random) -> Iterator[Step]:
    for index in range(round(seconds * BROWSER_FPS)):
        at = index / BROWSER_FPS + AUDIO_INTERVAL / 4
        sizes = _browser_sizes(chance)
        together = [1]
        for _ in sizes[1:]:
            if chance.random() < BACK_TO_BACK:
                together[-1] += 1
            else:
                together.append(1)
        yield Step(at, frame_sizes=sizes, send=together[0])
        for place, count in enumerate(together[1:], start=1):
            yield Step(at + place * PACED_GAP, send=count)


def _browser_sizes(chance: random.Random) -> tuple[int, ...]:
    count, size = chance.choice((2, 3)), chance.randint(*BROWSER_BYTES)
    longer = chance.randint(1, count - 1) if chance.random() < ONE_BYTE_LONGER else 0
    return (size,) * (count - longer) + (size + 1,) * longer
