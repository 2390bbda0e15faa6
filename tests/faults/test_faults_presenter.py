"""The presenter's slot under faults: rows 1, 2, 3, 33, 34 of the fault matrix."""

import asyncio
import time

from tests.faults.people import Person
from tests.faults.readings import read_final
from tests.faults.recordings import seconds_in, whole
from tests.faults.rows import Row
from tests.faults.world import GRACE_SECONDS, until


async def test_row_01_presenter_tab_killed(row: Row) -> None:
    """Presenter's tab killed: room held, members told."""
    await row.lecture()
    host = row.host
    await host.edit()
    began = time.monotonic()
    await host.drop()
    for member in row.audience:
        await member.until(lambda m=member: m.heard("presenter_away"), 10)
    told = max(
        next(at for at, name, _ in member.got if name == "presenter_away") - began
        for member in row.audience
    )
    row.figure("members told", told, most=1.0)
    status, board = await row.raw.hmget(f"room:{{{row.room}}}", "status", "whiteboardObjects")
    assert (status, board) == (b"AWAY", host.edited)
    assert (await row.audience[0].ask()).outcome == "ok"
    await row.settled()


async def test_row_02_presenter_returns_in_grace(row: Row) -> None:
    """Presenter returns in the grace period, to another process: everything is there."""
    await row.lecture(4)
    host = row.host
    show = await row.show()
    await host.stop_staying()
    waiting = 500
    questions = [await member.ask() for member in row.audience for _ in range(2)]
    assert (await host.solve(questions[0].result)).outcome == "ok"
    await host.edit()
    await host.drop()
    await row.audience[0].until(lambda: row.audience[0].heard("presenter_away"), 5)
    await row.ask_many(waiting - len(questions) + 1)  # as many as P3 speaks of
    took = []
    for n in range(12):
        host.home = n + 1
        await host.come_back()
        came = host.heard("state")[-1]
        assert len(came["questions"]) == waiting
        took.append(host.entered_seconds)
        if host.epoch == 0:
            await host.until(lambda: host.epoch, 10)
        if n < 11:
            host.link.abort()
            host.is_in.clear()
            await until(lambda: _status(row, b"AWAY"), 10)
    exact = [question["questionId"] for question in host.heard("state")[-1]["questions"]]
    assert exact == (await read_final(row.raw, row.room)).pending
    row.figure("longest silence of the media", show.longest_gap, most=0.5)
    took.sort()
    row.figure("list of 500 after the socket connects, worst of 12", took[-1], most=0.3)
    row.figure("median", took[len(took) // 2])
    assert (await host.edit()).outcome == "ok"
    await host.drop()
    await host.enter()  # with an offer, as a page that was loaded anew
    listed = host.heard("reconnectPresenter")[-1]["questions"]
    assert [question[0] for question in listed] == exact
    assert host.heard("reconnectPresenter")[-1]["whiteboard"]["objects"] == host.edited
    await row.settled()


async def test_row_03_presenter_returns_after_grace(row: Row) -> None:
    """Presenter returns after the grace period: ended once, the recording closed."""
    await row.lecture()
    await row.show()
    host, member = row.host, row.audience[0]
    lecture = (await row.raw.hget(f"room:{{{row.room}}}", "lectureId")).decode()
    assert (await host.call("record", {"on": True}))["state"] == "on"
    spool = row.world.folder / "recordings" / "spool"
    await until(lambda: list(spool.glob("*/*.webm")), 20, "a file is written")
    await host.drop()
    await member.until(lambda: member.heard("presenter_away"), 5)
    took = await member.until(lambda: member.heard("ended"), GRACE_SECONDS + 15)
    ended = time.monotonic()
    row.figure("ended after the loss", took, most=GRACE_SECONDS + 3)
    for other in row.audience:
        await other.until(lambda o=other: o.heard("ended"), 5)
        assert [ended["reason"] for ended in other.heard("ended")] == ["grace"]
    entries = await row.raw.xrange(f"room:{{{row.room}}}:events")
    assert [fields[b"type"] for _, fields in entries].count(b"ended") == 1
    answer = await row.world.apis[1].get(f"/lecture?code={row.room}")
    assert answer.status_code == 404
    assert not await row.raw.exists(f"room:{{{row.room}}}")
    await host.come_back()
    assert [ended["content"] for ended in host.heard("ended")] == ["finish"]
    found = await whole(row.world, lecture)
    row.figure("recording closed after the end", time.monotonic() - ended)
    assert {one["kind"] for one in found["files"]} == {"audio", "mix"}
    files = list((spool.parent / "kept" / lecture).rglob("*.webm"))
    assert files
    for file in files:  # the voice went on while the room was held
        assert seconds_in(file) > GRACE_SECONDS - 1
    assert list(spool.glob("*/*.webm")) == []
    await row.settled()


async def test_row_33_two_presenter_tabs(row: Row) -> None:
    """Two presenter tabs that both write: one is effective, the other is told."""
    await row.lecture(2)
    first = row.host
    assert (await first.edit()).outcome == "ok"
    second = await row.presenter(home=1, name="second tab")
    assert second.epoch == first.epoch + 1
    first.board = b""

    async def draw(tab: Person, times: int) -> list[str]:
        return [(await tab.edit()).outcome for _ in range(times)]

    stale, fresh = await asyncio.gather(draw(first, 30), draw(second, 30))
    assert set(fresh) == {"ok"}
    assert set(stale) == {"refused"}
    codes = {op.result for op in row.history.operations if op.outcome == "refused"}
    assert codes == {"stale_presenter"}
    question = await row.audience[0].ask()
    assert (await first.solve(question.result)).result == "stale_presenter"
    assert (await second.solve(question.result)).outcome == "ok"
    first.is_in.clear()  # its page is stale, and was told
    await row.settled()


async def test_row_34_a_member_who_does_not_present(row: Row) -> None:
    """A participant edits, solves and ends: refused, nothing happens."""
    await row.lecture(2)
    member = row.audience[0]
    question = await row.audience[1].ask()
    before = await row.raw.hget(f"room:{{{row.room}}}", "seq")
    took = []
    for attempt in (member.edit, lambda: member.solve(question.result)):
        began = time.monotonic()
        log = await attempt()
        took.append(time.monotonic() - began)
        assert (log.outcome, log.result) == ("refused", "forbidden")
    answer = await member.end()
    assert answer["error"]["code"] == "forbidden"
    assert await row.raw.hget(f"room:{{{row.room}}}", "seq") == before
    assert row.host.heard("ended") == []
    row.figure("refused after", max(took))
    await row.settled()


async def _status(row: Row, wanted: bytes) -> bool:
    return bool(await row.raw.hget(f"room:{{{row.room}}}", "status") == wanted)
