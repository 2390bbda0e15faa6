"""``python -m bench.crowd``: a whole class that comes at once, and comes back at once.

How it measures and how to read it: bench/FANOUT.md.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop

from app.core.clock import SystemClock
from bench.lecture import LecternServer, Room, own_core
from bench.process import cpu_seconds, rss_bytes
from bench.sockets import LoadSocket, SocketLostError

JOINS, JOIN_SECONDS = 1000, 10.0
RETURNS, RETURN_SECONDS = 9000, 20.0
PROCESSES = 3
PATIENCE_SECONDS = 60.0
"""For one client; who waits for longer has failed."""

RETRY_SECONDS = 1.0
"""What a client waits before it connects again (the least that Socket.IO's does)."""

FILL_PER_SECOND = 90
"""Joins before the connections are lost."""

SETTLE_SECONDS = 3.0

Arrive = Callable[[str], Awaitable[tuple[LoadSocket, str]]]


@dataclass(slots=True)
class Arrivals:
    """What one process' clients saw."""

    milliseconds: list[float]
    failures: list[str]
    retries: int = 0
    """Connections that were closed and made again, as a client's own reconnection does."""


class Class:
    """One process' share of the clients."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._clock = SystemClock()
        self._sockets: list[LoadSocket] = []
        self._credentials: list[str] = []

    async def enter(self, tokens: Sequence[str], seconds: float) -> Arrivals:
        """Let one in per token (empty: a guest), evenly in time."""
        return await self._arrive(tokens, seconds, self._room.enter)

    async def come_back(self, seconds: float) -> Arrivals:
        """Connect everyone anew who was let in before."""

        async def come_back(credential: str) -> tuple[LoadSocket, str]:
            return await self._room.come_back(credential), credential

        credentials, self._credentials = self._credentials, []
        return await self._arrive(credentials, seconds, come_back)

    def drop(self) -> None:
        """Lose every connection at once."""
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()

    async def _arrive(self, credentials: Sequence[str], seconds: float, arrive: Arrive) -> Arrivals:
        arrivals = Arrivals([], [])
        began = self._clock.now()

        async def persistent(credential: str) -> tuple[LoadSocket, str]:
            while True:
                try:
                    return await arrive(credential)
                except SocketLostError:
                    arrivals.retries += 1
                    await asyncio.sleep(RETRY_SECONDS)

        async def one(position: int, credential: str) -> None:
            due = began + seconds * position / len(credentials)
            await asyncio.sleep(max(0.0, due - self._clock.now()))
            start = self._clock.now()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    socket, kept = await persistent(credential)
            except Exception as fault:  # noqa: BLE001 (counted, whatever it is)
                arrivals.failures.append(f"{type(fault).__name__}: {fault}"[:200])
                return
            arrivals.milliseconds.append(1e3 * (self._clock.now() - start))
            socket.watch(lambda _, __: None)
            self._sockets.append(socket)
            self._credentials.append(kept)

        await asyncio.gather(*(one(*pair) for pair in enumerate(credentials)))
        return arrivals


async def work() -> None:
    """Be one of the client processes: a command per line of JSON, an answer each."""
    more_files()
    own_core()
    lines = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    group: Class | None = None
    while line := await lines.readline():
        command = json.loads(line)
        if command["do"] == "drop" and group is not None:
            group.drop()
            answer: dict[str, Any] = {}
        elif command["do"] == "return" and group is not None:
            found = await group.come_back(command["seconds"])
            answer = asdict(found)
        else:
            group = group or Class(Room(command["port"], command["room"]))
            found = await group.enter(command["tokens"], command["seconds"])
            answer = asdict(found)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


class Workers:
    """The client processes. ``close`` them."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        self._processes = processes

    @classmethod
    async def start(cls, count: int) -> "Workers":
        command = [sys.executable, "-m", "bench.crowd", "--worker"]
        pipe = asyncio.subprocess.PIPE
        return cls(
            [
                await asyncio.create_subprocess_exec(
                    *command, stdin=pipe, stdout=pipe, limit=1 << 24
                )
                for _ in range(count)
            ]
        )

    async def all(self, **command: Any) -> list[dict[str, Any]]:
        """Have each do the same, with its share of the ``tokens``."""
        tokens = command.pop("tokens", None)
        count = len(self._processes)

        async def one(index: int, process: asyncio.subprocess.Process) -> dict[str, Any]:
            share = {} if tokens is None else {"tokens": tokens[index::count]}
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({**command, **share}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await process.stdout.readline())
            return answer

        return await asyncio.gather(*(one(*pair) for pair in enumerate(self._processes)))

    async def close(self) -> None:
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()


def more_files() -> None:
    """Let this process open as many files as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def phase(
    server: LecternServer, workers: Workers, name: str, **command: Any
) -> dict[str, Any]:
    """Have the clients do something; return the figures."""
    cpu, clock = cpu_seconds(server.pid), SystemClock()
    began = clock.now()
    answers = await workers.all(**command)
    took, cpu = clock.now() - began, cpu_seconds(server.pid) - cpu
    ms = sorted(one for answer in answers for one in answer["milliseconds"])
    failures = [one for answer in answers for one in answer["failures"]]
    for failure in sorted(set(failures))[:5]:
        sys.stderr.write(f"{failures.count(failure)} x {failure}\n")
    return {
        "phase": name,
        "clients": len(ms) + len(failures),
        "failed": len(failures),
        "again": sum(answer["retries"] for answer in answers),
        "seconds": round(took, 1),
        "p50_ms": round(_share(ms, 0.5), 1),
        "p99_ms": round(_share(ms, 0.99), 1),
        "max_ms": round(_share(ms, 1.0), 1),
        "cpu_ms": round(1e3 * cpu / max(1, len(ms)), 2),
        "rss_mb": round(rss_bytes(server.pid) / 2**20, 1),
    }


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


async def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Joins; then a full room whose connections are all lost and come back."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        settings = {"LECTERN_MAX_PEERS": "20000"}
        async with LecternServer(Path(folder), settings) as server:
            workers = await Workers.start(PROCESSES)
            presenter = await server.presenter()
            presenter.watch(lambda _, __: None)
            room = {"port": server.port, "room": server.room.code}
            try:
                students = server.accounts(options.joins // 2, SystemClock().wall())
                tokens = [token for student in students for token in (student, "")]
                rows.append(
                    await phase(
                        server, workers, "join", do="enter", tokens=tokens,
                        seconds=options.joins * JOIN_SECONDS / JOINS, **room,
                    )
                )  # fmt: skip
                _say(rows[-1])
                more = options.returns - options.joins
                if more > 0:
                    rows.append(
                        await phase(
                            server, workers, "fill", do="enter", tokens=[""] * more,
                            seconds=more / FILL_PER_SECOND, **room,
                        )
                    )  # fmt: skip
                    _say(rows[-1])
                await asyncio.sleep(SETTLE_SECONDS)
                _ = await workers.all(do="drop")
                seconds = options.returns * RETURN_SECONDS / RETURNS
                rows.append(await phase(server, workers, "return", do="return", seconds=seconds))
                _say(rows[-1])
            finally:
                presenter.close()
                await workers.close()
    return rows


def _say(row: dict[str, Any]) -> None:
    sys.stderr.write(f"{row}\n")
    sys.stderr.flush()


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(row[name]) for name in head) + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Print progress to standard error, the table and the JSON line to standard output."""
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--joins", type=int, default=JOINS, help="in so many hundredths of a second"
    )
    parser.add_argument("--returns", type=int, default=RETURNS, help="connections that come back")
    options = parser.parse_args()
    if options.worker:
        uvloop.run(work())
        return
    own_core()
    rows = uvloop.run(run(options))
    sys.stdout.write(f"{table(rows)}\n{json.dumps({'bench': 'crowd', 'rows': rows})}\n")


if __name__ == "__main__":
    main()
