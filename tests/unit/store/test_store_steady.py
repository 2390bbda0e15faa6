"""The time that deadlines are counted in, when somebody sets Redis' date."""

from dataclasses import dataclass

import pytest

from app.core.errors import Unavailable
from app.store.steady import LOOK_SECONDS, SURE_SECONDS, SteadyClock
from tests.manual_clock import ManualClock

DATE_MS = 1_700_000_000_000.0


@dataclass
class Server:
    """Redis' date, in a world whose time is ``clock``."""

    clock: ManualClock
    date_ms: float = DATE_MS
    correction: int | None = None
    answers_after: float = 0.0
    is_away: bool = False

    async def read(self, known: int | None, wanted: int | None) -> tuple[float, int]:
        if self.is_away:
            raise Unavailable("away")
        if self.correction is None:
            self.correction = known or 0
        if wanted is not None and self.correction == known:
            self.correction = wanted
        date = self.date_ms + self.clock.now() * 1000
        self.clock.advance(self.answers_after)
        return date, self.correction


async def started(server: Server) -> SteadyClock:
    steady = SteadyClock(server.read, server.clock)
    await steady.begin()
    return steady


@pytest.mark.parametrize("jump", [3600, -3600, 90 * 86_400, 5])
async def test_a_date_that_is_set_moves_no_time(jump: int) -> None:
    clock = ManualClock()
    server = Server(clock)
    one, other = await started(server), await started(server)
    began = one.stamp().now_ms
    server.date_ms += jump * 1000
    assert one.stamp().now_ms == began  # before anybody has noticed
    clock.advance(LOOK_SECONDS + 1)
    assert one.is_due
    await one.look()
    await other.look()
    assert server.correction == -jump * 1000
    for steady in (one, other, await started(server)):
        assert steady.stamp() == (-jump * 1000, began + 2000)


async def test_clocks_that_part_slowly_are_followed() -> None:
    clock = ManualClock()
    server = Server(clock)
    steady = await started(server)
    began = steady.stamp().now_ms
    for _ in range(100):  # a date that is slewed by 100 ms each second: 10 s in all
        clock.advance(1)
        server.date_ms += 100
        await steady.look()
    assert steady.stamp() == (0, began + 110_000)
    clock.advance(86_400)  # and by 30 s in a day in which nothing was asked
    server.date_ms += 30_000
    await steady.look()
    assert steady.correction_ms == 0


async def test_a_slow_look_decides_nothing() -> None:
    clock = ManualClock()
    server = Server(clock)
    steady = await started(server)
    server.answers_after = SURE_SECONDS + 3
    await steady.look()
    assert server.correction == 0
    assert steady.stamp().now_ms == DATE_MS + clock.now() * 1000


async def test_the_correction_comes_back_when_it_is_deleted() -> None:
    clock = ManualClock()
    server = Server(clock)
    steady = await started(server)
    server.date_ms += 7_200_000
    await steady.look()
    server.correction = None
    clock.advance(1)
    await steady.look()
    assert server.correction == -7_200_000


async def test_while_redis_is_away_time_goes_on() -> None:
    clock = ManualClock()
    server = Server(clock)
    steady = SteadyClock(server.read, clock)
    server.is_away = True
    with pytest.raises(Unavailable):
        await steady.begin()
    assert not steady.is_set
    server.is_away = False
    await steady.begin()
    began = steady.stamp().now_ms
    server.is_away = True
    clock.advance(60)
    await steady.look()  # which fails, and is not tried again at once
    assert not steady.is_due
    assert steady.stamp().now_ms == began + 60_000
