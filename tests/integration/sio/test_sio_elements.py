"""Element boards over Socket.IO: drawn by several, seen alike, also by existing clients."""

import asyncio
import gzip
import json
import time
from typing import Any

import pytest

from app.core.ids import RoomId
from app.rooms.floor import member_id
from app.store.sql import Sql
from app.transport.sio.config import SioConfig
from app.whiteboard.service import MAX_ELEMENT
from tests.board_replica import Element, Replica, board_hash
from tests.integration.sio.conftest import (
    OFFER,
    OWNER,
    STRANGER,
    STUDENT,
    Client,
    Stack,
    edit,
    running,
)

ENTER, CREATE, LECTURE = "/enter-room", "/create-room", "/lecture"


def element(ident: str, version: int = 1, nonce: int = 5, **more: Any) -> Element:
    return {"id": ident, "type": "line", "version": version, "versionNonce": nonce, **more}


async def draw(client: Client, room: str, op_id: str, *ops: dict[str, Any]) -> Any:
    return await client.ask(LECTURE, "draw", {"roomId": room, "opId": op_id, "ops": list(ops)})


async def put(client: Client, room: str, op_id: str, *elements: Element) -> Any:
    return await draw(client, room, op_id, *({"put": one} for one in elements))


async def new_student(stack: Stack, room: str, email: str = STUDENT, **auth: Any) -> Client:
    """A participant whose page knows element boards."""
    client, token = stack.client(), stack.token(email)
    await client.join(ENTER, token, elements=True)
    answer = await client.ask(ENTER, "studentOffer", {"roomId": room, "SDP": OFFER})
    assert answer["ok"], answer
    await client.join(LECTURE, token, elements=True, **auth)
    await client.event("state")
    return client


def viewed(client: Client) -> Replica:
    """What a page shows that heard what this client heard, in order."""
    replica = Replica()
    for _, name, data in client.got:
        if name == "snapshot":
            replica.load(data)
        elif name == "drawn":
            replica.drawn(data)
    return replica


def code(answer: Any) -> str:
    assert not answer["ok"], answer
    return str(answer["error"]["code"])


async def test_a_draw_is_seen_by_all_with_its_hash(stack: Stack) -> None:  # P4
    room = await stack.room()
    presenter, student = await stack.presenter(room), await new_student(stack, room)
    answer = await put(presenter, room, "1", element("a", x=0.5), element("b"))
    _ = await presenter.event("drawn")  # the answer may overtake the event
    assert answer == {"ok": True, "rev": answer["rev"], "hash": viewed(presenter).hash()}
    drawn = await student.event("drawn")
    assert drawn["ops"] == [{"put": element("a", x=0.5)}, {"put": element("b")}]
    assert drawn["hash"] == answer["hash"]
    assert drawn["seq"] > 0
    again = await put(presenter, room, "1", element("a", x=0.5), element("b"))
    assert again == answer
    removed = await draw(presenter, room, "2", {"del": "b", "version": 2})
    await student.event("drawn", 2)
    assert viewed(student).hash() == removed["hash"] == board_hash([element("a")])
    gone = await put(presenter, room, "3", element("a", 2, isDeleted=True))
    assert gone["hash"] == "0" * 16


async def test_a_late_one_gets_a_snapshot_and_then_what_comes(stack: Stack) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    for number in range(5):
        await put(presenter, room, f"{number}", element(f"e{number}", page=number % 2))
    assert (await presenter.ask(LECTURE, "page", {"roomId": room, "page": 1}))["ok"]
    student = await new_student(stack, room)
    state = await student.event("state")
    assert state["board"]["kind"] == "elements"
    assert state["page"] == 1
    assert (await student.event("snapshot"))["page"] == 1
    after = await draw(presenter, room, "clear", {"clear": True, "page": 1})
    await student.event("drawn")
    assert viewed(student).hash() == after["hash"]
    assert sorted(viewed(student).elements) == ["e0", "e2", "e4"]
    assert student.all("serverAnswer")[0]["whiteboard"]["objects"] == b""


