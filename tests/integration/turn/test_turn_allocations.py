"""Real allocations on a real coturn that the monitor runs."""

import asyncio
import time

import pytest

from app.store.redis import Redis
from app.turn.credentials import Credential, signed
from app.turn.rotation import slot_of
from tests.integration.turn.conftest import StartCoturn
from tests.integration.turn.coturns import (
    Coturn,
    Echo,
    ShiftedClock,
    allocate,
    eventually,
    refusal,
)

UNAUTHORIZED = 401
FORBIDDEN = 403
QUOTA_REACHED = 486


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_credential_opens_a_relay_that_works(
    start_coturn: StartCoturn, echo: Echo, transport: str
) -> None:  # T10
    coturn = await start_coturn()
    allocation = await allocate(coturn.config, await coturn.issue(), transport)
    await allocation.echo(echo.address, b"hello")
    await allocation.close()


async def test_wrong_and_expired_credentials_are_refused(start_coturn: StartCoturn) -> None:  # T10
    coturn = await start_coturn()
    good = await coturn.issue()
    assert await refusal(coturn.config, good) is None
    wrong = Credential(good.username, good.password[::-1], good.expires)  # it ends with =
    assert await refusal(coturn.config, wrong) == UNAUTHORIZED
    assert await refusal(coturn.config, signed("guess", "alice", good.expires)) == UNAUTHORIZED
    name = good.username.partition(":")[2]
    slot = (await coturn.store.slots(coturn.config.id))[slot_of(name)]
    assert signed(slot.current, name, good.expires) == good
    expired = signed(slot.current, name, int(time.time()) - 1)
    assert await refusal(coturn.config, expired) == UNAUTHORIZED


async def test_rotation_drops_no_live_allocation_and_no_old_credential_outlives_the_overlap(
    start_coturn: StartCoturn, echo: Echo
) -> None:  # T11
    clock = ShiftedClock()
    coturn = await start_coturn(clock)
    old = await coturn.issue()
    allocation = await allocate(coturn.config, old)
    sent = 0

    async def talk(seconds: float) -> None:
        nonlocal sent
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            sent += 1
            await allocation.echo(echo.address, b"%d" % sent)
            await asyncio.sleep(0.005)

    first = set(await coturn.store.accepted(coturn.config.realm))
    clock.shift = coturn.config.secret_seconds

    async def both_are_taken() -> bool:
        return set(await coturn.store.accepted(coturn.config.realm)) > first

    _, waited = await asyncio.gather(talk(2.0), eventually(both_are_taken))
    assert waited <= 2.0
    assert await refusal(coturn.config, old) is None, "good until it expires"
    new = await coturn.issue()
    assert new.password != old.password
    assert await refusal(coturn.config, new) is None

    clock.shift += coturn.config.overlap_seconds

    async def old_are_dropped() -> bool:
        return not first & set(await coturn.store.accepted(coturn.config.realm))

    await asyncio.gather(talk(2.0), eventually(old_are_dropped))
    assert await refusal(coturn.config, old) == UNAUTHORIZED, "its secret is gone"
    assert await refusal(coturn.config, new) is None
    await talk(0.5)
    assert echo.heard == sent > 300, "no message was lost"
    await allocation.close()


async def test_the_credential_of_one_who_is_thrown_out_dies_at_once(
    start_coturn: StartCoturn, echo: Echo
) -> None:
    coturn = await start_coturn()
    kicked, other = await coturn.issue("eve@example.org"), await coturn.issue("ada@example.org")
    assert slot_of(kicked.username[11:]) != slot_of(other.username[11:])
    live = await allocate(coturn.config, other)
    issued = coturn.servers.issue("004217", "eve@example.org")
    unaffected = coturn.servers.issue("004217", "ada@example.org")
    before = coturn.servers.generation

    began = time.monotonic()
    await coturn.servers.revoke("004217", "eve@example.org")
    assert await refusal(coturn.config, kicked) == UNAUTHORIZED
    assert time.monotonic() - began < 1.0

    assert coturn.servers.generation > before
    assert not coturn.servers.is_good(issued, "004217", "eve@example.org")
    assert coturn.servers.is_good(unaffected, "004217", "ada@example.org")
    assert await refusal(coturn.config, other) is None
    await live.echo(echo.address, b"still here")
    await asyncio.sleep(1.5)  # the monitor has looked, and brings nothing back
    assert await refusal(coturn.config, kicked) == UNAUTHORIZED
    await live.close()


