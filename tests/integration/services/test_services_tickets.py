"""Tickets: what they admit to, once; every refusal by its cause."""

import asyncio
import base64
import contextlib
import json
from typing import Any

from app.auth.tickets import TicketUsed
from app.auth.tokens import UserTokens
from app.core.clock import SystemClock
from tests.integration.services.conftest import OFFER, SECRET, Site


async def test_a_member_comes_in_with_a_ticket_and_comes_back_without(site: Site) -> None:
    # L9, L10, O1, O24
    room = await site.room(data={"course": 7})
    presenter = await site.enter(room["_id"], "Ada", "presenter")
    client = await site.enter(room["_id"], "Bob")
    seat = client.all("seat")[0]
    assert (seat["user"], seat["role"]) == ("Bob", "viewerWithData")
    assert seat["permission"]["publish"] == {
        "audio": False, "video": False, "screen": False, "data": True,
    }  # fmt: skip
    asked = {"roomId": seat["roomId"], "content": "why?"}
    assert (await client.ask("/lecture", "ask", asked))["ok"]
    assert (await presenter.event("asked"))["name"] == "Bob"
    await client.drop()
    again = site.client(site.two)
    await again.join("/lecture", seat["accessToken"])
    assert (await again.event("state"))["role"] == "student"


async def refused(site: Site, ticket: str) -> dict[str, Any]:
    client = site.client()
    with contextlib.suppress(Exception):  # the library says nothing of the cause
        await client.join("/enter-room", "", ticket=ticket)
    await client.until(lambda: "/enter-room" in client.refused)
    answer = client.refused["/enter-room"]
    return {"message": answer["message"], **answer["data"]}


async def test_each_cause_has_its_code(site: Site) -> None:
    # L11
    room = await site.room()
    ticket = await site.ticket(room["id"], "Bob", "viewer")
    said = json.loads(base64.b64decode(ticket))
    for name, value in (("host", "evil.example"), ("secure", True), ("room", "000001"),
                        ("tokenId", "x" * 24), ("expires", said["expires"] + 60)):  # fmt: skip
        forged = base64.b64encode(json.dumps({**said, name: value}).encode()).decode()
        answer = await refused(site, forged)
        assert (answer["code"], answer["message"]) == (
            "ticket_forged", "token: Authentication error",
        ), name  # fmt: skip
    assert (await refused(site, " "))["code"] == "ticket_missing"
    assert (await refused(site, "garbage"))["code"] == "ticket_forged"
    client = site.client()
    await client.join("/enter-room", "", ticket=ticket)
    used = await refused(site, ticket)
    assert (used["code"], used["message"]) == ("ticket_used", "token: Token does not exist")


async def test_of_many_uses_at_once_one_succeeds(site: Site) -> None:
    # L10
    room = await site.room()
    ticket = await site.ticket(room["id"], "Bob", "viewer")
    now = 0.0

    async def use(number: int) -> bool:
        tickets = (site.one if number % 2 else site.two).tickets
        try:
            await tickets.take(ticket, now)
        except TicketUsed:
            return False
        return True

    now = json.loads(base64.b64decode(ticket))["expires"] - 180
    assert sum(await asyncio.gather(*(use(number) for number in range(40)))) == 1


async def test_a_ticket_of_another_room_opens_nothing(site: Site) -> None:
    room, other = await site.room(), await site.room()
    await site.enter(other["id"], "Ada", "presenter")
    client = site.client()
    await client.join("/enter-room", "", ticket=await site.ticket(room["id"], "Bob", "viewer"))
    offer = {"roomId": await site.code(other["id"]), "SDP": OFFER}
    answer = await client.ask("/enter-room", "studentOffer", offer)
    assert answer["error"]["code"] == "forbidden"


async def test_a_services_room_is_entered_with_a_ticket_alone(site: Site) -> None:
    room = await site.room()
    await site.enter(room["id"], "Ada", "presenter")
    guest = site.client()
    await guest.join("/enter-room", "")
    offer = {"roomId": await site.code(room["id"]), "SDP": OFFER}
    answer = await guest.ask("/enter-room", "studentOffer", offer)
    assert answer["error"]["code"] == "forbidden"
    assert site.relay.opened[-1].peer in site.relay.closed or await _closed(site)


async def _closed(site: Site) -> bool:
    async with asyncio.timeout(2):
        while site.relay.opened[-1].peer not in site.relay.closed:
            await asyncio.sleep(0.01)
    return True


async def test_the_room_is_full_for_the_one_too_many_of_those_who_come_at_once(site: Site) -> None:
    # O24
    room = await site.room(participantLimit=4)
    await site.enter(room["id"], "Ada", "presenter")
    code = await site.code(room["id"])

    async def come(number: int) -> str:
        client = site.client(site.one if number % 2 else site.two)
        ticket = await site.ticket(room["id"], f"user {number}", "viewer")
        await client.join("/enter-room", "", ticket=ticket)
        answer = await client.ask("/enter-room", "studentOffer", {"roomId": code, "SDP": OFFER})
        return "in" if answer["ok"] else f"{answer['error']['code']}: {answer['error']['message']}"

    outcomes = sorted(await asyncio.gather(*(come(number) for number in range(8))))
    assert outcomes == ["in"] * 3 + ["room_full: Room is full"] * 5


async def test_nobody_gets_on_a_services_audience_list_by_its_code(site: Site) -> None:
    room = await site.room()
    await site.ticket(room["id"], "Ada", "presenter")
    code = await site.code(room["id"])
    account = await site.one.accounts.create("Eve", "eve@example.org", "secret")
    token = UserTokens(SECRET).issue(account, SystemClock().wall())
    headers = {"Authorization": token}
    joined = await site.one.http.patch(f"/lecture/{code}", headers=headers)
    assert joined.status_code == 403


async def test_a_ticket_names_the_address_that_the_caller_used(site: Site) -> None:
    # O1, L9
    room = (await site.room())["id"]
    said = {}
    for proto in ("https", "http", ""):
        headers = {"Host": "class.example", **({"X-Forwarded-Proto": proto} if proto else {})}
        body = {"user": "Bob", "role": "viewer"}
        made = await site.call("POST", f"/v1/rooms/{room}/tokens", body, headers=headers)
        said = json.loads(base64.b64decode(made.text))
        assert (said["host"], said["secure"]) == ("class.example", proto == "https")
    assert set(said) >= {"tokenId", "host", "secure", "webTransportUrl", "signature"}
