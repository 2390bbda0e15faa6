"""The end of a process that has something to give away first."""

import asyncio

from app.cluster.drain import Drain
from app.core.errors import Unavailable
from tests.manual_clock import ManualClock


async def heirs() -> bool:
    return True


async def test_it_ends_when_it_is_empty(clock: ManualClock) -> None:
    drain, left = Drain(clock, 20), [3]

    def is_empty() -> bool:
        left[0] -= 1
        return left[0] <= 0

    waiting = asyncio.ensure_future(drain.asked())
    await asyncio.sleep(0)
    assert not waiting.done()
    drain.ask()
    await waiting
    assert await drain.until_empty(is_empty, heirs)


async def test_it_ends_at_its_deadline(clock: ManualClock) -> None:
    drain = Drain(clock, 20)
    drain.ask()

    def is_empty() -> bool:
        clock.advance(8)
        return False

    assert not await drain.until_empty(is_empty, heirs)
    assert drain.is_over


async def test_an_operator_may_ask_for_less_but_not_for_more(clock: ManualClock) -> None:
    drain = Drain(clock, 20)
    drain.ask(5)
    drain.ask(60)
    clock.advance(4.9)
    assert not drain.is_over
    clock.advance(0.1)
    assert drain.is_over


async def test_a_second_signal_ends_it_at_once(clock: ManualClock) -> None:
    drain = Drain(clock, 20)
    drain.ask()
    assert not drain.is_over
    drain.ask()
    assert not await drain.until_empty(lambda: False, heirs)


async def test_without_heirs_there_is_nothing_to_wait_for(clock: ManualClock) -> None:
    async def nobody() -> bool:
        return False

    async def away() -> bool:
        raise Unavailable("Redis is away")

    for has_heirs in (nobody, away):
        drain = Drain(clock, 20)
        drain.ask()
        assert not await drain.until_empty(lambda: False, has_heirs)
        assert not drain.is_over
