"""Removed and banned: at once, on every process; members, accounts and guests alike."""

import asyncio
import time
from typing import Any

import pytest

from app.auth.principal import Account
from app.auth.room_tokens import RoomTokens
from app.auth.tokens import UserTokens
from app.core.clock import SystemClock
from app.core.errors import Banned, LecternError
from app.core.ids import Email
from app.rooms.floor import member_id
from tests.integration.services.conftest import OFFER, SECRET, Client, Process, Site
from tests.integration.sio.conftest import OWNER, STUDENT

WITHIN = 1.0
"""Seconds in which a removal has happened everywhere."""


async def lecture(site: Site) -> tuple[Client, str]:
    """A person's lecture with its presenter."""
    for email in (OWNER, STUDENT):
        await site.one.accounts.create(email.split("@")[0], email, "secret")
    code = (await site.one.catalogue.create(Email(OWNER), "Title", "")).code
    client = site.client()
    await client.join("/create-room", token(OWNER))
    answer = await client.ask("/create-room", "presenterOffer", {"roomId": code, "SDP": OFFER})
    assert answer["ok"], answer
    await client.join("/lecture", token(OWNER))
    await client.event("state")
    return client, code


def token(email: str) -> str:
    account = Account(Email(email), email.split("@", maxsplit=1)[0])
    return UserTokens(SECRET).issue(account, SystemClock().wall())


async def attend(site: Site, process: Process, code: str, access: str) -> Client:
    client = site.client(process)
    await client.join("/enter-room", access)
    answer = await client.ask("/enter-room", "studentOffer", {"roomId": code, "SDP": OFFER})
    assert answer["ok"], answer
    await client.join("/lecture", access or str(client.sio.get_sid("/enter-room")))
    await client.event("state")
    return client


async def try_again(site: Site, code: str, access: str) -> dict[str, Any]:
    """Come in anew, and return the refusal."""
    client = site.client()
    await client.join("/enter-room", access)
    answer = await client.ask("/enter-room", "studentOffer", {"roomId": code, "SDP": OFFER})
    return {} if answer["ok"] else dict(answer["error"])


@pytest.mark.parametrize("kind", ["account", "guest"])
async def test_a_presenter_bans_somebody_and_it_is_out_everywhere(site: Site, kind: str) -> None:
    presenter, code = await lecture(site)
    access = token(STUDENT) if kind == "account" else ""
    out = [await attend(site, site.two, code, access)]
    if kind == "account":
        out.append(await attend(site, site.one, code, access))
    stays = await attend(site, site.two, code, "")
    peers = [command.peer for command in site.relay.opened[1:-1]]
    listed = await presenter.ask("/lecture", "people", {"roomId": code})
    assert listed["count"] == 3
    name = {"account": "bob", "guest": out[0].all("state")[0]["speakerId"]}[kind]
    (target,) = [one for one in listed["people"] if name in (one["name"], one["id"])]
    assert target["connections"] == len(out)
    began = time.monotonic()
    answer = await presenter.ask(
        "/lecture",
        "remove",
        {"roomId": code, "member": target["id"], "ban": True, "reason": "noise"},
    )
    assert answer["ok"], answer
    for client in out:
        removed = await client.event("removed")
        assert (removed["banned"], removed["reason"]) == (True, "noise")
        await client.until(lambda client=client: not client.sio.connected)
    assert time.monotonic() - began < WITHIN
    assert set(peers) <= set(site.relay.closed)
    identity = STUDENT if kind == "account" else site.turn.revoked[0][1]
    assert site.turn.revoked == [(code, identity)]
    assert (await presenter.event("expelled"))["id"] == target["id"]
    if kind == "account":
        assert (await try_again(site, code, access))["code"] == "banned"
    back = site.client(site.two)
    with pytest.raises(Exception):  # noqa: B017, PT011 the library has its own for a refusal
        await back.join("/lecture", access or identity)
    assert stays.sio.connected
    assert stays.all("removed") == []
    after = await presenter.ask("/lecture", "people", {"roomId": code})
    assert [one["id"] for one in after["removed"]] == [target["id"]]
    assert target["id"] not in [one["id"] for one in after["people"]]
    lifted = await presenter.ask("/lecture", "readmit", {"roomId": code, "member": target["id"]})
    assert lifted["readmitted"]
    assert await try_again(site, code, access) == {}


