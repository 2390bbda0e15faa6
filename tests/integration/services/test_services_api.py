"""The server API: every route, who may call it, what it answers."""

import asyncio
import secrets
from typing import Any

import httpx
import jwt
import pytest

from app.auth.services import Service
from app.auth.signatures import Algorithm, mauth_text, sign_mauth
from app.core.clock import SystemClock
from tests.integration.services.conftest import OPERATOR, SECRET, Site, sign

NUVE = [
    ("POST", "/rooms"), ("GET", "/rooms"), ("GET", "/rooms/{room}"), ("PUT", "/rooms/{room}"),
    ("PATCH", "/rooms/{room}"), ("DELETE", "/rooms/{room}"), ("POST", "/rooms/{room}/tokens"),
    ("POST", "/services"), ("GET", "/services"), ("GET", "/services/{service}"),
    ("DELETE", "/services/{service}"), ("GET", "/rooms/{room}/users"),
    ("GET", "/rooms/{room}/users/{user}"), ("DELETE", "/rooms/{room}/users/{user}"),
]  # fmt: skip
OWT = [
    *(("GET", "/rooms/{room}/" + noun) for noun in ("participants", "streams")),
    *((method, "/rooms/{room}/" + noun + "/x")
      for noun in ("participants", "streams") for method in ("GET", "PATCH", "DELETE")),
]  # fmt: skip
NOT_SERVED = [
    ("POST", "streaming-ins"), ("DELETE", "streaming-ins/x"), ("POST", "cascading"),
    ("GET", "bridges"), ("GET", "analytics"), ("POST", "analytics"), ("DELETE", "analytics/x"),
    *((method, noun + ("" if method in ("GET", "POST") else "/x"))
      for noun in ("streaming-outs", "recordings", "sipcalls")
      for method in ("GET", "POST", "PATCH", "DELETE")),
]  # fmt: skip


def problem(answer: httpx.Response, status: int, number: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = dict(answer.json())
    assert body["status"] == status
    assert body["error"] == {"code": number, "message": body["detail"]}, body
    return body


def mauth(
    service: Service, algorithm: Algorithm, *, wall: float = 0.0, nonce: str = "",
    user: str | None = None, role: str | None = None,
) -> dict[str, str]:  # fmt: skip
    timestamp = str(round((wall or SystemClock().wall()) * 1000))
    nonce = nonce or secrets.token_hex(4)
    text = mauth_text(timestamp, nonce, user, role)
    said = f"MAuth realm=x,mauth_signature_method={algorithm},mauth_serviceid={service.id}"
    if user and role:
        said += f",mauth_username={user},mauth_role={role}"
    said += f",mauth_cnonce={nonce},mauth_timestamp={timestamp}"
    value = f"{said},mauth_signature={sign_mauth(service.key, algorithm, text)}"
    return {"Authorization": value.encode()}  # type: ignore[dict-item]


async def test_every_route_of_both_answers(site: Site) -> None:
    # L1, O25
    room = (await site.room())["id"]
    for method, path in NUVE + OWT:
        filled = path.format(room=room, user="Bob", service=site.service.id)
        answer = await site.one.http.request(method, "/v1" + filled)
        problem(answer, 401, 1101)
        assert answer.headers["www-authenticate"].startswith("MAuth realm=")  # L6
    document = (await site.one.http.get("/openapi.json")).json()["paths"]
    named = {(method.upper(), path) for path, item in document.items() for method in item}
    for method, path in NUVE:
        assert (method, "/v1" + path) in named


async def test_what_is_not_served_says_so(site: Site) -> None:
    # O25
    room = (await site.room())["id"]
    for method, path in NOT_SERVED:
        problem(await site.call(method, f"/v1/rooms/{room}/{path}"), 501, 2001)
        problem(await site.call(method, f"/v1/rooms/none/{path}"), 404, 1003)
    problem(await site.call("GET", "/v1.1/stream-engine/nodes"), 501, 2001)


async def test_unknown_addresses_and_methods(site: Site) -> None:
    # L2
    problem(await site.one.http.get("/v1/nothing"), 401, 1101)
    problem(await site.call("GET", "/v1/nothing"), 404, 1001)
    wrong = await site.call("PUT", "/v1/rooms")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")


async def test_rooms_as_nuve_and_owt_know_them(site: Site) -> None:
    # L2, L8, O25, O26
    missing = problem(await site.call("POST", "/v1/rooms", {}), 400, 1201)
    assert missing["detail"] == "Invalid room"
    room = await site.room(p2p=True, data={"a": 1, "b": 2}, mediaConfiguration="VP8_only")
    assert (room["_id"], room["p2p"], room["data"]) == (room["id"], True, {"a": 1, "b": 2})
    path = f"/v1/rooms/{room['_id']}"
    assert (await site.call("GET", path)).json() == room
    merged = await site.call("PATCH", path, {"options": {"data": {"b": 3}}})
    assert merged.json()["data"] == {"a": 1, "b": 3}
    replaced = await site.call("PUT", path, {"name": "Maths", "options": {"p2p": False}})
    assert (replaced.json()["name"], replaced.json()["p2p"]) == ("Maths", False)
    flat = await site.call("PUT", path, {"participantLimit": 3, "roles": [{"role": "guru"}]})
    assert (flat.json()["participantLimit"], len(flat.json()["roles"])) == (3, 1)
    assert [one["id"] for one in (await site.call("GET", "/v1/rooms")).json()] == [room["id"]]
    assert (await site.call("GET", "/v1/rooms?page=2")).json() == []
    assert (await site.call("DELETE", path)).json() == {"message": "Room deleted"}
    gone = problem(await site.call("GET", path), 404, 1003)
    assert gone["detail"] == "Room does not exist"


async def test_get_or_create_gives_all_the_same_room(site: Site) -> None:
    # L8
    body = {"name": "Lobby", "options": {"getOrCreate": True}}
    answers = await asyncio.gather(
        *(site.call("POST", "/v1/rooms", body, process=process)
          for process in [site.one, site.two] * 6)
    )  # fmt: skip
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await site.call("GET", "/v1/rooms")).json()) == 1


