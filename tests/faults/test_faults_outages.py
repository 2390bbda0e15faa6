"""Processes that die or freeze under load: rows 11, 12, 13, 18 of the fault matrix."""

import asyncio
import time

from tests.faults.rows import Row
from tests.faults.world import until


async def test_row_11_api_killed_under_load(row: Row) -> None:  # O31
    """api kill -9 under load: nothing acknowledged is lost, clients are back."""
    await row.lecture(6)
    row.stay()
    load = row.load()
    await until(lambda: load.taken >= 60, 20)
    victim = row.world.apis[0]
    lost = [person for person in row.people if person.home % 2 == 0]
    row.killed.append(victim)
    victim.kill()
    await until(lambda: all(len(p.returns) == 1 for p in lost), 30, "everybody is back")
    row.figure("clients back", max(p.returns[0] for p in lost), most=5.0)
    await row.host.until(lambda: row.host.epoch > 1, 15, "the presenter has the slot again")
    before = load.taken
    await until(lambda: load.taken >= before + 60, 20)
    await load.stop()
    row.figure("acknowledged", load.taken, "writes")
    assert all(person.refusals == [] for person in row.people)
    await row.settled()


async def test_row_12_redis_killed(row: Row) -> None:
    """Redis kill -9 under load, started again: nothing acknowledged is lost."""
    await row.lecture(6)
    row.stay()
    show = await row.show()
    load = row.load()
    await until(lambda: load.taken >= 60, 20)
    row.world.redis.kill()
    killed = time.monotonic()
    row.world.redis.start()
    began = time.monotonic()
    await until(lambda: load.last_taken > began, 20)
    row.figure("writes resume after the kill", load.last_taken - killed, most=3.0)
    before = load.taken
    await until(lambda: load.taken >= before + 60, 20)
    await load.stop()
    row.figure("longest silence of the media", show.longest_gap, most=0.5)
    await row.settled()


async def test_row_13_redis_frozen(row: Row) -> None:
    """Redis SIGSTOP 10 s: media unaffected, nothing falsely acknowledged, no duplicates."""
    await row.lecture(6)
    row.stay()
    show = await row.show()
    load = row.load()
    await until(lambda: load.taken >= 60, 20)
    row.world.redis.pause()
    paused = time.monotonic()
    await asyncio.sleep(0.2)  # what was on its way when it froze is answered
    refused = await asyncio.gather(*(member.ask() for member in row.audience[:3]))
    assert {(log.outcome, log.result) for log in refused} == {("unknown", "unavailable")}
    row.figure("refused after", max(log.ended - log.began for log in refused), most=2.5)
    for api in row.world.apis:
        assert (await api.get("/health")).status_code == 200
        assert not await api.is_ready()
    left = paused + 10 - time.monotonic()
    await asyncio.sleep(max(0.0, left))  # the fault itself lasts this long
    assert not [log for log in row.history.operations if _is_false(log, paused + 0.2)]
    row.world.redis.resume()
    resumed = time.monotonic()
    took = await until(lambda: load.last_taken > resumed, 20)
    row.figure("writes resume", took, most=3.0)
    for api in row.world.apis:
        await until(api.is_ready, 10)
    before = load.taken
    await until(lambda: load.taken >= before + 60, 20)
    await load.stop()
    row.figure("longest silence of the media", show.longest_gap, most=0.5)
    assert row.host.heard("ended") == []
    assert len(row.host.returns) <= 1
    await row.settled(20)


def _is_false(log: object, after: float) -> bool:
    ended = getattr(log, "ended", None)
    return getattr(log, "outcome", "") == "ok" and ended is not None and ended > after


async def test_row_18_subscription_killed(row: Row) -> None:
    """The subscription is killed, on both processes: it heals, nothing is missed."""
    await row.lecture(4)
    worst = 0.0
    for n in range(3):
        for entry in await row.raw.client_list(_type="pubsub"):
            await row.raw.client_kill_filter(_id=entry["id"])
        written = await row.host.edit()
        assert written.outcome == "ok"
        question = await row.audience[n].ask()
        for member in row.people:
            wanted = row.host.edited
            took = await member.until(lambda m=member, w=wanted: m.board == w, 10)
            worst = max(worst, took)
        await row.host.until(lambda q=question: q.result in row.host.shown, 10)
    row.figure("healed", worst, most=5.0)
    await row.settled()
