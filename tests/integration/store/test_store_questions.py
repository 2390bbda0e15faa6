"""Questions: stored once, pending until solved, in order, whatever happens to the group."""

import asyncio
import json

import pytest

from app.core.errors import Ended, NotFound, NotStarted, StalePresenter
from app.core.ids import QuestionId
from tests.integration.store.live_room import EMAIL, GROUP, ROOM, STREAM, LiveRoomWorld


async def ask(live: LiveRoomWorld, text: str, client_id: str | None = None) -> QuestionId:
    return await live.questions.ask(ROOM, "sam@example.org", "Sam", text, client_id)


async def test_a_question_is_in_the_stream_and_pending(live: LiveRoomWorld) -> None:  # B2, B6, X1
    await live.start()
    question = await ask(live, "why?")
    ((entry, fields),) = await live.raw.xrange(STREAM)
    assert (entry.decode(), fields[b"content"]) == (question, b"why?")
    (pending,) = await live.raw.xpending_range(STREAM, GROUP, "-", "+", 10)
    assert (pending["message_id"], pending["consumer"]) == (entry, EMAIL.encode())
    (_, event), (_, shown) = await live.raw.xrange("room:{004217}:events")
    assert (event[b"type"], event[b"audience"]) == (b"asked", b"staff")
    told = {"questionId": question, "content": "why?", "name": "Sam"}
    assert told.items() <= json.loads(event[b"data"]).items()
    assert (shown[b"type"], shown[b"audience"]) == (b"question", b"room")


async def test_fifty_at_once_with_one_client_id_are_one(live: LiveRoomWorld) -> None:  # P2
    await live.start()
    answers = await asyncio.gather(*(ask(live, "why?", "c1") for _ in range(50)))
    assert len(set(answers)) == 1
    assert await live.raw.xlen(STREAM) == 1
    assert await live.event_kinds() == [b"asked", b"question"]
    assert len(await live.questions.pending(ROOM)) == 1


async def test_a_client_id_is_the_askers_own(live: LiveRoomWorld) -> None:
    await live.start()
    await ask(live, "mine", "c1")
    other = await live.questions.ask(ROOM, "eve@example.org", "Eve", "hers", "c1")
    assert [q.content for q in await live.questions.pending(ROOM)] == ["mine", "hers"]
    assert other == (await live.questions.pending(ROOM))[1].id
    await ask(live, "mine")
    await ask(live, "mine")
    assert len(await live.questions.pending(ROOM)) == 4


async def test_exactly_the_unsolved_come_back_in_order(live: LiveRoomWorld) -> None:  # B6, P3
    epoch = await live.start()
    asked = [await ask(live, f"question {n}") for n in range(20)]
    for question in asked[::3]:
        assert await live.questions.solve(ROOM, epoch, question)
    left = [q for n, q in enumerate(asked) if n % 3]
    for _ in range(2):
        assert [q.id for q in await live.questions.pending(ROOM)] == left


async def test_solving_again_is_fine_and_silent(live: LiveRoomWorld) -> None:
    epoch = await live.start()
    question = await ask(live, "why?")
    outcomes = await asyncio.gather(
        *(live.questions.solve(ROOM, epoch, question) for _ in range(5))
    )
    assert sorted(outcomes) == [False] * 4 + [True]
    assert await live.event_kinds() == [b"asked", b"question", b"solved"]


@pytest.mark.parametrize("question", ["1-1", "999-0", "x", "", "1-", "-", "1-0-0", "9" * 30 + "-0"])
async def test_an_unknown_question_is_not_found(live: LiveRoomWorld, question: str) -> None:
    epoch = await live.start()
    with pytest.raises(NotFound):
        await live.questions.solve(ROOM, epoch, QuestionId(question))


async def test_only_the_slots_epoch_solves(live: LiveRoomWorld) -> None:  # X14, P9
    epoch = await live.start()
    question = await ask(live, "why?")
    for wrong in (0, epoch + 1):
        with pytest.raises(StalePresenter):
            await live.questions.solve(ROOM, wrong, question)
    assert len(await live.questions.pending(ROOM)) == 1


@pytest.mark.parametrize("loss", ["group", "nothing"])
async def test_a_lost_group_is_made_again_without_the_answered(
    live: LiveRoomWorld, loss: str
) -> None:  # X12 NOGROUP
    epoch = await live.start()
    first, second = await ask(live, "one"), await ask(live, "two")
    await live.questions.solve(ROOM, epoch, first)
    if loss == "group":
        await live.raw.xgroup_destroy(STREAM, GROUP)
    third = await ask(live, "three")
    assert [q.id for q in await live.questions.pending(ROOM)] == [second, third]
    if loss == "group":
        await live.raw.xgroup_destroy(STREAM, GROUP)
    assert not await live.questions.solve(ROOM, epoch, first)
    if loss == "group":
        await live.raw.xgroup_destroy(STREAM, GROUP)
    assert [q.id for q in await live.questions.pending(ROOM)] == [second, third]


async def test_a_lost_stream_is_survived(live: LiveRoomWorld) -> None:
    await live.start()
    await ask(live, "one")
    await live.raw.delete(STREAM)
    assert await live.questions.pending(ROOM) == []
    two = await ask(live, "two")
    assert [q.id for q in await live.questions.pending(ROOM)] == [two]


async def test_a_deleted_entry_is_not_returned(live: LiveRoomWorld) -> None:
    await live.start()
    one, two = await ask(live, "one"), await ask(live, "two")
    await live.raw.xdel(STREAM, one)
    assert [q.id for q in await live.questions.pending(ROOM)] == [two]


async def test_text_survives_as_it_was_asked(live: LiveRoomWorld) -> None:
    await live.start()
    text = 'Is "½ < 1/√2" \\ true?\n— 你好 🎓'
    question = await ask(live, text)
    assert [(q.id, q.content, q.name) for q in await live.questions.pending(ROOM)] == [
        (question, text, "Sam")
    ]
    (_, event), _ = await live.raw.xrange("room:{004217}:events")
    assert json.loads(event[b"data"])["content"] == text


async def test_no_room_takes_no_question(live: LiveRoomWorld) -> None:
    with pytest.raises(NotStarted):
        await ask(live, "early")
    with pytest.raises(NotStarted):
        await live.questions.pending(ROOM)
    epoch = await live.start()
    await live.rooms.end(ROOM, epoch, "presenter")
    with pytest.raises(Ended):
        await ask(live, "late")
    assert await live.raw.exists(STREAM) == 0