async def test_one_services_rooms_are_not_anothers(site: Site) -> None:
    other = await site.one.services.create("Other")
    room = await site.room()
    problem(await site.call("GET", f"/v1/rooms/{room['id']}", by=other), 404, 1003)
    assert (await site.call("GET", "/v1/rooms", by=other)).json() == []


async def test_legacy_signatures_and_what_their_callers_are_told(site: Site) -> None:
    # L2, L3, L6, O3, O6
    room = (await site.room())["id"]
    path = f"/v1/rooms/{room}/tokens"
    post = site.one.http.post
    owner = site.service
    named = problem(await post(path, headers=mauth(owner, "HMAC_SHA1")), 401, 1101)
    assert named["detail"] == "Name and role?"
    made = await post(path, headers=mauth(owner, "HMAC_SHA1", user="Zoë 김", role="viewer"))
    assert made.status_code == 200, made.text
    body = {"user": "김", "role": "no such role", "preference": {"isp": "isp", "region": "region"}}
    wrong = problem(await post(path, json=body, headers=mauth(owner, "HMAC_SHA256")), 400, 1201)
    assert wrong["detail"] == "Name or role not valid"
    body["role"] = "viewer"
    assert (await post(path, json=body, headers=mauth(owner, "HMAC_SHA256"))).status_code == 200
    assert site.portals.asked[-1].isp == "isp"
    site.portals.failing = True
    nuve = mauth(owner, "HMAC_SHA1", user="Bob", role="viewer")
    assert problem(await post(path, headers=nuve), 404, 1301)["detail"] == (
        "No Erizo Controller found"
    )
    failed = problem(await post(path, json=body, headers=mauth(owner, "HMAC_SHA256")), 500, 1301)
    assert failed["detail"] == "Failed to get portal"
    assert (await site.call("POST", path, body)).status_code == 503


async def test_a_request_is_taken_once_by_whichever_process(site: Site) -> None:
    # L5, O6
    wall = SystemClock().wall()
    for headers in (mauth(site.service, "HMAC_SHA1"), mauth(site.service, "HMAC_SHA256")):
        assert (await site.one.http.get("/v1/rooms", headers=headers)).status_code == 200
        problem(await site.two.http.get("/v1/rooms", headers=headers), 401, 1101)
    newer = mauth(site.service, "HMAC_SHA1", wall=wall + 1)
    older = mauth(site.service, "HMAC_SHA1", wall=wall - 1)
    for headers in (newer, older):
        assert (await site.two.http.get("/v1/rooms", headers=headers)).status_code == 200
    for far in (wall - 400, wall + 400):
        headers = mauth(site.service, "HMAC_SHA1", wall=far)
        problem(await site.one.http.get("/v1/rooms", headers=headers), 401, 1101)
    request = site.one.http.build_request("POST", "/v1/rooms", json={"name": "x"})
    sign(request, site.service)
    sent = [await site.one.http.send(request) for _ in range(2)]
    assert [answer.status_code for answer in sent] == [200, 401]


async def test_our_own_form_covers_the_body(site: Site) -> None:
    # L4
    request = site.one.http.build_request("POST", "/v1/rooms", json={"name": "mine"})
    sign(request, site.service)
    tampered = site.one.http.build_request("POST", "/v1/rooms", json={"name": "evil"})
    tampered.headers["Authorization"] = request.headers["Authorization"]
    problem(await site.one.http.send(tampered), 401, 1101)
    strict = await site.one.services.create("Strict", full_signatures=True)
    answer = await site.one.http.get("/v1/rooms", headers=mauth(strict, "HMAC_SHA256"))
    problem(answer, 401, 1101)
    assert (await site.call("GET", "/v1/rooms", by=strict)).status_code == 200


