"""The operator's REST: processes, rooms, webhooks, the stream; only with the service token."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.auth.sealing import Sealer
from app.auth.tokens import UserTokens
from app.cluster.node import NodeInfo, Usage
from app.cluster.registry import Registry
from app.core.clock import SystemClock
from app.core.ids import NodeId
from app.feed.door import Door, check_url
from app.feed.forwarder import Forwarder
from app.feed.hooks import Hooks
from app.feed.owners import Owners
from app.feed.stream import FeedStream
from app.feed.webhooks import Webhooks
from app.rooms.overview import Overview
from app.store.sql import Sql
from app.transport.http import problems
from app.transport.http.feed_routes import feed_routes
from app.transport.http.identity import Callers
from app.transport.http.operator_routes import OperatorPort, operator_routes
from tests.integration.feed.receiver import Receiver, is_signed
from tests.integration.store.live_room import ROOM, LiveRoomWorld

TOKEN = "the operator's service token, long enough"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def client(
    live: LiveRoomWorld, stream: FeedStream, sqlite_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    sql, clock = Sql(sqlite_url), SystemClock()
    await sql.open()
    sealer = Sealer("a server's secret of thirty-two bytes", "webhooks")
    hooks = Hooks(sql, sealer, clock, lambda address: check_url(address, private=True))
    owner_of = Owners(sql).of
    door = Door(private=True)
    webhooks = Webhooks(live.redis, hooks, stream, door, clock, owner_of, "api-1")
    await webhooks.open()
    callers = Callers(UserTokens("x" * 32), TOKEN, clock)
    routers = [
        operator_routes(OperatorPort(Registry(live.redis), Overview(live.redis), clock), callers),
        feed_routes(stream, webhooks, callers),
    ]
    app = FastAPI()
    for router in routers:
        app.include_router(router)
    problems.install(app, routers)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern") as made:
        yield made
    await webhooks.close()
    await sql.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/operator/state"),
        ("POST", "/operator/nodes/relay-1/drain"),
        ("GET", "/operator/webhooks"),
        ("POST", "/operator/webhooks"),
        ("DELETE", "/operator/webhooks/1"),
        ("GET", "/operator/events"),
    ],
)
async def test_nobody_else_is_let_in(client: httpx.AsyncClient, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": TOKEN[:-1]}):
        answer = await client.request(method, path, headers=headers, json={"url": "https://a.bc"})
        assert answer.status_code == 401, path


async def test_the_state_shows_processes_and_rooms(
    client: httpx.AsyncClient, live: LiveRoomWorld
) -> None:
    await live.start()
    registry = Registry(live.redis)
    usage = Usage(cpu=0.25, packets_per_second=1000.0, memory_bytes=1 << 20)
    info = NodeInfo(
        NodeId("relay-1"), "relay", "127.0.0.1:7882", load=0.4, regions=("seoul",), usage=usage
    )
    _ = await registry.announce("relay", info.id, info)
    state = (await client.get("/operator/state", headers=OPERATOR)).json()
    (node,) = state["nodes"]
    assert (node["id"], node["state"], node["load"], node["rooms"]) == ("relay-1", "ready", 0.4, 1)
    assert node["usage"]["packetsPerSecond"] == 1000.0
    (room,) = state["rooms"]
    assert (room["code"], room["status"], room["relay"]) == (ROOM, "LIVE", "relay-1")
    assert state["roomCount"] == 1
    assert "ada@example.org" not in str(state)


async def test_drain_is_ordered_once_and_only_of_what_lives(
    client: httpx.AsyncClient, live: LiveRoomWorld
) -> None:
    path = "/operator/nodes/relay-1/drain"
    unknown = await client.post(path, headers=OPERATOR, json={"seconds": 5})
    assert unknown.status_code == 404
    info = NodeInfo(NodeId("relay-1"), "relay", "127.0.0.1:7882", load=0.0)
    registry = Registry(live.redis)
    assert await registry.announce("relay", info.id, info) is None
    assert (await client.post(path, headers=OPERATOR, json={"seconds": 5})).status_code == 202
    assert await registry.announce("relay", info.id, info) == 5.0
    for seconds in (-1, 1_000_000, "soon"):
        answer = await client.post(path, headers=OPERATOR, json={"seconds": seconds})
        assert answer.status_code == 400


async def test_a_webhook_from_its_making_to_its_removal(
    client: httpx.AsyncClient, live: LiveRoomWorld, stream: FeedStream
) -> None:
    receiver = Receiver()
    await receiver.open()
    body = {"url": receiver.url, "types": ["lectern.room.started"]}
    made = await client.post("/operator/webhooks", headers=OPERATOR, json=body)
    assert made.status_code == 201
    secret = made.json()["secret"]
    await live.start()
    await Forwarder(live.redis, stream, "api-1").forward()
    (call,) = await receiver.until(1)
    assert is_signed(call, secret)
    (listed,) = (await client.get("/operator/webhooks", headers=OPERATOR)).json()
    assert "secret" not in listed
    path = f"/operator/webhooks/{listed['id']}"
    assert (await client.delete(path, headers=OPERATOR)).status_code == 204
    assert (await client.delete(path, headers=OPERATOR)).status_code == 404
    await receiver.close()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://hooks.example.org/"},
        {"url": "https://hooks.example.org/", "types": ["lectern.nothing"]},
        {"url": "https://hooks.example.org/", "types": "lectern.room.ended"},
        {"url": "x" * 3000},
    ],
)
async def test_a_bad_webhook_is_refused(client: httpx.AsyncClient, body: dict[str, object]) -> None:
    answer = await client.post("/operator/webhooks", headers=OPERATOR, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


async def test_events_are_read_piece_by_piece(
    client: httpx.AsyncClient, live: LiveRoomWorld, stream: FeedStream
) -> None:  # M6: replayable
    await live.start()
    for number in range(5):
        _ = await live.questions.ask(ROOM, f"{number}@example.org", "Bo", f"{number}?", None)
    await Forwarder(live.redis, stream, "api-1").forward()
    found, after = [], "0"
    while True:
        query = {"after": after, "count": 2}
        piece = (await client.get("/operator/events", headers=OPERATOR, params=query)).json()
        if not piece["events"]:
            break
        found += piece["events"]
        after = piece["next"]
    assert [event["type"] for event in found] == [
        "lectern.room.started",
        *["lectern.question.asked"] * 5,
    ]
    bad = await client.get("/operator/events", headers=OPERATOR, params={"after": "x"})
    assert bad.status_code == 400