async def test_only_those_whom_the_presenter_lets_may_draw(stack: Stack) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    bob, eve = await new_student(stack, room), await new_student(stack, room, STRANGER)
    assert (await bob.event("state"))["drawing"] == {"mode": "presenter", "may": False}
    assert code(await put(bob, room, "1", element("a"))) == "forbidden"
    for event, fields in (("drawing", {"mode": "everyone"}), ("page", {"page": 2})):
        assert code(await bob.ask(LECTURE, event, {"roomId": room, **fields})) == "forbidden"

    named = {"roomId": room, "mode": "list", "members": [STUDENT]}
    assert (await presenter.ask(LECTURE, "drawing", named))["ok"]
    assert (await bob.event("drawing"))["may"] is True
    seen = await eve.event("drawing")  # and nobody learns the others' addresses
    assert seen == {"mode": "list", "may": False, "seq": seen["seq"]}
    assert (await presenter.event("drawing"))["members"] == [STUDENT]
    assert (await put(bob, room, "1", element("a")))["ok"]
    assert code(await put(eve, room, "1", element("b"))) == "forbidden"
    await presenter.event("drawn")

    await presenter.ask(LECTURE, "drawing", {"roomId": room, "mode": "everyone"})
    assert (await put(eve, room, "1", element("b")))["ok"]
    await presenter.ask(LECTURE, "drawing", {"roomId": room, "mode": "presenter"})
    assert code(await put(bob, room, "2", element("c"))) == "forbidden"


async def test_a_guest_is_let_draw_by_its_id_in_the_room_for_its_stay(stack: Stack) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    guest, ident = await stack.guest(room)
    other, _ = await stack.guest(room)
    own = member_id(RoomId(room), ident)  # as `people` lists it; its only credential is not told
    rule = {"roomId": room, "mode": "list", "members": [own]}
    assert (await presenter.ask(LECTURE, "drawing", rule))["ok"]
    assert (await guest.event("drawing"))["may"] is True
    assert (await other.event("drawing"))["may"] is False
    assert (await put(guest, room, "1", element("a")))["ok"]
    assert code(await put(other, room, "1", element("a"))) == "forbidden"
    await guest.drop()
    back = stack.client()
    await back.join(ENTER, "")
    await back.join(LECTURE, ident, elements=True)
    assert (await back.event("state"))["drawing"] == {"mode": "list", "may": True}
    assert (await put(back, room, "2", element("b")))["ok"]
    assert code(await put(other, room, "2", element("c"))) == "forbidden"
    newcomer, _ = await stack.guest(room)
    assert (await newcomer.event("state"))["drawing"]["may"] is False
    assert code(await put(newcomer, room, "1", element("d"))) == "forbidden"


async def test_an_old_page_sees_elements_as_snapshots(stack: Stack) -> None:
    room = await stack.room()
    presenter, old = await stack.presenter(room), await stack.student(room)
    began = time.monotonic()
    last = await put(presenter, room, "0", element("e0", index="a0"))
    for number in range(1, 12):
        last = await put(
            presenter, room, f"{number}", element(f"e{number}", index=f"a{12 - number}")
        )
        await asyncio.sleep(0.05)

    def objects(update: Any) -> list[Element]:
        return list(json.loads(gzip.decompress(update["content"]["objects"])))

    await old.until(lambda: old.all("update") and len(objects(old.all("update")[-1])) == 12)
    assert len(old.all("update")) <= 2 + (time.monotonic() - began) / 0.5
    shown = objects(old.all("update")[-1])
    assert board_hash(shown) == last["hash"]
    assert [e["index"] for e in shown] == sorted(e["index"] for e in shown)
    assert presenter.all("update") == []  # it draws elements itself

    late = await stack.student(room, STRANGER)
    assert (
        board_hash(objects({"content": late.all("serverAnswer")[0]["whiteboard"]})) == last["hash"]
    )
    await presenter.ask(LECTURE, "page", {"roomId": room, "page": 1})
    await old.until(lambda: objects(old.all("update")[-1]) == [])


async def test_an_old_presenter_returns_to_what_was_drawn(stack: Stack) -> None:  # X8, X9
    room = await stack.room()
    presenter = await stack.presenter(room)
    last = await put(presenter, room, "1", element("a"))
    await presenter.drop()
    back = stack.client()
    await back.join(CREATE, stack.token(OWNER))
    await back.ask(CREATE, "presenterOffer", {"roomId": room, "SDP": OFFER})
    init = {"roomId": room, "whiteboardDetails": edit(room)["content"]}
    assert (await back.ask(CREATE, "whiteboardInit", init))["stored"] is False
    restored = (await back.event("reconnectPresenter"))["whiteboard"]
    assert board_hash(restored["canvasJSON"]["objects"]) == last["hash"]


