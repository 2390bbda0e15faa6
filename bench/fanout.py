"""``python -m bench.fanout``: what delivering one event to one member costs, beside the reference.

How it measures and how to read it: bench/FANOUT.md.
"""

import argparse
import asyncio
import gc
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from app.core.clock import Clock, SystemClock
from bench.lecture import LecternServer, ReferenceServer, Server, own_core
from bench.process import cpu_seconds, rss_bytes
from bench.sockets import BINARY, TEXT, LoadSocket

MEMBERS = (100, 500, 1000)
RUNS = 3
SECONDS = 5.0
WARM_UP_EVENTS = 10
EVENTS_PER_SECOND = 10
EVENT_BYTES = 2048
SETTLE_SECONDS = 1.0
JOINS_AT_ONCE = 20
SERVERS = {"lectern": LecternServer, "reference": ReferenceServer}
_STAMP = b'"eventTime":'


@dataclass(frozen=True, slots=True)
class Sample:
    """One server with one number of members, once."""

    server: str
    members: int
    us_per_event: float
    """CPU microseconds of the whole server process per event that reached a member."""
    p50_ms: float
    p99_ms: float
    max_ms: float
    lost: int
    connection_kb: float
    """Resident memory of the server process that one member added."""


class Crowd:
    """The presenter and the members of one lecture, and when each event reached them."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self.members: list[LoadSocket] = []
        self.delays: list[float] = []
        self._edits = 0

    async def open(self) -> None:
        self._presenter = await self._server.presenter()
        self._watch(self._presenter)
        self._empty_rss = rss_bytes(self._server.pid)

    async def grow(self, count: int) -> None:
        """Let members in until there are ``count`` connections with the presenter's."""
        gate = asyncio.Semaphore(JOINS_AT_ONCE)

        async def join() -> None:
            async with gate:
                member = await self._server.member()
            self._watch(member)
            self.members.append(member)

        missing = count - 1 - len(self.members)
        await asyncio.gather(*(join() for _ in range(missing)))
        await asyncio.sleep(SETTLE_SECONDS)

    def _watch(self, socket: LoadSocket) -> None:
        now, delays = self._clock.now, self.delays
        sent_at = 0.0

        def take(kind: int, data: bytes) -> None:
            nonlocal sent_at
            if kind == TEXT:
                start = data.find(_STAMP)
                if start > 0:
                    start += len(_STAMP)
                    sent_at = float(data[start : data.index(b",", start)])
            elif kind == BINARY and sent_at:
                delays.append(now() * 1e3 - sent_at)

        socket.watch(take)

    async def draw(self, events: int) -> None:
        """Have the presenter edit the board, evenly in time."""
        objects, began = bytes(EVENT_BYTES), self._clock.now()
        for number in range(events):
            edit = self._server.edit(self._clock.now() * 1e3)
            self._edits += 1
            self._presenter.emit("/lecture", self._edits, "edit", edit, objects)
            due = began + (number + 1) / EVENTS_PER_SECOND
            await asyncio.sleep(max(0.0, due - self._clock.now()))
        await asyncio.sleep(SETTLE_SECONDS)

    async def measure(self, name: str, seconds: float) -> Sample:
        """Draw for a while; return what it cost and how late it came."""
        await self.draw(WARM_UP_EVENTS)
        gc.collect()
        events = round(seconds * EVENTS_PER_SECOND)
        members, pid = len(self.members) + 1, self._server.pid
        self.delays.clear()
        before = cpu_seconds(pid)
        await self.draw(events)
        spent = cpu_seconds(pid) - before
        delays = sorted(self.delays)
        return Sample(
            server=name,
            members=members,
            us_per_event=round(1e6 * spent / max(1, len(delays)), 2),
            p50_ms=round(_share(delays, 0.5), 1),
            p99_ms=round(_share(delays, 0.99), 1),
            max_ms=round(_share(delays, 1.0), 1),
            lost=events * members - len(delays),
            connection_kb=round((rss_bytes(pid) - self._empty_rss) / members / 1024, 1),
        )

    def close(self) -> None:
        for socket in (self._presenter, *self.members):
            socket.close()


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def one_run(name: str, members: Sequence[int], seconds: float) -> list[Sample]:
    """Start one server and measure it with a growing room."""
    samples = []
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        async with SERVERS[name](Path(folder)) as server:
            crowd = Crowd(server, SystemClock())
            await crowd.open()
            try:
                for count in members:
                    await crowd.grow(count)
                    sample = await crowd.measure(name, seconds)
                    samples.append(sample)
                    _say(f"{sample}")
            finally:
                crowd.close()
    return samples


def medians(samples: Sequence[Sample]) -> list[Sample]:
    """Return the median of each figure, per number of members and server."""
    groups: dict[tuple[int, str], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.members, sample.server), []).append(sample)
    rows = []
    for members, server in sorted(groups):
        group = [asdict(sample) for sample in groups[members, server]]
        figures = {
            name: statistics.median(one[name] for one in group)
            for name in group[0]
            if name not in {"server", "members"}
        }
        rows.append(Sample(server=server, members=members, **figures))
    return rows


def table(rows: Sequence[Sample]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| N | server | us/event | p50 ms | p99 ms | max ms | lost | KB each |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.members} | {row.server} | {row.us_per_event:.1f} | {row.p50_ms:.1f} |"
        f" {row.p99_ms:.1f} | {row.max_ms:.1f} | {row.lost:.0f} | {row.connection_kb:.0f} |"
        for row in rows
    ]
    return "\n".join(lines)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


async def run(options: argparse.Namespace) -> list[Sample]:
    """Measure everything, the repetitions interleaved."""
    samples = []
    for _ in range(options.runs):
        for name in options.servers:
            samples.extend(await one_run(name, options.members, options.seconds))
    return samples


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short run, to see that it works")
    parser.add_argument("--runs", type=int, default=RUNS, help="repetitions, interleaved")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of events per figure")
    parser.add_argument("--members", type=int, nargs="+", default=list(MEMBERS), metavar="N")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    read = parser.parse_args(arguments)
    if read.quick:
        read.runs, read.seconds, read.members = 1, 1.0, [100]
    return read


def main() -> None:
    """Print progress to standard error, the table and the JSON line to standard output."""
    options = parse(sys.argv[1:])
    own_core()
    rows = medians(uvloop.run(run(options)))
    record = {"bench": "fanout", "rows": [asdict(row) for row in rows]}
    sys.stdout.write(f"{table(rows)}\n{json.dumps(record)}\n")


if __name__ == "__main__":
    main()
