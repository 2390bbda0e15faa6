"""Who may be whom: tokens, seats and returning connections."""

import asyncio

import pytest

from app.lecture.model import LectureConfig
from app.store.sql import Sql
from app.transport.sio.config import SioConfig
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


async def refused(client: Client, namespace: str, token: str | None) -> str:
    """Join and return the code of the refusal."""
    try:
        await client.join(namespace, token)
    except Exception:  # noqa: BLE001 (the client's own error says less than the event)
        await client.until(lambda: namespace in client.refused)
    assert namespace not in client.sio.namespaces
    return str(client.refused[namespace]["data"]["code"])


@pytest.mark.parametrize("token", ["", "nonsense", OWNER, "a.b.c", "x" * 5000])
async def test_creating_needs_a_valid_token(stack: Stack, token: str) -> None:
    code = await refused(stack.client(), CREATE, token)
    assert code == ("bad_request" if len(token) > 4096 else "unauthorized")


async def test_an_expired_token_returns_to_its_live_room_and_nowhere_else(stack: Stack) -> None:
    room = await stack.room()
    old = stack.token(OWNER, age=4000)
    assert await refused(stack.client(), CREATE, old) == "unauthorized"
    assert await refused(stack.client(), LECTURE, old) == "unauthorized"
    presenter = await stack.presenter(room)
    await presenter.drop()
    back = stack.client()
    await back.join(CREATE, old)
    await back.join(LECTURE, old)
    assert (await back.event("state"))["role"] == "presenter"
    assert (await back.ask(LECTURE, "edit", edit(room)))["ok"]


async def test_only_the_owner_starts(stack: Stack) -> None:  # X3
    room = await stack.room()
    client = stack.client()
    await client.join(CREATE, stack.token(STRANGER))
    offer = {"roomId": room, "SDP": OFFER}
    assert (await client.ask(CREATE, "presenterOffer", offer))["error"]["code"] == "forbidden"
    init = {"roomId": room, "whiteboardDetails": edit(room)["content"]}
    assert (await client.ask(CREATE, "whiteboardInit", init))["error"]["code"] == "wrong_order"


async def test_an_unknown_code_is_not_found(stack: Stack) -> None:
    client = stack.client()
    await client.join(CREATE, stack.token(OWNER))
    offer = {"roomId": "999999", "SDP": OFFER}
    assert (await client.ask(CREATE, "presenterOffer", offer))["error"]["code"] == "not_found"


async def test_an_email_as_a_token_admits_nobody(stack: Stack) -> None:  # X4
    room = await stack.room()
    presenter = await stack.presenter(room)
    assert await refused(stack.client(), LECTURE, OWNER) == "unauthorized"
    presenter_id = presenter.sio.get_sid(CREATE)
    assert presenter_id
    assert await refused(stack.client(), LECTURE, presenter_id) == "unauthorized"
    assert (await presenter.ask(LECTURE, "edit", edit(room)))["ok"]


async def test_a_live_guests_id_is_good_on_its_own_connection_alone(stack: Stack) -> None:  # X4
    room = await stack.room()
    await stack.presenter(room)
    guest, ident = await stack.guest(room)
    assert await refused(stack.client(), LECTURE, ident) == "unauthorized"
    assert (await guest.ask(LECTURE, "ask", {"roomId": room, "content": "Here"}))["ok"]


async def test_a_guest_comes_back_once(stack: Stack) -> None:  # X4 B9
    room = await stack.room()
    presenter = await stack.presenter(room)
    guest, ident = await stack.guest(room)
    await guest.ask(LECTURE, "ask", {"roomId": room, "content": "Before"})
    await guest.drop()
    tries = [stack.client() for _ in range(4)]
    await asyncio.gather(*(_try_join(client, ident) for client in tries))
    inside = [client for client in tries if LECTURE in client.sio.namespaces]
    assert len(inside) == 1
    await inside[0].event("state")
    assert (await inside[0].event("update"))["content"]["width"] == 800
    assert (await inside[0].ask(LECTURE, "ask", {"roomId": room, "content": "After"}))["ok"]
    names = {
        asked["name"] for asked in [await presenter.event("asked", 2), presenter.all("asked")[0]]
    }
    assert len(names) == 1


async def _try_join(client: Client, ident: str) -> None:
    try:
        await client.join(ENTER, "")
        await client.join(LECTURE, ident)
    except Exception:  # noqa: BLE001 (who gets in is what the test looks at)
        return