async def test_a_snapshot_of_an_old_presenter_replaces_elements(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await new_student(stack, room)
    await put(presenter, room, "1", element("a"))
    assert (await presenter.ask(LECTURE, "edit", edit(room)))["ok"]
    update = await student.event("update")
    assert update["content"]["objects"] == edit(room)["content"]["objects"]
    answer = await put(presenter, room, "2", element("b"))
    assert answer["hash"] == board_hash([element("b")])


async def test_one_that_differs_asks_and_is_healed(stack: Stack) -> None:  # P4
    room = await stack.room()
    presenter, student = await stack.presenter(room), await new_student(stack, room)
    await put(presenter, room, "1", element("a"))
    answer = await put(presenter, room, "2", element("b"))
    await student.event("drawn", 2)
    student.got = [entry for entry in student.got if entry[1] != "drawn" or "b" in str(entry[2])]
    assert viewed(student).differed == 1
    said = await student.ask(LECTURE, "snapshot", {"roomId": room})
    assert (said["rev"], said["hash"], said["parts"]) == (answer["rev"], answer["hash"], 1)
    await student.event("snapshot")
    assert viewed(student).hash() == answer["hash"]
    for _ in range(20):
        said = await student.ask(LECTURE, "snapshot", {"roomId": room})
    assert code(said) == "rate_limited"


async def test_ten_thousand_elements_fit_a_board_and_are_shown_whole(
    redis_url: str, sql: Sql, lecture_config: Any
) -> None:
    config = SioConfig(edits_per_second=1000, close_seconds=1.0)
    async with running(redis_url, sql, "api-big", config, lecture_config) as stack:
        room = await stack.room()
        presenter = await stack.presenter(room)
        points = [[n * 1.5, n * 2.25] for n in range(20)]
        for start in range(0, 10_000, 500):
            ops = [element(f"e{n}", points=points) for n in range(start, start + 500)]
            assert (await put(presenter, room, f"{start}", *ops))["ok"]
        more = await put(presenter, room, "more", element("one-too-many"))
        assert code(more) == "too_large"
        for email in (STUDENT, STRANGER):
            student = await new_student(stack, room, email)
            await student.until(
                lambda s=student: (
                    len(s.all("snapshot")) == (s.all("snapshot") or [{"parts": 1}])[0]["parts"]
                )
            )
            assert len(viewed(student).elements) == 10_000


BAD: list[Any] = [
    [],
    "x",
    [{}],
    [{"put": {}}],
    [{"put": element("a"), "del": 1}, {"del": "a"}],
    [{"put": element("")}],
    [{"put": element("ü")}],
    [{"put": element("a b")}],
    [{"put": element("a", -1)}],
    [{"put": element("a", 2**53)}],
    [{"put": {**element("a"), "version": 1.5}}],
    [{"put": {**element("a"), "version": True}}],
    [{"put": {**element("a"), "versionNonce": "1"}}],
    [{"put": element("a", page=1000)}],
    [{"clear": 1}],
    [{"clear": True, "page": -1}],
    [{"del": 5, "version": 1}],
]


@pytest.mark.parametrize("ops", BAD, ids=lambda ops: json.dumps(ops)[:60])
async def test_bad_operations_are_refused(stack: Stack, ops: Any) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    message = {"roomId": room, "opId": "1", "ops": ops}
    assert code(await presenter.ask(LECTURE, "draw", message)) == "bad_request"
    assert presenter.all("drawn") == []


async def test_too_large_draws_are_refused_by_code(stack: Stack) -> None:
    room = await stack.room()
    presenter = await stack.presenter(room)
    many = await put(presenter, room, "1", *(element(f"e{n}") for n in range(501)))
    big = await put(presenter, room, "2", element("a", text="x" * MAX_ELEMENT))
    text = await put(presenter, room, "3", *(element(f"{n}", text="x" * 60_000) for n in range(10)))
    assert [code(many), code(big), code(text)] == ["too_large"] * 3
