"""``python -m bench.board``: joining late, when the board holds 10,000 elements.

How it measures and how to read it: bench/FANOUT.md.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvloop

from app.core.clock import Clock, SystemClock
from bench.lecture import LecternServer, Room, own_core
from bench.process import cpu_seconds
from bench.sockets import LoadSocket

ELEMENTS = 10_000
PER_DRAW = 250
"""Elements of one ``draw``, which has at most 512 KiB of text."""

JOINS = 12
POINTS = 24
"""Of each stroke: its JSON has some 600 bytes, as Excalidraw's short strokes have."""

BOUND_SECONDS = 1.0


def element(number: int) -> dict[str, Any]:
    """Return a stroke in Excalidraw's shape."""
    return {
        "id": f"stroke-{number:06d}",
        "type": "freedraw",
        "version": 3,
        "versionNonce": 1_000_000 + number,
        "index": f"a{number:06d}",
        "x": number % 1920,
        "y": number // 1920 * 10,
        "width": 120.5,
        "height": 40.25,
        "strokeColor": "#1e1e1e",
        "backgroundColor": "transparent",
        "strokeWidth": 2,
        "roughness": 1,
        "opacity": 100,
        "points": [[round(n * 1.37, 2), round(n * 0.71, 2)] for n in range(POINTS)],
        "page": 0,
    }


async def draw(presenter: LoadSocket, room: Room, count: int) -> None:
    """Fill the board; a client may send so many draws at once, and then some each second."""
    for first in range(0, count, PER_DRAW):
        ops = [{"put": element(n)} for n in range(first, first + PER_DRAW)]
        message = {"roomId": room.code, "opId": f"fill-{first}", "ops": ops}
        answer = await presenter.ask("/lecture", 100 + first, "draw", message)
        if not answer["ok"]:
            raise RuntimeError(f"refused: {answer['error']}")


async def join(room: Room, clock: Clock) -> tuple[float, int]:
    """Enter as a guest who shows elements; return the seconds until all are there, and bytes."""
    began = clock.now()
    member, guest = await room.enter_door("")
    await member.join("/lecture", {"accessToken": guest, "refreshToken": "", "elements": True})
    size, parts = 0, 0
    while True:
        part = await member.until(lambda _, data: data.startswith(b'42/lecture,["snapshot"'))
        size, parts = size + len(part), parts + 1
        # Only the head is read: what parsing costs is the client's.
        head = part[part.index(b'"parts":') + 8 :]
        if parts == int(head[: head.index(b",")]):
            break
    took = clock.now() - began
    member.close()
    return took, size


async def run(joins: int) -> list[dict[str, Any]]:
    """Measure joins of a board that changes before each, of an unchanged one, and all at once."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        async with LecternServer(Path(folder)) as server:
            presenter = await server.presenter()
            await draw(presenter, server.room, ELEMENTS)
            rows = []
            for name in ("after a change", "unchanged", "all at once"):
                cpu, took, size = cpu_seconds(server.pid), [], 0
                if name == "all at once":
                    found = await asyncio.gather(*(join(server.room, clock) for _ in range(joins)))
                    took, size = [one for one, _ in found], found[0][1]
                else:
                    for number in range(joins):
                        if name == "after a change":
                            changed = {"put": {**element(number), "version": 9}}
                            message = {"roomId": server.room.code, "opId": f"change-{number}"}
                            await presenter.ask(
                                "/lecture", number, "draw", {**message, "ops": [changed]}
                            )
                        one, size = await join(server.room, clock)
                        took.append(one)
                spent = cpu_seconds(server.pid) - cpu
                took.sort()
                rows.append(
                    {
                        "board": name,
                        "elements": ELEMENTS,
                        "mb": round(size / 2**20, 1),
                        "p50_ms": round(1e3 * took[len(took) // 2]),
                        "max_ms": round(1e3 * took[-1]),
                        "cpu_ms": round(1e3 * spent / joins),
                        "stalls": server.metric("lectern_loop_stall_seconds_count")
                        - server.metric('lectern_loop_stall_seconds_bucket{le="0.05"}'),
                    }
                )
            presenter.close()
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    head = list(rows[0])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(row[name]) for name in head) + " |" for row in rows]
    return "\n".join(lines)


def main() -> int:
    """Print the table and the JSON line; 1 when somebody waited longer than is promised."""
    parser = argparse.ArgumentParser(prog="python -m bench.board", description=__doc__)
    parser.add_argument("--joins", type=int, default=JOINS, help="late comers of each kind")
    options = parser.parse_args()
    own_core()
    rows = uvloop.run(run(options.joins))
    sys.stdout.write(f"{table(rows)}\n{json.dumps({'bench': 'board', 'rows': rows})}\n")
    return int(any(row["max_ms"] > 1e3 * BOUND_SECONDS for row in rows[:2]))


if __name__ == "__main__":
    sys.exit(main())
