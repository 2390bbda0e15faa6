"""``python -m bench.relay``: what one forwarded packet and one join cost our relay, and Janus.

How it measures and how to read it: bench/README.md.
"""

import argparse
import asyncio
import gc
import itertools
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.clock import Clock, SystemClock
from app.core.tasks import Tasks
from bench import namespace
from bench.bars import judge
from bench.client.dtls import Certificate, make_certificate
from bench.clients import Publisher
from bench.delay import percentile
from bench.janus import EVENT_LOOPS, JanusError, JanusServer, install
from bench.process import cpu_seconds, pin, rss_bytes
from bench.receiver import Audience, Bundles, Receiver
from bench.report import Sample, json_line, medians, plot, table
from bench.server import RelayServer
from bench.workload import WORKLOADS, WorkloadName, frame_ticks, schedule

PARTICIPANTS = (1, 10, 50, 100, 200)
SERVERS = ("lectern", "janus")
RUNS = 3
MEDIA_SECONDS = 4.0
WARM_UP_SECONDS = 1.0
SETTLE_SECONDS = 0.3
"""After media: what is on its way arrives, and its cost is still counted."""

LOSS = 0.005
"""Share of video that each receiver treats as lost, to have it repeated: a good home's link."""

JOINS_AT_ONCE = 10
REPORT_SECONDS = 1.0
RELAY_CORE, GENERATOR_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What one call of the bench does."""

    servers: tuple[str, ...]
    participants: tuple[int, ...]
    workloads: tuple[WorkloadName, ...]
    runs: int
    media_seconds: float
    plot: Path | None
    loss: float = LOSS
    event_loops: int = EVENT_LOOPS


class BrokenMediaError(Exception):
    """Packets arrived that do not open, or hold something that was never sent."""


Server = RelayServer | JanusServer


def _server(plan: Plan, name: str, folder: Path) -> Server:
    if name == "janus":
        return JanusServer(folder, RELAY_CORE, namespace.ADDRESS, plan.event_loops)
    return RelayServer(folder, RELAY_CORE)


async def connect(
    server: Server, count: int, certificate: Certificate, clock: Clock, loss: float = 0.0
) -> tuple[Audience, float]:
    """Connect a publisher, then ``count`` receivers; return them and the server's CPU seconds for
    all the receivers' joins."""
    audience = Audience(Publisher(certificate, clock))
    try:
        publisher = audience.publisher
        await server.publish(publisher)
        gate = asyncio.Semaphore(JOINS_AT_ONCE)

        async def join(receiver: Receiver) -> None:
            async with gate:
                await server.subscribe(receiver)

        # The last one checks and times: a server that serves its receivers in turn serves it last.
        last = count - 1
        audience.receivers = [
            Receiver(certificate, clock, publisher.delays if index == last else None, loss, index)
            for index in range(count)
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
        audience.publisher.report()
        await asyncio.sleep(REPORT_SECONDS)


async def one_run(
    plan: Plan, name: str, count: int, certificate: Certificate, seed: int
) -> list[Sample]:
    """Start a server, fill a room with ``count`` receivers and measure every workload in it."""
    clock, tasks = SystemClock(), Tasks("bench")
    samples = []
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        async with _server(plan, name, Path(folder)) as server:
            empty_rss = rss_bytes(server.pid)
            audience, join_cpu = await connect(server, count, certificate, clock, plan.loss)
            try:
                _ = tasks.start("reports", lambda: _report_regularly(audience))
                for workload in plan.workloads:
                    per_send = await _warm_up(workload, audience, seed)
                    measured = await _measure(plan, workload, audience, server, seed)
                    samples.append(
                        Sample(
                            server=name,
                            workload=workload,
                            participants=count,
                            forwarded=measured.forwarded,
                            cpu_seconds=measured.cpu_seconds,
                            expected=measured.expected,
                            join_cpu_seconds=join_cpu / count,
                            rss_bytes=max(0, rss_bytes(server.pid) - empty_rss) // count,
                            packets_per_send=per_send,
                            delay_p50=percentile(audience.publisher.delays.seconds, 0.5),
                            delay_p99=percentile(audience.publisher.delays.seconds, 0.99),
                            repaired=measured.repaired / measured.spared if measured.spared else 1,
                            feedback_rate=measured.feedbacks / count / measured.seconds,
                        )
                    )
                _verify(audience)
                if count == min(plan.participants) and not seed:
                    _say(
                        f"{name} agrees with a publisher: {audience.publisher.terms}; with a"
                        f" receiver: {audience.receivers[0].terms}"
                    )
            finally:
                await tasks.close()
                audience.close()
    return samples


async def _warm_up(workload: WorkloadName, audience: Audience, seed: int) -> float:
    """Play a little of a workload, unmeasured; return the media packets per send of the relay."""
    watcher = audience.receivers[-1]
    watcher.bundles = Bundles()
    watcher.watch_bundles(True)
    await audience.publisher.play(schedule(workload, WARM_UP_SECONDS, seed), frame_ticks(workload))
    await asyncio.sleep(SETTLE_SECONDS)
    watcher.watch_bundles(False)
    return watcher.bundles.packets / max(1, watcher.bundles.sends)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one workload came to."""

    seconds: float
    expected: int
    """Packets sent, times receivers."""
    forwarded: int
    cpu_seconds: float
    spared: int
    """Packets that came and were treated as lost."""
    repaired: int
    feedbacks: int


async def _measure(
    plan: Plan, workload: WorkloadName, audience: Audience, server: Server, seed: int
) -> Measured:
    """Play one workload, and count on both sides."""
    publisher = audience.publisher
    steps = schedule(workload, plan.media_seconds, seed)
    gc.collect()
    publisher.delays.clear()
    sent, arrived, cpu = publisher.sent, audience.arrived, cpu_seconds(server.pid)
    spared, repaired, feedbacks = audience.spared, audience.repaired, audience.feedbacks
    await publisher.play(steps, frame_ticks(workload))
    await asyncio.sleep(SETTLE_SECONDS)
    return Measured(
        seconds=plan.media_seconds,
        expected=(publisher.sent - sent) * len(audience.receivers),
        forwarded=audience.arrived - arrived,
        cpu_seconds=cpu_seconds(server.pid) - cpu,
        spared=audience.spared - spared,
        repaired=audience.repaired - repaired,
        feedbacks=audience.feedbacks - feedbacks,
    )


def _verify(audience: Audience) -> None:
    verified = audience.receivers[-1].verified
    if verified.broken or not verified.intact:
        raise BrokenMediaError(f"{verified.intact} packets intact, {verified.broken} broken")


async def run(plan: Plan) -> list[Sample]:
    """Run everything, the repetitions interleaved."""
    certificate = make_certificate()
    samples = []
    for seed in range(plan.runs):
        for count, name in itertools.product(plan.participants, plan.servers):
            found = await one_run(plan, name, count, certificate, seed)
            samples.extend(found)
            for sample in found:
                cost = 1e6 * sample.cpu_seconds / max(1, sample.forwarded)
                _say(
                    f"run {seed + 1}/{plan.runs}  {name:<8} N={count:<4} {sample.workload:<8}"
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
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--plot", type=Path, help="also draw the figures, into this PNG file")
    parser.add_argument("--loss", type=float, default=LOSS, help="share of video to be repeated")
    parser.add_argument("--event-loops", type=int, default=EVENT_LOOPS, help="of Janus")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    read = parser.parse_args(arguments)
    servers, workloads = tuple(read.servers), tuple(read.workloads)
    if read.quick:
        counts, runs, seconds = (1, 10), 1, 1.0
    else:
        counts, runs, seconds = tuple(read.participants), read.runs, read.seconds
    return Plan(servers, counts, workloads, runs, seconds, read.plot, read.loss, read.event_loops)


def setting(plan: Plan) -> str:
    """Say what the figures were taken with."""
    cores = len(os.sched_getaffinity(0))
    place = "both servers on one core, the generator on the other" if cores > 1 else "one core"
    return (
        f"{place}; ICE-lite; clients with transport-wide feedback each 50 ms, NACK and RTX where"
        f" the server agrees, {100 * plan.loss:g} % of video treated as lost; Janus with"
        f" event_loops = {plan.event_loops}; medians of {plan.runs} interleaved runs of"
        f" {plan.media_seconds:g} s"
    )


def main() -> None:
    """Print progress to standard error, the table and the JSON line to standard output."""
    plan = parse(sys.argv[1:])
    if "janus" in plan.servers:
        try:
            install()
        except JanusError as error:
            sys.exit(str(error))
        namespace.enter("bench.relay")
    described = setting(plan)
    pin(os.getpid(), GENERATOR_CORE)
    rows = medians(asyncio.run(run(plan)))
    if plan.plot is not None:
        plot(rows, plan.plot)
    bars = judge(rows)
    judged = "".join(f"{bar}\n" for bar in bars)
    sys.stdout.write(
        f"{described}\n\n{table(rows)}\n\n{judged}{json_line(rows, bars, described)}\n"
    )


if __name__ == "__main__":
    main()
