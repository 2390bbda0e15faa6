"""Those who come back by a cursor, to another process: row 11 of the fault matrix."""

import asyncio
import time

from tests.faults.rows import Row
from tests.faults.world import until


async def test_row_11_api_killed_with_cursors(row: Row) -> None:
    """api kill -9 while four draw: they resume at another process with exactly what they missed."""
    await row.lecture(1)
    row.stay()
    sketchers = [await row.sketcher(home) for home in (0, 0, 1, 1)]
    allowed = await row.host.call("drawing", {"mode": "everyone"})
    assert allowed["ok"], allowed
    for person in sketchers:
        person.stay()
    load = row.load(edits=False)
    await until(lambda: load.taken >= 60, 20)
    victim = row.world.apis[0]
    lost = [person for person in sketchers if person.home % 2 == 0]
    before = {person.name: len(person.told) for person in sketchers}
    row.killed.append(victim)
    victim.kill()
    await until(lambda: all(len(p.returns) == 1 for p in lost), 30, "everybody is back")
    row.figure("clients back", max(p.returns[0] for p in lost), most=5.0)
    taken = load.taken
    await until(lambda: load.taken >= taken + 60, 20)
    await load.stop()
    for person in lost:
        assert person.resumes == [False, True], "brought back by its cursor, not by a snapshot"
    await row.settled()
    # Exactly once, in order, over both connections: what one hears who lost nothing.
    whole = sketchers[2].told
    for person in lost:
        since = whole[whole.index(person.told[0]) :] if person.told[0] in whole else whole
        mine = person.told[person.told.index(since[0]) :]
        assert mine == since[: len(mine)]
        assert len(person.told) > before[person.name]
    row.figure("events over the loss", len(lost[0].told), "")


async def test_row_11_a_repeat_at_another_process_draws_once(row: Row) -> None:
    """api kill -9 with a draw under way: the repeat elsewhere answers as the first, drawn once."""
    await row.lecture(0)
    row.stay()
    person = await row.sketcher(0)
    assert (await row.host.call("drawing", {"mode": "everyone"}))["ok"]
    person.stay()
    victim = row.world.apis[0]
    row.killed.append(victim)
    drawing = asyncio.ensure_future(person.draw("twice"))
    await asyncio.sleep(0)  # it is on its way
    victim.kill()
    first = await drawing
    await until(lambda: person.returns, 20)
    again = await person.draw("twice")
    assert again.outcome == "ok"
    assert first.outcome in ("ok", "unknown")
    await row.settled()


async def test_row_12_redis_killed_while_three_draw(row: Row) -> None:
    """Redis kill -9 while three draw: no acknowledged element is lost, every page has them all."""
    await row.lecture(1)
    row.stay()
    assert (await row.host.call("drawing", {"mode": "everyone"}))["ok"]
    for home in (0, 1, 1):
        (await row.sketcher(home)).stay()
    load = row.load(edits=False)
    await until(lambda: load.taken >= 40, 20)
    row.world.redis.kill()
    killed = time.monotonic()
    row.world.redis.start()
    began = time.monotonic()
    await until(lambda: load.last_taken > began, 20)
    row.figure("writes resume after the kill", load.last_taken - killed, most=3.0)
    before = load.taken
    await until(lambda: load.taken >= before + 40, 20)
    await load.stop()
    await row.settled()
    row.figure("elements on every page", len(row.sketchers[0].elements), "")
