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
from bench.client.dtls import Certificate, make_certificate
from bench.clients import Publisher
from bench.delay import percentile
from bench.janus import JanusError, JanusServer, install
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


class BrokenMediaError(Exception):
    """Packets arrived that do not open, or hold something that was never sent."""


Server = RelayServer | JanusServer


def _server(name: str, folder: Path) -> Server:
    if name == "janus":
        return JanusServer(folder, RELAY_CORE, namespace.ADDRESS)
    return RelayServer(folder, RELAY_CORE)


async def connect(
    server: Server, count: int, certificate: Certificate, clock: Clock
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
            Receiver(certificate, clock, publisher.delays if index == last else None)
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
        audience.report()
        await asyncio.sleep(REPORT_SECONDS)


async def one_run(
    plan: Plan, name: str, count: int, certificate: Certificate, seed: int
) -> list[Sample]:
    """Start a server, fill a room with ``count`` receivers and measure every workload in it."""
    clock, tasks = SystemClock(), Tasks("bench")
    samples = []
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        async with _server(name, Path(folder)) as server:
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
                            server=name,
                            workload=workload,
                            participants=count,
                            forwarded=forwarded,
                            cpu_seconds=cpu,
                            expected=expected,
                            join_cpu_seconds=join_cpu / count,
                            rss_bytes=max(0, rss_bytes(server.pid) - empty_rss) // count,
                            packets_per_send=per_send,
                            delay_p50=percentile(audience.publisher.delays.seconds, 0.5),
                            delay_p99=percentile(audience.publisher.delays.seconds, 0.99),
                        )
                    )
                _verify(audience)
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


async def _measure(
    plan: Plan, workload: WorkloadName, audience: Audience, server: Server, seed: int
) -> tuple[int, int, float]:
    """Play one workload; return packets expected and forwarded, and the server's CPU seconds."""
    publisher = audience.publisher
    steps = schedule(workload, plan.media_seconds, seed)
    gc.collect()
    publisher.delays.clear()
    sent, arrived, cpu = publisher.sent, audience.arrived, cpu_seconds(server.pid)
    await publisher.play(steps, frame_ticks(workload))
    await asyncio.sleep(SETTLE_SECONDS)
    cpu = cpu_seconds(server.pid) - cpu
    forwarded = audience.arrived - arrived
    return (publisher.sent - sent) * len(audience.receivers), forwarded, cpu


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
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    read = parser.parse_args(arguments)
    servers, workloads = tuple(read.servers), tuple(read.workloads)
    if read.quick:
        return Plan(servers, (1, 10), workloads, 1, 1.0, read.plot)
    return Plan(servers, tuple(read.participants), workloads, read.runs, read.seconds, read.plot)


def main() -> None:
    """Print progress to standard error, the table and the JSON line to standard output."""
    plan = parse(sys.argv[1:])
    if "janus" in plan.servers:
        try:
            install()
        except JanusError as error:
            sys.exit(str(error))
        namespace.enter("bench.relay")
    pin(os.getpid(), GENERATOR_CORE)
    rows = medians(asyncio.run(run(plan)))
    if plan.plot is not None:
        plot(rows, plan.plot)
    sys.stdout.write(f"{table(rows)}\n{json_line(rows)}\n")


if __name__ == "__main__":
    main()
