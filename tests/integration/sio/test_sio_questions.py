"""Questions on the wire: what the class sees, what the staff does (issue 4, item 3)."""

import asyncio
from typing import Any

import pytest

from tests.integration.sio.conftest import OWNER, STRANGER, STUDENT, Client, Stack

LECTURE = "/lecture"


class Class:
    """A lecture with a presenter, Bob and Eve, who have accounts, and a guest."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    async def gather(self) -> "Class":
        self.room = await self._stack.room()
        self.ada = await self._stack.presenter(self.room)
        self.bob = await self._stack.student(self.room, STUDENT)
        self.eve = await self._stack.student(self.room, STRANGER)
        self.guest, _ = await self._stack.guest(self.room)
        return self

    async def say(self, who: Client, event: str, **fields: Any) -> dict[str, Any]:
        answer: dict[str, Any] = await who.ask(LECTURE, event, {"roomId": self.room, **fields})
        return answer

    async def asked(self, who: Client, text: str = "why?", **fields: Any) -> str:
        answer = await self.say(who, "ask", content=text, **fields)
        assert answer["ok"], answer
        return str(answer["questionId"])


@pytest.fixture
async def people(stack: Stack) -> Class:
    return await Class(stack).gather()


async def test_the_class_sees_questions_and_votes(people: Class) -> None:
    question = await people.asked(people.bob, anonymous=True)
    shown = await people.eve.event("question")
    assert {
        "questionId": question,
        "content": "why?",
        "name": "",
        "votes": 0,
    }.items() <= shown.items()
    told = await people.ada.event("asked")
    assert {"type": "question", "content": "why?", "name": "bob"}.items() <= told.items()
    for voter in (people.eve, people.guest, people.guest):
        answer = await people.say(voter, "upvote", questionId=question)
    assert (answer["votes"], answer["voted"]) == (2, True)
    await people.bob.until(
        lambda: any(v["votes"] == {question: 2} for v in people.bob.all("votes"))
    )
    taken_back = await people.say(people.guest, "upvote", questionId=question, on=False)
    assert taken_back["votes"] == 1
    for heard in (people.eve, people.guest):
        assert heard.all("asked") == []
        assert "bob" not in str(heard.got)


async def test_one_who_comes_later_has_the_list(people: Class, stack: Stack) -> None:
    question = await people.asked(people.bob, "before you came")
    await people.say(people.ada, "answer", questionId=question, content="because")
    answered = await people.eve.event("answered")
    assert (answered["content"], answered["name"]) == ("because", "ada")
    late, _ = await stack.guest(people.room)
    (seen,) = (await late.event("state"))["questions"]
    assert (seen["questionId"], seen["answered"], seen["mine"]) == (question, True, False)
    assert seen["answer"]["content"] == "because"
    known = await people.say(late, "questions", ids=[question])
    assert known["known"] == {question: "answered"}
    # The presenter's list is, as ever, the unanswered in order.
    open_question = await people.asked(people.bob, "open")
    again = await stack.presenter(people.room, board=False)
    state = await again.event("state")
    assert [(q["questionId"], q["name"]) for q in state["questions"]] == [(open_question, "bob")]
    back = again.all("reconnectPresenter")[0]["questions"]
    assert back == [[open_question, ["content", "open"]]]


async def test_an_assistant_does_what_the_presenter_lets_it(people: Class) -> None:
    refused = await people.say(people.eve, "claim")
    assert refused["error"]["code"] == "forbidden"
    answer = await people.say(people.ada, "appoint", member=STRANGER.upper())
    (assistant,) = answer["assistants"]
    told = await people.eve.event("assistants")
    own = await people.say(people.eve, "questions")
    assert own["assistant"] is True
    assert own["memberId"] == assistant["memberId"] == told["assistants"][0]["memberId"]

    question = await people.asked(people.bob, anonymous=True)
    assert (await people.eve.event("asked"))["name"] == "bob"
    claimed = await people.say(people.eve, "claim")
    assert claimed["questionId"] == question
    assert (await people.ada.event("claimed"))["by"]["name"] == "eve"
    assert (await people.say(people.eve, "answer", questionId=question, content="so"))["ok"]
    assert (await people.bob.event("solved"))["questionId"] == question
    assert people.bob.all("claimed") == people.guest.all("claimed") == []

    await people.say(people.ada, "dismiss", member=assistant["memberId"])
    await people.eve.event("assistants", 3)  # appointed, named, dismissed
    await people.asked(people.bob, "again")
    await people.ada.event("asked", 2)
    refused = await people.say(people.eve, "solved", questionId=question)
    assert refused["error"]["code"] == "forbidden"
    assert len(people.eve.all("asked")) == 1


async def test_a_moderated_class_waits_for_approval(people: Class) -> None:
    assert (await people.say(people.bob, "moderation", on=True))["error"]["code"] == "forbidden"
    assert (await people.say(people.ada, "moderation", on=True))["changed"] is True
    assert (await people.guest.event("moderation"))["on"] is True
    question = await people.asked(people.bob)
    assert (await people.ada.event("asked"))["shown"] == "waiting"
    refused = await people.say(people.eve, "upvote", questionId=question)
    assert refused["error"]["code"] == "not_found"
    assert people.eve.all("question") == []
    await people.say(people.ada, "approve", questionId=question)
    assert (await people.eve.event("question"))["questionId"] == question
    await people.say(people.ada, "hide", questionId=question)
    assert (await people.eve.event("hidden"))["questionId"] == question


async def test_numbers_have_no_gaps_for_who_hears_everything(people: Class) -> None:  # P8
    await people.say(people.ada, "moderation", on=True)
    question = await people.asked(people.bob)
    await people.say(people.ada, "approve", questionId=question)
    await people.say(people.ada, "claim", questionId=question)
    await people.say(people.ada, "answer", questionId=question, content="so")
    await people.ada.event("solved")
    seqs = [data["seq"] for _, name, data in people.ada.got if name != "state" and "seq" in data]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


@pytest.mark.parametrize(
    ("event", "fields", "code"),
    [
        ("upvote", {}, "bad_request"),
        ("upvote", {"questionId": "1-1", "on": "yes"}, "bad_request"),
        ("answer", {"questionId": "1-1", "content": " "}, "bad_request"),
        ("answer", {"questionId": "1-1", "content": "x" * 4001}, "too_large"),
        ("answer", {"questionId": "1-1", "content": "x"}, "not_found"),
        ("appoint", {"member": "nobody"}, "bad_request"),
        ("moderation", {}, "bad_request"),
        ("claim", {}, "not_found"),
        ("questions", {"ids": ["1-1"] * 51}, "bad_request"),
        ("ask", {"content": "me"}, "forbidden"),
    ],
)
async def test_what_cannot_be_is_answered(
    stack: Stack, event: str, fields: dict[str, Any], code: str
) -> None:
    room = await stack.room()
    ada = await stack.presenter(room)
    answer = await ada.ask(LECTURE, event, {"roomId": room, **fields})
    assert answer["error"]["code"] == code, answer


async def test_two_connections_of_one_person_have_one_vote(stack: Stack) -> None:  # X13
    room = await stack.room()
    await stack.presenter(room)
    first, second = await stack.student(room), await stack.student(room)
    asked = await first.ask(LECTURE, "ask", {"roomId": room, "content": "why?"})
    vote = {"roomId": room, "questionId": asked["questionId"]}
    answers = await asyncio.gather(
        *(client.ask(LECTURE, "upvote", vote) for client in (first, second) for _ in range(5))
    )
    assert {answer["votes"] for answer in answers} == {1}
    assert OWNER not in str(first.got)
