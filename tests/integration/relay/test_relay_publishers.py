"""Which publishers have a socket of their own, as they come, move, fall silent and go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.core.ids import RoomId
from tests.integration.relay import clients
from tests.integration.relay.clients import ROOM, Rig, until
from tests.integration.relay.probes import Probe
from tests.integration.relay.test_relay_pipes import EDGE, LEAF, ROOT, Campus

ELSEWHERE = "127.0.0.2"


@asynccontextmanager
async def presenting(*probes: Probe) -> AsyncIterator[None]:
    async def present() -> None:
        while True:
            for probe in probes:
                probe.present()
            await asyncio.sleep(0.01)

    task = asyncio.create_task(present())
    try:
        yield
    finally:
        task.cancel()


async def joined(rig: Rig, *, presenter: bool, tcp: bool = False, room: RoomId = ROOM) -> Probe:
    probe = Probe(rig.client, presenter=presenter, room=room)
    await probe.join(tcp=tcp)
    return probe


def own(rig: Rig) -> int:
    return rig.service.stats()["udp_own_sockets"]


def gathered(rig: Rig) -> int:
    return rig.service.stats()["udp_reads_gathered"]


async def until_gathered(rig: Rig) -> None:
    before = gathered(rig)
    await until(lambda: gathered(rig) > before + 5)


async def test_a_presenter_has_one_while_it_is_on_air(rig: Rig) -> None:
    presenter = await joined(rig, presenter=True)
    participant = await joined(rig, presenter=False)
    assert own(rig) == 0
    async with presenting(presenter):
        await until_gathered(rig)
        assert own(rig) == 1
        await until(lambda: participant.received > 100)
    await until(lambda: own(rig) == 0)  # silent for two seconds
    participant.check(nominates=False)
    await until(lambda: participant.peer.ice.connected)
    async with presenting(presenter):
        await until(lambda: own(rig) == 1)
        assert participant.missing() == participant.unopened == 0
        await rig.client.close_peer(clients.NODE, ROOM, presenter.id)
        await until(lambda: own(rig) == 0)
    presenter.close()
    participant.close()


async def test_one_that_moves_or_reloads_is_followed(rig: Rig) -> None:
    presenter = await joined(rig, presenter=True)
    participant = await joined(rig, presenter=False)
    async with presenting(presenter):
        await until_gathered(rig)
        await presenter.attach(("127.0.0.1", rig.service.port), source=ELSEWHERE)
        presenter.check(nominates=True)
        await until(lambda: rig.service.stats()["peers_moved"] == 1)
        await until_gathered(rig)
        assert own(rig) == 1
        reloaded = await joined(rig, presenter=True)
        async with presenting(reloaded):
            await until(lambda: rig.service.stats()["peers"] == 2)
            await until_gathered(rig)
            await until(lambda: own(rig) == 1)
    for probe in (presenter, reloaded, participant):
        probe.close()


async def test_over_tcp_there_is_none_and_none_is_needed(rig: Rig) -> None:
    other = RoomId("004218")
    over_tcp = await joined(rig, presenter=True, tcp=True)
    presenter = await joined(rig, presenter=True, room=other)
    participant = await joined(rig, presenter=False)
    async with presenting(over_tcp):
        await until(lambda: participant.received > 100)
        assert own(rig) == gathered(rig) == 0
        async with presenting(presenter):
            await until_gathered(rig)
            assert own(rig) == 1
    for probe in (over_tcp, presenter, participant):
        probe.close()


async def test_a_newcomer_joins_while_the_rest_is_gathered(rig: Rig) -> None:
    presenter = await joined(rig, presenter=True)
    async with presenting(presenter):
        await until_gathered(rig)
        participant = await joined(rig, presenter=False)
        await until(lambda: participant.received > 100)
        await until_gathered(rig)
        # the handshake of one who begins long after the offer goes on, a little later
        late = Probe(rig.client, presenter=False)
        read = await late.open()
        await until_gathered(rig)
        await late.attach(("127.0.0.1", read.port))
        late.start(read)
        await late.connected()
        await until(lambda: late.received > 100)
    assert participant.missing() == late.missing() == 0
    for probe in (presenter, participant, late):
        probe.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_both_families_have_one(host: str) -> None:
    rig = Rig(bind_host="::", public_hosts=("::1", "127.0.0.1"))
    await rig.service.open()
    presenter = Probe(rig.client, presenter=True)
    await presenter.join(host=host)
    async with presenting(presenter):
        await until_gathered(rig)
        assert own(rig) == 1
    presenter.close()
    await rig.close()


async def test_a_relay_that_may_have_none_serves_all_the_same() -> None:
    rig = Rig(publisher_sockets=0)
    await rig.service.open()
    presenter = await joined(rig, presenter=True)
    participant = await joined(rig, presenter=False)
    async with presenting(presenter):
        await until(lambda: participant.received > 100)
        assert own(rig) == gathered(rig) == 0
    presenter.close()
    participant.close()
    await rig.close()


async def test_a_relay_that_feeds_another_has_one_there() -> None:
    campus = Campus()
    await campus.open()
    await campus.join(ROOT, role="presenter")
    participant = await campus.join(LEAF)
    await participant.hears()
    for node in (ROOT, EDGE, LEAF):
        await until(lambda node=node: campus.stats(node)["udp_own_sockets"] == 1)
    await participant.close()
    await until(lambda: campus.stats(LEAF)["udp_own_sockets"] == 0, 15)
    await campus.close()