async def test_who_was_removed_and_not_banned_comes_back_by_entering_anew(site: Site) -> None:
    presenter, code = await lecture(site)
    client = await attend(site, site.two, code, token(STUDENT))
    member = client.all("state")[0]["speakerId"]
    answer = await presenter.ask("/lecture", "remove", {"roomId": code, "member": member})
    assert answer["ok"]
    assert (await client.event("removed"))["banned"] is False
    back = site.client()
    with pytest.raises(Exception):  # noqa: B017, PT011
        await back.join("/lecture", token(STUDENT))  # its place is gone
    assert await try_again(site, code, token(STUDENT)) == {}


async def test_only_the_presenter_removes_and_never_itself(site: Site) -> None:
    # L13
    presenter, code = await lecture(site)
    student = await attend(site, site.one, code, token(STUDENT))
    me = member_id(code, OWNER)  # type: ignore[arg-type]
    for client, member in ((student, me), (presenter, me), (student, "nobody")):
        answer = await client.ask("/lecture", "remove", {"roomId": code, "member": member})
        assert answer["error"]["code"] == "forbidden", answer
    missing = await presenter.ask("/lecture", "remove", {"roomId": code, "member": "nobody"})
    assert missing["error"]["code"] == "not_found"
    asked = await student.ask("/lecture", "people", {"roomId": code})
    assert asked["error"]["code"] == "forbidden"


async def test_a_service_removes_a_user_and_what_it_was_given_before_is_worth_nothing(
    site: Site,
) -> None:
    # L1, O27
    room = await site.room()
    await site.enter(room["id"], "Ada", "presenter")
    spare = await site.ticket(room["id"], "Bob", "viewer")
    client = await site.enter(room["id"], "Bob", process=site.two)
    seat = client.all("seat")[0]
    assert [one["name"] for one in (await site.call("GET", users(room))).json()] == ["Ada", "Bob"]
    assert (await site.call("GET", f"{users(room)}/Bob")).json()["id"] == seat["id"]
    began = time.monotonic()
    assert (await site.call("DELETE", f"{users(room)}/Bob")).status_code == 200
    await client.event("removed")
    await client.until(lambda: not client.sio.connected)
    assert time.monotonic() - began < WITHIN
    assert (await site.call("GET", f"{users(room)}/Bob")).status_code == 404
    assert await refused_with(site, "/lecture", seat["accessToken"]) == "not_joined"
    code = await site.code(room["id"])
    old = site.client()
    await old.join("/enter-room", "", ticket=spare)
    answer = await old.ask("/enter-room", "studentOffer", {"roomId": code, "SDP": OFFER})
    assert answer["error"]["code"] == "banned", "a ticket from before"
    returned = await site.enter(room["id"], "Bob")
    assert returned.all("seat"), "a new ticket lets it in"
    ban = await site.call("DELETE", f"{users(room)}/Bob?ban=true")
    assert ban.status_code == 200
    fresh = site.client()
    await fresh.join("/enter-room", "", ticket=await site.ticket(room["id"], "Bob", "viewer"))
    answer = await fresh.ask("/enter-room", "studentOffer", {"roomId": code, "SDP": OFFER})
    assert answer["error"]["code"] == "banned"
    (listed,) = (await site.call("GET", f"/v1/rooms/{room['id']}/bans")).json()
    assert (listed["user"], listed["banned"]) == ("Bob", True)
    lifted = await site.call("DELETE", f"/v1/rooms/{room['id']}/bans/{listed['id']}")
    assert lifted.status_code == 200
    assert (await site.enter(room["id"], "Bob")).all("seat")


