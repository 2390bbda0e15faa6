"""A room on several relays: who enters where, what follows a peer there, what a dead one moves."""

import asyncio

import pytest

from app.auth.principal import guest
from app.cluster.node import NodeInfo
from app.cluster.placement import Preference
from app.core.errors import Unavailable
from app.core.ids import ConnectionId, NodeId, PeerId, RoomId, relay_in
from app.lecture.floor import Floor
from app.lecture.media import Media
from app.lecture.model import Offer
from app.relay.answers import RELAY_FULL, PeerOpened
from app.relay.client import RelayFull
from app.relay.messages import OpenPeer, PauseSection
from app.relay.places import Place, RedisPlaces
from app.rooms.floor import FloorStore
from tests.integration.lecture.live_world import OFFER, OWNER, ROOM, STUDENT, World
from tests.integration.lecture.test_lecture_broadcast import SDP, broadcasts_of, grant, look_now

TAB1, TAB2, TAB3 = ConnectionId("tab1"), ConnectionId("tab2"), ConnectionId("tab3")
ONE, TWO, THREE = NodeId("relay-1"), NodeId("relay-2"), NodeId("relay-3")


async def announce(world: World, name: str, load: float = 0.0, **about: tuple[str, ...]) -> None:
    node = NodeId(name)
    info = NodeInfo(node, "relay", "h:1", load, 100.0, **about)  # type: ignore[arg-type]
    await world.one.registry.announce("relay", node, info)


def places(world: World, node: NodeId, fan_out: int = 32) -> RedisPlaces:
    return RedisPlaces(world.one.redis, node, fan_out)


async def enter(world: World, name: str, offer: Offer = OFFER, **where: Preference) -> PeerId:
    who = guest(name)
    entered = await world.one.lectures._entries.enter(who, ConnectionId(name), ROOM, offer, **where)
    return entered.peer


async def test_a_room_fills_the_relays_that_it_is_on_before_it_spreads(world: World) -> None:
    started = await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    assert relay_in(started.peer) == ONE
    await announce(world, "relay-2", 0)
    await announce(world, "relay-1", 60)
    assert relay_in(await enter(world, "a")) == ONE
    await announce(world, "relay-1", 86)  # of 100, and a relay takes up to 85
    assert relay_in(await enter(world, "b")) == TWO
    await places(world, TWO).stand(ROOM, 1, None)
    await announce(world, "relay-3", 0)
    await announce(world, "relay-2", 50)
    assert relay_in(await enter(world, "c")) == TWO  # the room is on it already
    await announce(world, "relay-2", 99)
    await announce(world, "relay-3", 99)
    assert relay_in(await enter(world, "d")) == ONE  # nobody takes anything: its own


