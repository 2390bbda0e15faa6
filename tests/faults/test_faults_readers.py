"""A reader that never reads: row 20 of the fault matrix."""

import asyncio
import time

from tests.faults.people import board_of
from tests.faults.rows import Row
from tests.faults.world import until

BOARD_BYTES = 60_000
EDITS_PER_SECOND = 40
SECONDS = 14


async def test_row_20_reader_that_never_reads(row: Row) -> None:
    """A reader that never reads: cut, and nobody else notices."""
    row.room, row.owner = await row.world.lecture()
    host = await row.presenter()
    reader, other = await row.student(home=0), await row.student(home=0)
    api = row.world.apis[0]
    before = await api.reading()
    assert reader.link is not None
    reader.link.pause()
    boards = [board_of(f"board {n}", BOARD_BYTES) for n in range(8)]
    latencies, most, cut_after = [], 0, 0.0
    began = time.monotonic()
    n = 0
    while time.monotonic() - began < SECONDS and not cut_after:
        n += 1
        sent = time.monotonic()
        assert (await host.edit(boards[n % 8])).outcome == "ok"
        if n % EDITS_PER_SECOND == 0:
            assert (await other.ask()).outcome == "ok"
        await other.until(lambda: other.board == host.edited, 5)
        latencies.append(time.monotonic() - sent)
        if n % EDITS_PER_SECOND == 0:
            now = await api.reading()
            most = max(most, now.rss_bytes - before.rss_bytes)
            if now.sockets < before.sockets:
                cut_after = time.monotonic() - began
        await asyncio.sleep(max(0.0, sent + 1 / EDITS_PER_SECOND - time.monotonic()))
    reader.is_in.clear()
    assert cut_after, "the reader was never cut"
    latencies.sort()
    row.figure("cut after", cut_after)
    row.figure("most memory", most / (1 << 20), "MB", most=20)
    row.figure("edit to another viewer, p99", latencies[len(latencies) * 99 // 100], most=0.25)
    await until(lambda: other.board == host.edited, 5)
    await row.settled()