def users(room: dict[str, Any]) -> str:
    return f"/v1/rooms/{room['id']}/users"


async def refused_with(site: Site, namespace: str, access: str) -> str:
    client = site.client()
    with pytest.raises(Exception):  # noqa: B017, PT011
        await client.join(namespace, access)
    await client.until(lambda: namespace in client.refused)
    return str(client.refused[namespace]["data"]["code"])


async def test_somebody_who_has_not_come_yet_is_banned_by_name(site: Site) -> None:
    room = await site.room()
    early = await site.call("POST", f"/v1/rooms/{room['id']}/bans", {"user": "Eve"})
    assert early.status_code == 404, "the room holds no lecture yet"
    await site.enter(room["id"], "Ada", "presenter")
    made = await site.call("POST", f"/v1/rooms/{room['id']}/bans", {"user": "Eve"})
    assert made.status_code == 200, made.text
    client = site.client()
    await client.join("/enter-room", "", ticket=await site.ticket(room["id"], "Eve", "viewer"))
    offer = {"roomId": await site.code(room["id"]), "SDP": OFFER}
    answer = await client.ask("/enter-room", "studentOffer", offer)
    assert answer["error"]["code"] == "banned"


async def test_a_ban_holds_for_media_over_http(site: Site) -> None:
    presenter, code = await lecture(site)
    lecture_id = (await site.one.catalogue.open_by_code(code)).id  # type: ignore[union-attr, arg-type]
    wall = SystemClock().wall()
    _, grant = RoomTokens(SECRET).issue(code, lecture_id, "listener", Email(STUDENT), "bob", wall)  # type: ignore[arg-type]
    opened = await site.two.broadcasts.play(grant, "v=0\r\na=ice-ufrag:me\r\n")
    member = member_id(code, STUDENT)  # type: ignore[arg-type]
    answer = await presenter.ask(
        "/lecture", "remove", {"roomId": code, "member": member, "ban": True}
    )
    assert answer["ok"], answer
    assert opened.session.peer in site.relay.closed
    with pytest.raises(LecternError):
        await site.two.broadcasts.session(grant, opened.session.peer)
    with pytest.raises(Banned):
        await site.one.broadcasts.play(grant, "v=0\r\na=ice-ufrag:me\r\n")


async def test_a_ban_while_somebody_comes_in_ends_in_one_of_two_ways(site: Site) -> None:
    presenter, code = await lecture(site)
    member = member_id(code, STUDENT)  # type: ignore[arg-type]
    inside = 0
    for round_ in range(6):
        client = site.client(site.two)
        await client.join("/enter-room", token(STUDENT))
        offer = {"roomId": code, "SDP": OFFER}
        order = {"roomId": code, "member": member, "ban": True}
        came, banned = await asyncio.gather(
            _answer(client, offer),
            _late(presenter, order, round_ * 0.002),
            return_exceptions=True,
        )
        if isinstance(came, dict) and came["ok"] and isinstance(banned, dict) and banned["ok"]:
            inside += 1
            await client.event("removed")
        elif isinstance(banned, dict) and not banned["ok"]:
            assert banned["error"]["code"] == "not_found"
            assert (await presenter.ask("/lecture", "remove", order))["ok"]
        peers = {one.peer for one in site.relay.opened[1:]}
        async with asyncio.timeout(3):
            while not peers <= set(site.relay.closed):
                await asyncio.sleep(0.01)
        await presenter.ask("/lecture", "readmit", {"roomId": code, "member": member})


async def _answer(client: Client, offer: dict[str, Any]) -> Any:
    """What the offer is answered; nothing if the client is sent away without an answer."""
    asked = asyncio.ensure_future(client.ask("/enter-room", "studentOffer", offer))
    await client.until(lambda: asked.done() or not client.sio.connected)
    if not asked.done():
        asked.cancel()
        return None
    return asked.result()


async def _late(presenter: Client, order: dict[str, Any], seconds: float) -> Any:
    await asyncio.sleep(seconds)
    return await presenter.ask("/lecture", "remove", order)
