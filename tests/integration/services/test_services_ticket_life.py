"""How long a ticket lives, and the keys that sign tickets."""

import base64
import json
from collections.abc import AsyncIterator

import pytest

from app.auth.policy import ROLES
from app.auth.principal import Member
from app.auth.tickets import (
    KEY_SECONDS,
    Address,
    TicketExpired,
    TicketForHost,
    TicketRefused,
    Tickets,
)
from app.core.errors import Unavailable
from app.core.ids import Email, LectureId, RoomId
from app.core.metrics import REGISTRY
from app.store.redis import Redis
from tests.manual_clock import START_WALL

SECRET = "a secret of the tests that is long enough"
BOB = Member(
    "5a1/Bob", "Bob", RoomId("004217"), LectureId("a" * 32), Email("service:5a1"), "viewer",
    ROLES["viewer"], 0,
)  # fmt: skip
HERE = Address("class.example", True)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    made = Redis(redis_url)
    await made.open()
    yield made
    await made.close()


async def test_three_minutes_and_not_a_second_more(redis: Redis) -> None:
    # L10, O5
    tickets = Tickets(redis, SECRET)
    good, late = [await tickets.issue(BOB, HERE, START_WALL) for _ in range(2)]
    member = await tickets.take(good, START_WALL + 179)
    assert (member.identity, member.permission) == (BOB.identity, BOB.permission)
    assert member.issued_ms > 0
    with pytest.raises(TicketExpired, match="token: Expired"):
        await tickets.take(late, START_WALL + 181)


async def test_redis_forgets_it_by_itself(redis: Redis, redis_url: str) -> None:
    await Tickets(redis, SECRET).issue(BOB, HERE, START_WALL)
    _, (key,) = await redis.scan(0, "ticket:*")
    left = await redis._connections.command("PTTL", key)
    assert 170_000 < left <= 180_000


async def test_the_key_changes_and_no_good_ticket_is_refused(redis: Redis) -> None:
    # O2
    tickets = Tickets(redis, SECRET)
    edge = (START_WALL // KEY_SECONDS + 1) * KEY_SECONDS
    before = await tickets.issue(BOB, HERE, edge - 1)
    after = await tickets.issue(BOB, HERE, edge + 1)
    keys = [json.loads(base64.b64decode(text))["key"] for text in (before, after)]
    assert keys[1] == keys[0] + 1
    for text in (after, before):
        assert (await tickets.take(text, edge + 2)).name == "Bob"


async def test_another_deployments_ticket(redis: Redis) -> None:
    # L11
    tickets = Tickets(redis, SECRET, frozenset({"class.example"}))
    with pytest.raises(TicketForHost, match="token: Invalid host"):
        await tickets.take(
            await tickets.issue(BOB, Address("other.example", True), START_WALL), START_WALL
        )
    assert await tickets.take(await tickets.issue(BOB, HERE, START_WALL), START_WALL)


async def test_a_forged_ticket_costs_no_look_up(redis: Redis) -> None:
    # L9
    text = await Tickets(redis, SECRET).issue(BOB, HERE, START_WALL)
    nowhere = Redis("redis://127.0.0.1:1")
    with pytest.raises(TicketRefused):
        await Tickets(nowhere, SECRET + "x").take(text, START_WALL)
    with pytest.raises(Unavailable):
        await Tickets(nowhere, SECRET).take(text, START_WALL)
    await nowhere.close()


async def test_outcomes_are_counted(redis: Redis) -> None:
    def count(outcome: str) -> float:
        return REGISTRY.get_sample_value("lectern_tickets_total", {"outcome": outcome}) or 0.0

    before = {name: count(name) for name in ("issued", "taken", "ticket_used", "ticket_forged")}
    tickets = Tickets(redis, SECRET)
    text = await tickets.issue(BOB, HERE, START_WALL)
    await tickets.take(text, START_WALL)
    for wrong in (text, "garbage"):
        with pytest.raises(TicketRefused):
            await tickets.take(wrong, START_WALL)
    assert {name: count(name) - was for name, was in before.items()} == dict.fromkeys(before, 1.0)
