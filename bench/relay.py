"""``python -m bench.relay``: what one forwarded packet and one join cost our relay.

How it measures and how to read it: bench/README.md.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.clock import Clock, SystemClock
from app.core.tasks import Tasks
from bench.client.dtls import Certificate, make_certificate
from bench.clients import Audience, Bundles, Publisher, Receiver
from bench.process import cpu_seconds, pin, rss_bytes
from bench.report import Sample, json_line, medians, table
from bench.server import RelayServer
from bench.workload import WORKLOADS, WorkloadName, frame_ticks, schedule

PARTICIPANTS = (1, 10, 50, 100)
RUNS = 3
MEDIA_SECONDS = 4.0
WARM_UP_SECONDS = 1.0
SETTLE_SECONDS = 0.3
"""After media: what is on its way arrives, and its cost is still counted."""

JOINS_AT_ONCE = 10
REPORT_SECONDS = 1.0
RELAY_CORE, GENERATOR_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call of the bench does."""

    participants: tuple[int, ...]
    workloads: tuple[WorkloadName, ...]
    runs: int
    media_seconds: float


class BrokenMediaError(Exception):
    """Packets arrived that do not open, or hold something that was never sent."""


async def connect(
    server: RelayServer, count: int, certificate: Certificate, clock: Clock
) -> tuple[Audience, float]:
    """Connect a publisher, then ``count`` receivers; return them and the relay's CPU seconds for
    all the receivers' joins."""
    audience = Audience(Publisher(certificate, clock))
    try:
        publisher = audience.publisher
        await publisher.connect(await server.join("presenter", publisher.offer))
        gate = asyncio.Semaphore(JOINS_AT_ONCE)

        async def join(receiver: Receiver) -> None:
            async with gate:
                await receiver.connect(await server.join("participant", receiver.offer))

        audience.receivers = [
            Receiver(certificate, clock, verify=index == 0) for index in range(count)
        ]
        before = cpu_seconds(server.pid)
        await asyncio.gather(*(join(receiver) for receiver in audience.receivers))
        await asyncio.sleep(SETTLE_SECONDS)
        return audience, cpu_seconds(server.pid) - before
    except BaseException:
        audience.close()
        raise


async def _report_regularly(audience: Audience) -> None:
    while True:
        audience.report()
        await asyncio.sleep(REPORT_SECONDS)


async def one_run(plan: Plan, count: int, certificate: Certificate, seed: int) -> list[Sample]:
    """Start a relay, fill a room with ``count`` receivers and measure every workload in it."""
    clock, tasks = SystemClock(), Tasks("bench")
    samples = []
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        async with RelayServer(Path(folder), RELAY_CORE) as server:
            empty_rss = rss_bytes(server.pid)
            audience, join_cpu = await connect(server, count, certificate, clock)
            try:
                _ = tasks.start("reports", lambda: _report_regularly(audience))
                for workload in plan.workloads:
                    per_send = await _warm_up(workload, audience, seed)
                    expected, forwarded, cpu = await _measure(
                        plan, workload, audience, server, seed
                    )
                    samples.append(
                        Sample(
                            workload=workload,
                            participants=count,
                            forwarded=forwarded,
                            cpu_seconds=cpu,
                            expected=expected,
                            join_cpu_seconds=join_cpu / count,
                            rss_bytes=max(0, rss_bytes(server.pid) - empty_rss) // count,
                            packets_per_send=per_send,
                        )
                    )
                _verify(audience)
            finally:
                await tasks.close()
                audience.close()
    return samples


async def _warm_up(workload: WorkloadName, audience: Audience, seed: int) -> float:
    """Play a little of a workload, unmeasured; return the media packets per send of the relay."""
    watcher = audience.receivers[0]
    watcher.bundles = Bundles()
    watcher.watch_bundles(True)
    await audience.publisher.play(schedule(workload, WARM_UP_SECONDS, seed), frame_ticks(workload))
    await asyncio.sleep(SETTLE_SECONDS)
    watcher.watch_bundles(False)
    return watcher.bundles.packets / max(1, watcher.bundles.sends)


async def _measure(
    plan: Plan, workload: WorkloadName, audience: Audience, server: RelayServer, seed: int
) -> tuple[int, int, float]:
    """Play one workload; return packets expected and forwarded, and the relay's CPU seconds."""
    publisher = audience.publisher
    steps = schedule(workload, plan.media_seconds, seed)
    gc.collect()
    sent, arrived, cpu = publisher.sent, audience.arrived, cpu_seconds(server.pid)
    await publisher.play(steps, frame_ticks(workload))
    await asyncio.sleep(SETTLE_SECONDS)
    cpu = cpu_seconds(server.pid) - cpu
    forwarded = audience.arrived - arrived
    return (publisher.sent - sent) * len(audience.receivers), forwarded, cpu


def _verify(audience: Audience) -> None:
    verified = audience.receivers[0].verified
    if verified.broken or not verified.intact:
        raise BrokenMediaError(f"{verified.intact} packets intact, {verified.broken} broken")


async def run(plan: Plan) -> list[Sample]:
    """Run everything, the repetitions interleaved."""
    certificate = make_certificate()
    samples = []
    for seed in range(plan.runs):
        for count in plan.participants:
            found = await one_run(plan, count, certificate, seed)
            samples.extend(found)
            for sample in found:
                cost = 1e6 * sample.cpu_seconds / max(1, sample.forwarded)
                _say(
                    f"run {seed + 1}/{plan.runs}  N={count:<4} {sample.workload:<8}"
                    f" {cost:7.2f} us/packet"
                    f"  join {1e3 * sample.join_cpu_seconds:.2f} ms"
                    f"  lost {sample.expected - sample.forwarded} of {sample.expected}"
                )
    return samples


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def parse(arguments: Sequence[str]) -> Plan:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run, to see that it works")
    parser.add_argument("--runs", type=int, default=RUNS, help="repetitions, interleaved")
    parser.add_argument("--seconds", type=float, default=MEDIA_SECONDS, help="of media per figure")
    parser.add_argument(
        "--participants", type=int, nargs="+", default=list(PARTICIPANTS), metavar="N"
    )
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    read = parser.parse_args(arguments)
    if read.quick:
        return Plan((1, 10), tuple(read.workloads), 1, 1.0)
    return Plan(tuple(read.participants), tuple(read.workloads), read.runs, read.seconds)


def main() -> None:
    """Print progress to standard error, the table and the JSON line to standard output."""
    plan = parse(sys.argv[1:])
    pin(os.getpid(), GENERATOR_CORE)
    rows = medians(asyncio.run(run(plan)))
    sys.stdout.write(f"{table(rows)}\n{json_line(rows)}\n")


if __name__ == "__main__":
    main()