async def test_a_seat_is_not_for_another_token_of_the_connection(stack: Stack) -> None:
    room = await stack.room()
    await stack.presenter(room)
    client = stack.client()
    await client.join(ENTER, stack.token(STUDENT))
    await client.ask(ENTER, "studentOffer", {"roomId": room, "SDP": OFFER})
    assert await refused(client, LECTURE, stack.token(STRANGER)) == "unauthorized"


async def test_a_student_returns_without_an_offer_and_gets_the_board(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    await student.drop()
    await presenter.ask(LECTURE, "edit", edit(room, at=42))
    back = stack.client()
    await back.join(ENTER, stack.token(STUDENT))
    await back.join(LECTURE, stack.token(STUDENT))
    assert (await back.event("update"))["content"]["eventTime"] == 42
    assert len(stack.relay.opened) == 2


async def test_a_presenter_returns_without_an_offer(stack: Stack) -> None:  # B7
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    await presenter.drop()
    await student.event("presenter_away")
    asked = await student.ask(LECTURE, "ask", {"roomId": room, "content": "Still there?"})
    back = stack.client()
    await back.join(CREATE, stack.token(OWNER))
    await back.join(LECTURE, stack.token(OWNER))
    state = await back.event("state")
    assert [question["questionId"] for question in state["questions"]] == [asked["questionId"]]
    await student.event("presenter_back")
    assert (await back.ask(LECTURE, "edit", edit(room, at=3)))["ok"]
    assert (await student.event("update"))["content"]["eventTime"] == 3


async def test_a_late_disconnect_of_the_old_socket_harms_nothing(stack: Stack) -> None:  # X7
    room = await stack.room()
    old, student = await stack.presenter(room), await stack.student(room)
    new = await stack.presenter(room)
    stale = await old.ask(LECTURE, "edit", edit(room))
    assert stale["error"]["code"] == "stale_presenter"
    await old.drop()
    assert (await new.ask(LECTURE, "edit", edit(room, at=5)))["ok"]
    await student.until(lambda: any(u["content"]["eventTime"] == 5 for u in student.all("update")))
    assert student.all("presenter_away") == []
    assert (await stack.lectures.snapshot(_seat(stack, new))).status == "LIVE"


def _seat(stack: Stack, client: Client):  # type: ignore[no-untyped-def]
    connections = stack.server._gateway.connections
    return connections[client.sio.eio.sid].seat


async def test_reloading_while_online_does_not_reset(stack: Stack) -> None:  # X8
    room = await stack.room()
    first = await stack.presenter(room)
    await first.ask(LECTURE, "edit", edit(room, b"kept", at=8))
    second = await stack.presenter(room)
    assert second.all("reconnectPresenter")[0]["whiteboard"]["objects"] == b"kept"
    student = await stack.student(room)
    assert student.all("serverAnswer")[0]["whiteboard"]["objects"] == b"kept"
    assert student.all("state")[0]["startTime"] == first.all("state")[0]["startTime"]


async def test_two_tabs_of_one_account_are_two_members(stack: Stack) -> None:  # X13
    room = await stack.room()
    presenter = await stack.presenter(room)
    one, two = await stack.student(room), await stack.student(room)
    await one.ask(LECTURE, "leave", {"roomId": room})
    await presenter.ask(LECTURE, "edit", edit(room, at=6))
    assert (await two.event("update"))["content"]["eventTime"] == 6
    assert (await two.ask(LECTURE, "ask", {"roomId": room, "content": "Me"}))["ok"]


async def test_the_owner_may_listen_in_another_tab(stack: Stack) -> None:  # X13
    room = await stack.room()
    presenter = await stack.presenter(room)
    listener = await stack.student(room, OWNER)
    assert (await listener.ask(LECTURE, "edit", edit(room)))["error"]["code"] == "forbidden"
    assert (await presenter.ask(LECTURE, "edit", edit(room)))["ok"]


async def test_a_window_whose_slot_is_taken_is_told_at_once(
    stack: Stack, redis_url: str, sql: Sql, sio_config: SioConfig, lecture_config: LectureConfig
) -> None:  # P9
    room = await stack.room()
    old, waiting = await stack.presenter(room), stack.client()
    student = await stack.student(room)
    await waiting.join(LECTURE, stack.token(OWNER))
    await waiting.event("state")
    again = await old.ask(CREATE, "presenterOffer", {"roomId": room, "SDP": OFFER})
    assert again["ok"], "its own new offer takes nothing from it"
    async with running(redis_url, sql, "api-other", sio_config, lecture_config) as other:
        new = await other.presenter(room)
        told = await old.event("displaced")
        assert set(told) == {"epoch", "seq"}
        assert (await old.ask(LECTURE, "edit", edit(room)))["error"]["code"] == "stale_presenter"
        assert (await new.ask(LECTURE, "edit", edit(room, at=7)))["ok"]
        await student.until(lambda: 7 in [u["content"]["eventTime"] for u in student.all("update")])
        here = [len(one.all("displaced")) for one in (old, new, waiting, student)]
        assert here == [1, 0, 0, 0]


async def test_a_window_that_returns_after_it_was_displaced_is_not_told_of_it(
    stack: Stack,
) -> None:  # its own lost connection may have been the one
    room = await stack.room()
    old = await stack.presenter(room)
    seq = (await old.event("state"))["seq"]
    await stack.presenter(room)
    await old.event("displaced")
    back = stack.client()
    await back.join(LECTURE, stack.token(OWNER), cursor=seq)
    state = await back.event("state")
    assert (state["resumed"], state["epoch"]) == (True, 0)
    await back.ask(LECTURE, "edit", edit(room))
    assert back.all("displaced") == []


async def test_a_returning_presenter_whose_slot_is_held_gets_it_later(stack: Stack) -> None:
    room = await stack.room()
    old = await stack.presenter(room)
    waiting = stack.client()
    await waiting.join(LECTURE, stack.token(OWNER))
    assert (await waiting.event("state"))["epoch"] == 0
    stale = await waiting.ask(LECTURE, "edit", edit(room))
    assert stale["error"]["code"] == "stale_presenter"
    await old.drop()
    await waiting.event("presenting")
    assert (await waiting.ask(LECTURE, "edit", edit(room)))["ok"]


async def test_coming_back_after_the_end_is_told_so(stack: Stack) -> None:
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    await student.drop()
    await presenter.ask(LECTURE, "end", {"roomId": room})
    back = stack.client()
    await back.join(LECTURE, stack.token(STUDENT))
    assert (await back.event("ended"))["content"] == "finish"
    assert await back.ask(LECTURE, "leave", {"roomId": room}) == {"ok": True}
    assert back.all("response") == [{"type": "lecture", "content": "success"}]


async def test_the_grace_period_ends_the_lecture_once(stack: Stack) -> None:  # B7
    room = await stack.room()
    presenter, student = await stack.presenter(room), await stack.student(room)
    await presenter.drop()
    await student.event("presenter_away")
    ended = await student.event("ended")
    assert ended["reason"] == "grace"
    assert len(student.all("ended")) == 1


async def test_a_returning_presenter_hears_what_it_missed_and_only_that(
    redis_url: str, sql: Sql, lecture_config: LectureConfig
) -> None:  # B6 B7
    config = SioConfig(ping_interval_seconds=1, ping_timeout_seconds=2, close_seconds=0.5)
    async with running(redis_url, sql, "api-trail", config, lecture_config) as stack:
        room = await stack.room()
        presenter, student = await stack.presenter(room), await stack.student(room)
        await student.ask(LECTURE, "ask", {"roomId": room, "content": "Shown"})
        await presenter.event("asked")
        outbox = stack.server._gateway.connections[presenter.sio.eio.sid].outbox
        async with asyncio.timeout(5):
            while not outbox.proved:
                await asyncio.sleep(0.05)
        await presenter.drop()
        await student.event("presenter_away")
        await student.ask(LECTURE, "ask", {"roomId": room, "content": "Missed"})
        back = stack.client()
        await back.join(CREATE, stack.token(OWNER))
        await back.join(LECTURE, stack.token(OWNER))
        await back.event("state")
        await student.ask(LECTURE, "ask", {"roomId": room, "content": "Live"})
        await back.event("asked", 2)
        assert [asked["content"] for asked in back.all("asked")] == ["Missed", "Live"]


async def test_a_killed_process_keeps_no_lecture(
    stack: Stack, redis_url: str, sql: Sql, sio_config: SioConfig, lecture_config: LectureConfig
) -> None:  # X5
    """Its slot frees itself when the lease ends, though nobody said that it is gone."""
    room = await stack.room()
    presenter = await stack.presenter(room)
    await presenter.ask(LECTURE, "edit", edit(room, b"kept", at=9))

    async def unsaid(*_: object) -> None:
        return None

    stack.lectures.lost = unsaid  # type: ignore[method-assign]
    await stack.keeper.close()
    await presenter.drop()
    async with running(redis_url, sql, "api-after", sio_config, lecture_config) as after:
        back = after.client()
        await back.join(CREATE, stack.token(OWNER))
        await back.join(LECTURE, stack.token(OWNER))
        assert (await back.event("state"))["epoch"] == 0
        assert (await back.event("update"))["content"]["objects"] == b"kept"
        await back.event("presenting")
        assert (await back.ask(LECTURE, "edit", edit(room)))["ok"]
