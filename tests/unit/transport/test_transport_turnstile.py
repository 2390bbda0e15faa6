"""The turnstile: everybody gets through, in order, a few in each turn of the loop."""

import asyncio
from typing import Any

from app.transport.turnstile import Turnstile


class Inside:
    def __init__(self) -> None:
        self.entered: list[int] = []

    async def __call__(self, scope: int, _: Any, __: Any) -> None:
        self.entered.append(scope)
        await asyncio.sleep(0)


async def test_few_are_not_delayed() -> None:
    inside = Inside()
    stile = Turnstile(inside, at_once=3)
    running = [asyncio.ensure_future(stile(n, None, None)) for n in range(3)]
    await asyncio.sleep(0)
    assert inside.entered == [0, 1, 2]
    await asyncio.gather(*running)


async def test_many_at_one_instant_begin_in_turns_and_in_order() -> None:  # P8
    inside = Inside()
    stile = Turnstile(inside, at_once=3)
    running = [asyncio.ensure_future(stile(n, None, None)) for n in range(11)]
    counts = []
    for _ in range(12):
        await asyncio.sleep(0)
        counts.append(len(inside.entered))
    assert max(b - a for a, b in zip([0, *counts], counts, strict=False)) == 3
    await asyncio.gather(*running)
    assert inside.entered == list(range(11))
    await asyncio.sleep(0)
    await stile(99, None, None)
    assert inside.entered[-1] == 99


async def test_one_that_gave_up_takes_nobodys_turn() -> None:
    inside = Inside()
    stile = Turnstile(inside, at_once=1)
    running = [asyncio.ensure_future(stile(n, None, None)) for n in range(3)]
    await asyncio.sleep(0)
    running[1].cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert inside.entered == [0, 2]
