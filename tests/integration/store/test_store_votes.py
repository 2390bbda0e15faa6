"""Votes, answers, claims, roles and what each person sees, on a real Redis (issue 4, item 3)."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import pytest

from app.auth.policy import POLICY, Action, Role, may
from app.core.errors import Conflict, Forbidden, NotFound, RateLimited, StalePresenter, Unavailable
from app.core.ids import QuestionId
from app.questions.model import Caller, QuestionConfig
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.store.redis import Redis
from tests.integration.store.live_room import EMAIL, GROUP, ROOM, STREAM, LiveRoomWorld

ADA = Caller("presenter", EMAIL, "Ada", 1)
TARA = Caller("student", "tara@example.org", "Tara")
TOM = Caller("student", "tom@example.org", "Tom")
SAM = Caller("student", "sam@example.org", "Sam")
GUEST = Caller("guest", "guest-socket-id-0001", "Guest 4821")


def event_data(entry: tuple[bytes, dict[bytes, bytes]]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(entry[1][b"data"])
    return data


async def events(live: LiveRoomWorld, kind: str) -> list[dict[str, Any]]:
    entries = await live.raw.xrange("room:{004217}:events")
    return [event_data(entry) for entry in entries if entry[1][b"type"] == kind.encode()]


async def class_events(live: LiveRoomWorld) -> list[bytes]:
    """Return, as text, everything that participants are told."""
    entries = await live.raw.xrange("room:{004217}:events")
    return [fields[b"data"] for _, fields in entries if fields[b"audience"] == b"room"]


async def ask(
    live: LiveRoomWorld, text: str = "why?", who: Caller = SAM, anonymous: bool = False
) -> QuestionId:
    return await live.questions.ask(ROOM, who.identity, who.name, text, None, anonymous)


def with_claims(live: LiveRoomWorld, seconds: float) -> Questions:
    """Questions whose claims last so long."""
    return Questions(RedisQuestionStore(live.redis, QuestionConfig(claim_seconds=seconds)))


# Votes


async def test_ten_thousand_votes_at_once_of_one_person_are_one(live: LiveRoomWorld) -> None:
    await live.start()
    question = await ask(live)
    gate = asyncio.Semaphore(64)  # within what is answered before a command's time-out

    async def vote() -> int:
        async with gate:
            while True:
                try:
                    return await live.questions.upvote(ROOM, TOM, question)
                except Unavailable:  # too late an answer, on a busy machine: as a client would
                    continue

    counts = await asyncio.gather(*(vote() for _ in range(10_000)))
    assert set(counts) == {1}
    assert await live.raw.zscore("room:{004217}:votes", question) == 1
    await live.questions.close()


async def test_each_person_counts_once_and_may_take_it_back(live: LiveRoomWorld) -> None:
    await live.start()
    question = await ask(live)
    for who in (TOM, TARA, GUEST, TOM):
        last = await live.questions.upvote(ROOM, who, question)
    assert last == 3
    for _ in range(2):
        assert await live.questions.upvote(ROOM, TARA, question, on=False) == 2
    assert await live.questions.upvote(ROOM, TARA, question) == 3
    await live.questions.close()


async def test_counts_are_told_together_and_all_in_the_end(live: LiveRoomWorld) -> None:
    await live.start()
    one, two = await ask(live, "one"), await ask(live, "two")
    voters = [Caller("student", f"s{n}@example.org", "S") for n in range(60)]
    await asyncio.gather(  # at once: however slow the machine, it is one moment
        *(live.questions.upvote(ROOM, voter, (one, two)[n % 2]) for n, voter in enumerate(voters))
    )
    async with asyncio.timeout(5):
        while not (told := await events(live, "votes")) or told[-1]["votes"].get(two) != 30:
            await asyncio.sleep(0.02)
    assert told[-1]["votes"] == {one: 30, two: 30}
    assert len(told) <= 4  # sixty changes
    await live.questions.close()


async def test_votes_of_a_process_that_died_are_told_by_the_presenters(live: LiveRoomWorld) -> None:
    await live.start()
    question = await ask(live)
    await live.questions.upvote(ROOM, TOM, question)
    await live.questions.upvote(ROOM, TARA, question)
    await live.questions.close()
    await asyncio.sleep(0.55)
    assert await live.rooms.renew(ROOM, "api/1", 1, 6)
    assert (await events(live, "votes"))[-1]["votes"] == {question: 2}


async def test_what_one_does_not_see_one_does_not_vote_for(live: LiveRoomWorld) -> None:
    await live.start()
    await live.questions.moderate(ROOM, ADA, on=True)
    question = await ask(live)
    for wrong in (question, QuestionId("1-1")):
        with pytest.raises(NotFound):
            await live.questions.upvote(ROOM, TOM, wrong)


# Limits


async def test_one_who_floods_is_limited_and_nobody_else(live: LiveRoomWorld) -> None:
    """In whatever process it asks: here two."""
    await live.start()
    elsewhere = Redis(live.redis._connections.url)
    await elsewhere.open()
    other = Questions(RedisQuestionStore(elsewhere))
    gate = asyncio.Semaphore(100)

    async def flood(n: int) -> QuestionId:
        where = (live.questions, other)[n % 2]
        async with gate:
            while True:
                try:
                    return await where.ask(ROOM, SAM.identity, "Sam", f"{n}", f"c{n}")
                except Unavailable:  # too late an answer, on a busy machine: as a client would
                    continue

    began = time.monotonic()
    outcomes = await asyncio.gather(*(flood(n) for n in range(1000)), return_exceptions=True)
    took = time.monotonic() - began
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert {type(error) for error in refused} == {RateLimited}
    assert 30 <= 1000 - len(refused) <= 31 + took  # 30 at once, and one a second
    assert await live.raw.xlen(STREAM) == 1000 - len(refused)
    assert await ask(live, "mine", TOM)
    # What was stored is answered as it was, also over the limit.
    first = next(n for n, outcome in enumerate(outcomes) if isinstance(outcome, str))
    assert await flood(first) == outcomes[first]
    await elsewhere.close()


async def test_the_answered_make_room_and_the_unanswered_never_go(live: LiveRoomWorld) -> None:
    await live.start()
    one, two = await ask(live, "one"), await ask(live, "two")
    await live.questions.solve(ROOM, 1, one)
    pipe = live.raw.pipeline(transaction=False)
    for _ in range(9_998):
        pipe.xadd(STREAM, {"content": "x", "name": "y"})
    await pipe.execute()
    three = await ask(live, "three")
    ids = [question.id for question in await live.questions.pending(ROOM)]
    assert (ids[0], ids[-1], len(ids)) == (two, three, 10_000)
    with pytest.raises(RateLimited):
        await ask(live, "four")


# Answers, hiding, moderation


async def test_an_answer_is_told_once_and_solves(live: LiveRoomWorld) -> None:
    await live.start()
    question = await ask(live)
    for _ in range(3):
        await live.questions.answer(ROOM, ADA, question, "because", "a1")
    (told,) = await events(live, "answered")
    assert (told["questionId"], told["content"], told["name"]) == (question, "because", "Ada")
    assert len(await events(live, "solved")) == 1
    assert await live.questions.pending(ROOM) == []
    assert await live.questions.answer(ROOM, ADA, question, "or rather because")
    assert not await live.questions.answer(ROOM, ADA, question, "because", "a1")
    (seen,) = (await live.questions.view(ROOM, TOM)).questions
    assert (seen["answered"], seen["answer"]["content"]) == (True, "or rather because")
    assert len(await events(live, "solved")) == 1


async def test_a_hidden_question_is_seen_by_staff_and_asker_alone(live: LiveRoomWorld) -> None:
    await live.start()
    question = await ask(live)
    assert await live.questions.hide(ROOM, ADA, question)
    assert not await live.questions.hide(ROOM, ADA, question)
    assert (await live.questions.view(ROOM, TOM)).questions == []
    (own,) = (await live.questions.view(ROOM, SAM)).questions
    assert (own["mine"], own["shown"]) == (True, "hidden")
    with pytest.raises(Conflict):
        await live.questions.answer(ROOM, ADA, question, "because")
    assert await live.questions.approve(ROOM, ADA, question)
    (seen,) = (await live.questions.view(ROOM, TOM)).questions
    assert seen["content"] == "why?"
    kinds = [kind.decode() for kind in await live.event_kinds()]
    assert kinds == ["asked", "question", "hidden", "question"]


async def test_a_moderated_class_sees_what_is_approved(live: LiveRoomWorld) -> None:
    await live.start()
    assert await live.questions.moderate(ROOM, ADA, on=True)
    assert not await live.questions.moderate(ROOM, ADA, on=True)
    one, two = await ask(live, "secret one"), await ask(live, "two")
    assert not any(b"secret" in text for text in await class_events(live))
    assert [q.id for q in await live.questions.pending(ROOM)] == [one, two]
    assert (await live.questions.view(ROOM, TOM)).questions == []
    await live.questions.approve(ROOM, ADA, two)
    assert [q["questionId"] for q in (await live.questions.view(ROOM, TOM)).questions] == [two]
    await live.questions.answer(ROOM, ADA, one, "because")  # shows it
    assert any(b"secret" in text for text in await class_events(live))


# Anonymity


@pytest.mark.parametrize("who", [SAM, GUEST])
async def test_the_anonymous_are_known_to_staff_alone(live: LiveRoomWorld, who: Caller) -> None:
    await live.start()
    await live.questions.appoint(ROOM, ADA, TARA.identity)
    question = await ask(live, who=who, anonymous=True)
    await live.questions.upvote(ROOM, TOM, question)
    await live.questions.answer(ROOM, ADA, question, "because")
    member = (await live.questions.view(ROOM, who)).member
    for text in await class_events(live):
        for secret in (who.name, who.identity, member):
            assert secret.encode() not in text
    (seen,) = (await live.questions.view(ROOM, TOM)).questions
    assert (seen["name"], seen["anonymous"]) == ("", True)
    assert not {"memberId", "shown", "claimed"} & seen.keys()
    for staff in (ADA, TARA):
        (known,) = (await live.questions.view(ROOM, staff)).questions
        assert (known["name"], known["memberId"]) == (who.name, member)
    # A guest's id is what it is let in with: not even staff is told.
    everything = await live.raw.xrange("room:{004217}:events")
    assert not any(who.identity.encode() in fields[b"data"] for _, fields in everything)


# What one sees


async def test_ones_own_state_survives_a_reload(live: LiveRoomWorld) -> None:
    await live.start()
    one, two = await ask(live, "one"), await ask(live, "two")
    await live.questions.solve(ROOM, 1, one)
    view = await live.questions.view(ROOM, SAM, [one, two, QuestionId("1-1")])
    assert [(q["questionId"], q["mine"], q["answered"]) for q in view.questions] == [
        (one, True, True),
        (two, True, False),
    ]
    assert view.known == {one: "answered", two: "open", "1-1": "unknown"}
    # A guest is somebody else after a reload, and knows its questions by their ids.
    again = await live.questions.view(ROOM, GUEST, [one, two])
    assert again.known == {one: "answered", two: "open"}


async def test_many_questions_are_seen_by_votes_and_by_time(live: LiveRoomWorld) -> None:
    await live.start()
    asked = [
        await ask(live, f"q{n}", Caller("student", f"s{n}@example.org", "S")) for n in range(350)
    ]
    await live.questions.upvote(ROOM, TOM, asked[3])
    seen = [q["questionId"] for q in (await live.questions.view(ROOM, TARA)).questions]
    assert asked[3] in seen
    assert set(asked[-100:]) <= set(seen)
    assert len(seen) <= 200
    assert len((await live.questions.view(ROOM, ADA)).questions) == 350
    await live.questions.close()


# Claims


async def consumers(live: LiveRoomWorld) -> dict[str, str]:
    entries = await live.raw.xpending_range(STREAM, GROUP, "-", "+", 100)
    return {entry["message_id"].decode(): entry["consumer"].decode() for entry in entries}


async def test_a_claim_is_ones_own_and_stays_unanswered(live: LiveRoomWorld) -> None:  # P3
    await live.start()
    for assistant in (TARA, TOM):
        await live.questions.appoint(ROOM, ADA, assistant.identity)
    asked = [await ask(live, f"{n}") for n in range(4)]
    claimed = await live.questions.claim(ROOM, TARA, asked[1])
    assert claimed.id == asked[1]
    with pytest.raises(Conflict):
        await live.questions.claim(ROOM, TOM, asked[1])
    assert (await live.questions.claim(ROOM, TOM)).id == asked[0]
    assert (await live.questions.claim(ROOM, TOM)).id == asked[2]
    owners = await consumers(live)
    assert owners[asked[1]].startswith("assistant:")
    assert len({owners[asked[1]], owners[asked[0]], owners[asked[3]]}) == 3
    assert owners[asked[3]] == EMAIL
    assert [q.id for q in await live.questions.pending(ROOM)] == asked
    (_, back) = await live.rooms.snapshot(ROOM, questions=True)
    assert [entry[0].decode() for entry in back] == asked
    assert await live.questions.answer(ROOM, TARA, asked[1], "because")
    assert [q.id for q in await live.questions.pending(ROOM)] == [asked[0], *asked[2:]]
    with pytest.raises(Conflict):
        await live.questions.claim(ROOM, TOM, asked[1])


async def test_a_claim_expires_to_the_next(live: LiveRoomWorld) -> None:
    await live.start()
    for assistant in (TARA, TOM):
        await live.questions.appoint(ROOM, ADA, assistant.identity)
    question = await ask(live)
    short = with_claims(live, 0.2)
    await short.claim(ROOM, TARA, question)
    await asyncio.sleep(0.25)
    assert (await short.claim(ROOM, TOM)).id == question
    told = [(e["by"] or {}).get("name") for e in await events(live, "claimed")]
    assert told[:3] == ["Tara", None, "Tom"]  # on a busy machine Tom's may have ended by now
    await asyncio.sleep(0.25)
    assert await live.rooms.renew(ROOM, "api/1", 1, 6)  # the presenter's process ends it too
    assert await consumers(live) == {question: EMAIL}
    assert (await events(live, "claimed"))[-1]["by"] is None
    await short.close()


async def test_one_who_is_dismissed_has_no_claims_and_no_rights(live: LiveRoomWorld) -> None:
    await live.start()
    ((appointed),) = await live.questions.appoint(ROOM, ADA, TARA.identity, "Tara")
    assert appointed == {
        "memberId": (await live.questions.view(ROOM, TARA)).member, "name": "Tara",
    }  # fmt: skip
    question = await ask(live)
    await live.questions.claim(ROOM, TARA, question)
    assert await live.questions.dismiss(ROOM, ADA, appointed["memberId"]) == []
    assert await consumers(live) == {question: EMAIL}
    with pytest.raises(Forbidden):
        await live.questions.claim(ROOM, TARA, question)
    assert (await live.questions.view(ROOM, TARA)).role == "student"


async def test_a_lost_group_loses_claims_and_no_question(live: LiveRoomWorld) -> None:  # X12
    await live.start()
    asked = [await ask(live, f"{n}") for n in range(3)]
    await live.questions.claim(ROOM, ADA, asked[1])
    await live.raw.xgroup_destroy(STREAM, GROUP)
    assert [q.id for q in await live.questions.pending(ROOM)] == asked
    short = with_claims(live, 0.05)
    await short.claim(ROOM, ADA, asked[1])
    await live.raw.xgroup_destroy(STREAM, GROUP)
    await asyncio.sleep(0.1)
    assert (await short.claim(ROOM, ADA)).id == asked[0]
    await short.close()


# Roles

CALLERS: dict[Role, Caller] = {
    "presenter": ADA,
    "assistant": TARA,
    "student": TOM,
    "guest": GUEST,
}


Act = Callable[[Questions, Caller, QuestionId], Awaitable[object]]
ACTIONS: dict[Action, Act] = {
    "ask": lambda all_, who, _: all_.ask(ROOM, who.identity, who.name, "mine"),
    "upvote": lambda all_, who, question: all_.upvote(ROOM, who, question),
    "view": lambda all_, who, _: all_.view(ROOM, who),
    "solve": lambda all_, who, question: all_.solve_as(ROOM, who, question),
    "answer": lambda all_, who, question: all_.answer(ROOM, who, question, "because"),
    "hide": lambda all_, who, question: all_.hide(ROOM, who, question),
    "approve": lambda all_, who, question: all_.approve(ROOM, who, question),
    "claim": lambda all_, who, question: all_.claim(ROOM, who, question),
    "appoint": lambda all_, who, _: all_.appoint(ROOM, who, "new@example.org"),
    "dismiss": lambda all_, who, _: all_.dismiss(ROOM, who, "new@example.org"),
    "moderate": lambda all_, who, _: all_.moderate(ROOM, who, on=True),
}

# The presenter is kept from asking by the socket side, where a seat says who it is.
CELLS = [(role, action) for role in CALLERS for action in POLICY if action != "ask"]


@pytest.mark.parametrize(("role", "action"), CELLS)
async def test_each_role_may_what_the_table_says(
    live: LiveRoomWorld, role: Role, action: Action
) -> None:
    await live.start()
    await live.questions.appoint(ROOM, ADA, TARA.identity)
    question = await ask(live)
    before = await live.event_kinds()
    if may(role, action):
        await ACTIONS[action](live.questions, CALLERS[role], question)
    else:
        with pytest.raises(Forbidden):
            await ACTIONS[action](live.questions, CALLERS[role], question)
        assert await live.event_kinds() == before
    await live.questions.close()


def test_the_table_names_every_action_once() -> None:
    assert set(POLICY) == set(get_args(Action)) == set(ACTIONS)
    assert all(roles <= set(get_args(Role)) for roles in POLICY.values())


async def test_only_the_slots_epoch_acts_as_the_presenter(live: LiveRoomWorld) -> None:  # P9
    await live.start()
    question = await ask(live)
    stale = Caller("presenter", EMAIL, "Ada", 2)
    actions: list[Action] = ["solve", "answer", "hide", "appoint", "moderate"]
    for action in actions:
        with pytest.raises(StalePresenter):
            await ACTIONS[action](live.questions, stale, question)