DENIED = (
    "127.0.0.2", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "8.8.8.8",
)  # fmt: skip
DRESSED = ("::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "::")
FAMILY_MISMATCH = 443


async def test_peers_other_than_our_relays_are_refused(start_coturn: StartCoturn) -> None:  # T14
    coturn = await start_coturn()
    allocation = await allocate(coturn.config, await coturn.issue())
    assert await allocation.refusal_of("127.0.0.1") is None, "our relay"
    for host in DENIED:
        assert await allocation.refusal_of(host) == FORBIDDEN, host
    for host in DRESSED:
        assert await allocation.refusal_of(host) in {FORBIDDEN, FAMILY_MISMATCH}, host
    await allocation.close()


async def test_quota_of_one_user(start_coturn: StartCoturn) -> None:  # T14
    coturn = await start_coturn(user_quota=2)
    mine = await coturn.issue()
    kept = [await allocate(coturn.config, mine) for _ in range(2)]
    assert await refusal(coturn.config, mine) == QUOTA_REACHED
    later = signed_later(mine, coturn, await coturn.store.slots(coturn.config.id))
    assert await refusal(coturn.config, later) == QUOTA_REACHED, "a renewed one is the same user"
    assert await refusal(coturn.config, await coturn.issue("bob@example.org")) is None
    for allocation in kept:
        await allocation.close()


def signed_later(credential: Credential, coturn: Coturn, slots: object) -> Credential:
    name = credential.username.partition(":")[2]
    return signed(slots[slot_of(name)].current, name, credential.expires + 7)


async def test_what_each_user_moves_is_measured(
    start_coturn: StartCoturn, echo: Echo, redis: Redis
) -> None:  # T13, T15
    coturn = await start_coturn()
    credential = await coturn.issue()
    name = credential.username.partition(":")[2]
    allocation = await allocate(coturn.config, credential)

    async def is_open() -> bool:
        figures = await asyncio.to_thread(coturn.figures)
        return figures.get(f'lectern_turn_user_allocations{{user="{name}"}}') == 1

    await eventually(is_open)
    statuses = await redis._connections._client.keys("turn/realm/*/allocation/*/status")
    assert len(statuses) == 1
    for key in await redis._connections._client.keys("*"):
        assert await redis._connections._client.pttl(key) > 0, f"{key} lives for ever"
    for _ in range(50):
        await allocation.echo(echo.address, b"x" * 1000)
    await allocation.close()

    async def is_counted() -> bool:
        figures = await asyncio.to_thread(coturn.figures)
        moved = f'lectern_turn_user_bytes_total{{direction="%s",user="{name}"}}'
        return (
            figures.get(moved % "received", 0) >= 50_000
            and figures.get(moved % "sent", 0) >= 50_000
            and figures[f'lectern_turn_user_allocations{{user="{name}"}}'] == 0
            and figures["lectern_turn_allocations"] == 0
        )

    await eventually(is_counted)
    assert await redis._connections._client.keys("turn/realm/*/allocation/*/status") == []


async def test_statistics_are_published_in_redis(
    start_coturn: StartCoturn, redis: Redis
) -> None:  # T13
    coturn = await start_coturn()
    listener = redis.subscription()
    await listener.psubscribe("turn/realm/*/user/*/allocation/*/status")
    credential = await coturn.issue()
    await (await allocate(coturn.config, credential)).close()
    heard: list[str] = []
    async with asyncio.timeout(5):
        while "deleted" not in heard:
            message = await listener.get_message(timeout=1)
            if message and message["type"] == "pmessage":
                assert credential.username in message["channel"].decode()
                heard.append(message["data"].decode().split()[0])
    assert heard[0] == "new"
    await listener.aclose()
