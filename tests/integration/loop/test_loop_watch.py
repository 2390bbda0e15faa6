"""A loop that computes too long is seen, and one that only waits is not."""

import asyncio
import time

from app.core import metrics
from app.core.clock import SystemClock
from app.core.loop_watch import TICK_SECONDS, LoopWatch


def longer_than(histogram: object, seconds: float) -> float:
    """Return how many observations were above a bucket's bound."""
    (family,) = histogram.collect()  # type: ignore[attr-defined]
    counts = {s.labels.get("le"): s.value for s in family.samples if s.name.endswith("_bucket")}
    return float(counts["+Inf"] - counts[str(seconds)])


async def ticks(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(TICK_SECONDS)


async def test_a_stall_is_counted() -> None:  # P8
    watch = LoopWatch(SystemClock())
    await watch.open()
    await ticks(2)
    before = longer_than(metrics.LOOP_STALL_SECONDS, 0.05)
    spent = time.thread_time()
    while time.thread_time() - spent < 0.12:
        pass
    await ticks(3)
    assert longer_than(metrics.LOOP_STALL_SECONDS, 0.05) == before + 1
    assert longer_than(metrics.LOOP_LAG_SECONDS, 0.05) >= 1
    await watch.close()
    await watch.close()


async def test_waiting_is_no_stall() -> None:
    watch = LoopWatch(SystemClock())
    await watch.open()
    before = longer_than(metrics.LOOP_STALL_SECONDS, 0.05)
    await asyncio.sleep(0)
    time.sleep(0.12)  # the loop is late, but nothing of ours computed
    await ticks(3)
    assert longer_than(metrics.LOOP_STALL_SECONDS, 0.05) == before
    await watch.close()