async def test_bearer_tokens_and_their_grants(site: Site) -> None:
    now = int(SystemClock().wall())
    room = (await site.room())["id"]

    async def status(path: str, key: str = site.service.key, **claims: Any) -> int:
        said = {"iss": site.service.id, "exp": now + 60, **claims}
        token = jwt.encode(said, key, algorithm="HS256")
        headers = {"Authorization": f"Bearer {token}"}
        return (await site.one.http.get(path, headers=headers)).status_code

    assert await status("/v1/rooms") == 200
    assert await status("/v1/rooms", exp=now - 1) == 401
    assert await status("/v1/rooms", exp=now + 3 * 86400) == 401
    assert await status("/v1/rooms", iss="0" * 32) == 401
    assert await status("/v1/rooms", key="x" * 40) == 401
    listing = {"roomList": True}
    assert await status("/v1/rooms", video=listing) == 200
    assert await status(f"/v1/rooms/{room}", video=listing) == 403
    admin = {"roomAdmin": True, "room": room}
    assert await status(f"/v1/rooms/{room}", video=admin) == 200
    assert await status("/v1/rooms", video=admin) == 403
    assert await status(f"/v1/rooms/{room}", video={**admin, "room": "other"}) == 403


async def test_services_are_for_superservices(site: Site) -> None:
    # L7
    refused = problem(await site.call("GET", "/v1/services"), 401, 1102)
    assert refused["detail"] == "Service not authorized for this action"
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    made = await site.one.http.post("/v1/services", json={"name": "New"}, headers=operator)
    assert made.status_code == 200, made.text
    new = await site.one.services.get(made.json()["id"])
    assert made.json()["key"] == new.key
    listed = (await site.one.http.get("/v1/services", headers=operator)).json()
    assert {one["name"] for one in listed} == {"Campus", "New"}
    assert all("key" not in one for one in listed)
    again = await site.one.http.post("/v1/services", json={"name": "New"}, headers=operator)
    problem(again, 409, 1201)
    assert (await site.call("POST", "/v1/rooms", {"name": "x"}, by=new)).status_code == 200
    path = f"/v1/services/{new.id}"
    assert (await site.one.http.delete(path, headers=operator)).status_code == 200
    problem(await site.one.http.get(path, headers=operator), 404, 1002)
    problem(await site.call("GET", "/v1/rooms", by=new), 401, 1101)
    supers = await site.one.services.create("Super", is_super=True)
    assert (await site.call("GET", "/v1/services", by=supers)).status_code == 200
    problem(await site.one.http.get("/v1/rooms", headers=operator), 403, 1102)


async def test_a_key_is_nowhere_in_the_database(site: Site, tmp_path: Any) -> None:
    for file in tmp_path.iterdir():
        assert site.service.key.encode() not in file.read_bytes()
    assert SECRET not in repr(site.service)
    assert site.service.key not in repr(site.service)


async def test_a_deleted_room_sends_everybody_away(site: Site) -> None:
    # L18
    room = await site.room()
    presenter = await site.enter(room["id"], "Ada", "presenter")
    viewer = await site.enter(room["id"], "Bob", process=site.two)
    assert (await site.call("DELETE", f"/v1/rooms/{room['id']}")).status_code == 200
    for client in (presenter, viewer):
        assert (await client.event("ended"))["reason"] == "service"


async def test_a_room_holds_one_lecture_after_another(site: Site) -> None:
    room = await site.room()
    presenter = await site.enter(room["id"], "Ada", "presenter")
    code = await site.code(room["id"])
    assert (await presenter.ask("/lecture", "end", {"type": "lecture", "roomId": code}))["ok"]
    async with asyncio.timeout(5):
        while (await site.call("GET", f"/v1/rooms/{room['id']}")).json()["code"] is not None:
            await asyncio.sleep(0.02)
    tickets = await asyncio.gather(
        *(site.ticket(room["id"], f"user {number}", "viewer") for number in range(6))
    )
    assert len(set(tickets)) == 6
    assert await site.code(room["id"])


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"name": 7}',
        b'{"name": "x", "options": 3}',
        b'{"name": "x", "options": {"roles": [{"role": "r", "subscribe": {"screen": true}}]}}',
    ],
)
async def test_bad_bodies(site: Site, body: bytes) -> None:
    request = site.one.http.build_request(
        "POST", "/v1/rooms", content=body, headers={"Content-Type": "application/json"}
    )
    sign(request, site.service)
    problem(await site.one.http.send(request), 400, 1201)
