"""``make soak``: hours of lectures with people coming and going, and what the processes keep of it.

Row 41 of the fault matrix: after the warm-up the server's memory grows by less than 1 MB an hour
for each room. Every lecture is ended by the history checker. Writes data/soak.csv as it goes.
"""

import argparse
import asyncio
import csv
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

from tests.faults.world import STUDENTS, World
from tests.soak.growth import Sample, Trend, trends
from tests.soak.term import SPARE_FROM, Tally, Term

MAX_MB_PER_HOUR = 1.0
"""For each room, all of our processes together. Redis is shown and not judged: what it holds of a
lecture it holds for up to a day, by promise, so that it grows with the lectures of a day."""

REDIS = "redis (used)"

JUDGED_FROM_MINUTES = 60.0
"""A shorter soak says what it saw and is no proof: allocators settle for as long."""

WARM_PART = 0.25
SAMPLE_SECONDS = 10.0
SAY_SECONDS = 60.0

MAX_ROOMS = STUDENTS // (2 * SPARE_FROM)
"""As many have accounts enough: who left is away for a while before it comes again."""

FILE = Path("data/soak.csv")


async def sample(world: World, second: float) -> list[Sample]:
    """Look at every process of the server, Redis included."""
    found = []
    for api in world.apis:
        now = await api.reading()
        found.append(Sample(second, api.name, now.rss_bytes, now.descriptors, now.tasks))
    found += [
        Sample(second, relay.name, relay.rss_bytes(), relay.descriptors()) for relay in world.relays
    ]
    raw = world.raw()
    try:
        used = int((await raw.info("memory"))["used_memory"])
    finally:
        await raw.aclose()
    return [*found, Sample(second, REDIS, used, 0)]


async def watch(
    world: World, samples: list[Sample], tally: Tally, began: float, seconds: float
) -> None:
    """Sample until cancelled; each sample is in the file at once."""
    said = float("-inf")
    with FILE.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["second", "process", "rss_bytes", "descriptors", "tasks"])
        while True:
            second = time.monotonic() - began
            for one in await sample(world, second):
                samples.append(one)
                writer.writerow(
                    [f"{second:.0f}", one.process, one.rss_bytes, one.descriptors, one.tasks]
                )
            file.flush()
            if second - said >= SAY_SECONDS:
                said = second
                say_progress(samples, tally, second, seconds)
            await asyncio.sleep(SAMPLE_SECONDS)


def say_progress(samples: list[Sample], tally: Tally, second: float, seconds: float) -> None:
    last = {one.process: one.rss_bytes / (1 << 20) for one in samples[-10:]}
    memory = ", ".join(f"{name} {value:.0f} MB" for name, value in sorted(last.items()))
    sys.stderr.write(
        f"{second / 60:5.1f} of {seconds / 60:.0f} min: {tally.lectures} lectures, "
        f"{tally.joins} joins, {tally.drops} drops, {tally.writes} writes; {memory}\n"
    )


async def soak(world: World, arguments: argparse.Namespace) -> tuple[list[Sample], Tally]:
    """Hold lectures in all rooms at once. Raises what a lecture raised."""
    samples: list[Sample] = []
    tally = Tally()
    seconds = arguments.minutes * 60
    began = time.monotonic()
    watching = asyncio.create_task(watch(world, samples, tally, began, seconds))
    try:
        async with asyncio.TaskGroup() as group:
            share = STUDENTS // arguments.rooms
            for number in range(arguments.rooms):
                accounts = range(number * share, (number + 1) * share)
                term = Term(world, accounts, tally, arguments.seed * 1000 + number)
                group.create_task(term.run(began + seconds, arguments.lecture_minutes * 60))
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    if not watching.cancelled():
        watching.result()
    return samples, tally


def report(
    found: list[Trend], tally: Tally, rooms: int, minutes: float, say: Callable[[str], object]
) -> bool:
    """Say what came of it; return whether it may pass."""
    say(f"{minutes:g} minutes, {rooms} rooms: {tally}\n\n")
    say("| process | MB after the warm-up | MB at the end | MB/h | descriptors/h | tasks/h |\n")
    say("|---|---|---|---|---|---|\n")
    for one in found:
        say(
            f"| {one.process} | {one.first_mb:.1f} | {one.last_mb:.1f} | {one.mb_per_hour:+.2f} "
            f"| {one.descriptors_per_hour:+.1f} | {one.tasks_per_hour:+.1f} |\n"
        )
    grown = sum(one.mb_per_hour for one in found if one.process != REDIS) / rooms
    is_flat = grown < MAX_MB_PER_HOUR
    bound = f"(at most {MAX_MB_PER_HOUR:g})"
    if minutes < JUDGED_FROM_MINUTES:
        say(f"\n{grown:+.2f} MB/h for each room {bound}; too short to be judged\n")
        return True
    say(f"\n{'met' if is_flat else 'MISSED'}: {grown:+.2f} MB/h for each room {bound}\n")
    return is_flat


def main() -> int:
    """Run it; return the exit code: 1 for growth, an error's trace for a broken promise."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=240.0)
    parser.add_argument("--rooms", type=int, default=3)
    parser.add_argument("--lecture-minutes", type=float, default=8.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not 1 <= arguments.rooms <= MAX_ROOMS:
        parser.error(f"--rooms is 1 to {MAX_ROOMS}")
    FILE.parent.mkdir(exist_ok=True)
    with World(relays=2) as world:
        samples, tally = uvloop.run(soak(world, arguments))
    found = trends(samples, arguments.minutes * 60 * WARM_PART)
    is_well = report(found, tally, arguments.rooms, arguments.minutes, sys.stdout.write)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