async def test_a_relay_that_is_fuller_than_it_said_is_passed_over(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await announce(world, "relay-2", 50)
    opened, refusing = world.relay.open, {ONE}

    async def open_peer(node: NodeId, command: OpenPeer) -> PeerOpened:
        if node in refusing:
            raise RelayFull(RELAY_FULL)
        return await opened(node, command)

    world.relay.open = open_peer  # type: ignore[method-assign]
    assert relay_in(await enter(world, "a")) == TWO
    refusing.add(TWO)
    with pytest.raises(Unavailable, match="all in full load"):
        await enter(world, "b")


async def test_many_relays_are_not_read_for_every_join(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    for number in range(2, 14):
        await announce(world, f"relay-{number}", 50)
    media, reads = Media(world.one.registry, world.relay, clock=world.one.clock), 0
    alive = world.one.registry.alive

    async def counted(kind: str) -> list[NodeInfo]:
        nonlocal reads
        reads += 1
        return await alive(kind)

    world.one.registry.alive = counted  # type: ignore[method-assign]
    for _ in range(20):
        assert await media.relay_for_participant(ROOM, ONE, [ONE]) == ONE
        assert await media.relay_for(ROOM, ONE) == ONE
    assert reads == 1
    await announce(world, "relay-1", 90)
    world.one.clock.advance(0.6)
    assert await media.relay_for_participant(ROOM, ONE, [ONE]) != ONE
    assert reads == 2


async def test_a_participant_goes_to_its_provider_and_region(world: World) -> None:  # O12
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await announce(world, "relay-1", 0, regions=("seoul",), isps=("kt",))
    await announce(world, "relay-2", 50, regions=("busan",), isps=("kt",))
    await announce(world, "relay-3", 80, regions=("seoul",), isps=("skt",))
    where = {
        name: relay_in(await enter(world, name, preference=preference))
        for name, preference in {
            "kt busan": Preference("kt", "busan"),
            "kt jeju": Preference("kt", "jeju"),
            "skt": Preference("skt", None),
            "anywhere": Preference(),
        }.items()
    }
    assert where == {"kt busan": TWO, "kt jeju": ONE, "skt": THREE, "anywhere": ONE}


async def test_without_a_word_of_where_somebody_is_it_is_where_the_process_is(
    world: World,
) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await announce(world, "relay-1", 0, regions=("seoul",))
    await announce(world, "relay-2", 50, regions=("busan",))
    registry, relay = world.one.registry, world.relay
    media = Media(registry, relay, home=Preference(None, "busan"))
    assert await media.relay_for_participant(ROOM, ONE, []) == TWO
    assert await media.relay_for_participant(ROOM, ONE, [], Preference(None, "seoul")) == ONE
    assert await media.relay_for(RoomId("004218"), None) == TWO


async def test_a_peer_that_is_there_stays_and_one_whose_relay_is_gone_does_not(
    world: World,
) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await announce(world, "relay-2", 0)
    await announce(world, "relay-1", 90)
    peer = await enter(world, "a")
    assert relay_in(peer) == TWO
    await announce(world, "relay-2", 99)
    await announce(world, "relay-1", 0)
    assert await enter(world, "a", Offer("v=0 again", peer=peer)) == peer
    await world.one.registry.withdraw("relay", TWO)
    again = await enter(world, "a", Offer("v=0 again", peer=peer))
    assert relay_in(again) == ONE
    assert again != peer


async def test_what_is_asked_of_a_peer_goes_to_its_relay(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await announce(world, "relay-1", 90)
    await announce(world, "relay-2", 0)
    entered = await world.one.lectures.enter(STUDENT, TAB2, ROOM, OFFER)
    asked: list[tuple[str, NodeId]] = []

    async def control(node: NodeId, command: object) -> None:
        asked.append(("control", node))

    async def close_peer(node: NodeId, room: object, peer: object) -> None:
        asked.append(("close", node))

    world.relay.control, world.relay.close_peer = control, close_peer  # type: ignore[method-assign]
    floor = Floor(world.one.rooms, FloorStore(world.one.redis), world.one.media)
    pause = PauseSection(room=ROOM, peer=entered.peer, mid="1", on=True)
    await floor.adjust(ROOM, pause)
    await world.one.lectures.leave(entered.seat, entered.peer)
    assert asked == [("control", TWO), ("close", TWO)]


async def test_a_player_may_listen_at_any_relay_of_the_room(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await announce(world, "relay-1", 90)
    await announce(world, "relay-2", 0)
    broadcasts = broadcasts_of(world.one, world)
    heard = await broadcasts.play(grant(world, "listener", "sam@example.org"), SDP)
    assert heard.session.relay == TWO
    await places(world, TWO).stand(ROOM, 1, None)
    await look_now(world, broadcasts)
    assert await world.raw.hlen(f"room:{{{ROOM}}}:sessions") == 1
    await places(world, TWO).leave(ROOM)
    await look_now(world, broadcasts)
    assert await world.raw.hlen(f"room:{{{ROOM}}}:sessions") == 0


async def test_a_relay_that_dies_moves_those_who_were_on_it(world: World) -> None:  # P5
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    await announce(world, "relay-2", 0)
    await places(world, TWO).stand(ROOM, 3, None)
    world.one.presence.present(ROOM, TAB2)
    await world.look(2)
    await world.one.registry.withdraw("relay", TWO)
    await world.look()
    moved = [data for kind, data in await world.events() if kind == "media_moved"]
    assert moved == [b'{"relay":"relay-2"}']
    assert await world.one.rooms.relay_of(ROOM) == ONE
    assert await world.one.rooms.relays(ROOM) == set()


async def test_a_relay_that_drains_is_left_once(world: World) -> None:  # P13
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    stand = places(world, TWO)
    await stand.stand(ROOM, 3, None)
    assert await world.one.rooms.relay_lost(ROOM, TWO, drains=True)
    await stand.stand(ROOM, 2, None)
    assert not await world.one.rooms.relay_lost(ROOM, TWO, drains=True)
    assert await world.one.rooms.relays(ROOM) == set()
    await stand.leave(ROOM)
    assert not await world.raw.exists(f"room:{{{ROOM}}}:relays")


async def test_relays_stand_in_a_tree_below_the_first(world: World) -> None:
    names = [NodeId(f"relay-{number}") for number in range(1, 12)]
    outside = places(world, TWO)
    assert await outside.stand(ROOM, 1, None) == Place("gone")
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)
    found = await asyncio.gather(*(places(world, name, 3).stand(ROOM, 1, None) for name in names))
    by_name = dict(zip(names, found, strict=True))
    assert by_name[ONE] == Place("root")
    fed: dict[NodeId, list[NodeId]] = {}
    for name, place in by_name.items():
        if place.upper is not None:
            fed.setdefault(place.upper, []).append(name)
    assert len(fed[ONE]) == 3
    assert set(fed) - {ONE} <= set(fed[ONE])  # two steps at most
    assert sum(map(len, fed.values())) == 10
    assert max(map(len, fed.values())) == 3
    # It stays where it is, however often it asks; one whose feeder is dead goes to another.
    for name in names:
        assert await places(world, name, 3).stand(ROOM, 1, None) == by_name[name]
    leaf = next(name for name, place in by_name.items() if place.upper not in (None, ONE))
    moved = await places(world, leaf, 4).stand(ROOM, 1, by_name[leaf].upper)
    assert moved.kind == "leaf"
    assert moved.upper not in (by_name[leaf].upper, leaf)
    # The first relay is another: all come to it by themselves, and no circle is left.
    await world.raw.hset(f"room:{{{ROOM}}}", "relay", fed[ONE][0])
    assert await places(world, fed[ONE][0], 3).stand(ROOM, 1, None) == Place("root")
    after = {
        name: (await places(world, name, 3).stand(ROOM, 1, None)).upper
        for name in names
        if name != ONE
    }
    for name in after:
        steps, at = 0, name
        while at in after and after[at] is not None:
            at, steps = after[at], steps + 1
            assert steps <= 2, after
        assert at == fed[ONE][0]


async def test_a_relay_is_fed_from_its_own_region_where_it_can_be(world: World) -> None:
    await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)

    async def stand(number: int, region: str) -> NodeId | None:
        node = NodeId(f"relay-{number}")
        return (await RedisPlaces(world.one.redis, node, 3, region).stand(ROOM, 1, None)).upper

    assert await stand(1, "seoul") is None
    assert [await stand(n, where) for n, where in ((2, "seoul"), (3, "busan"), (4, "jeju"))] == [
        ONE
    ] * 3
    assert [await stand(n, "busan") for n in (5, 6, 7)] == [THREE] * 3
    assert await stand(8, "busan") == TWO  # its own region's is full: by the first one's
    assert await stand(9, "oslo") == TWO
    assert await stand(10, "jeju") == NodeId("relay-4")


async def test_the_tree_goes_with_the_room_and_lives_no_longer_than_its_word(
    world: World,
) -> None:  # P10
    seat = (await world.one.lectures.start(OWNER, TAB1, ROOM, OFFER)).seat
    key = f"room:{{{ROOM}}}:relays"
    await places(world, TWO).stand(ROOM, 1, None)
    await places(world, THREE).stand(ROOM, 1, None)
    assert 0 < await world.raw.ttl(key) <= 86_400
    await world.raw.hset(key, THREE, "relay-1|1|1|1")  # said long ago
    await places(world, TWO).stand(ROOM, 1, None)
    assert await world.one.rooms.relays(ROOM) == {TWO}
    await world.one.lectures.end(seat)
    assert not await world.raw.exists(key)
    assert await places(world, TWO).stand(ROOM, 1, None) == Place("gone")
    assert not await world.raw.exists(key)
