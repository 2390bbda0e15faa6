"""Hands, invitations, speakers and mutes: what a room holds, who may change it, who is told."""

import json

import pytest

from app.core.errors import Conflict, Forbidden, NotFound, StalePresenter
from app.core.ids import ConnectionId
from app.lecture.floor import Floor
from app.lecture.model import Offer
from app.lecture.seat import AudienceSeat, PresenterSeat
from app.rooms.floor import FloorStore, member_id
from tests.integration.lecture.live_world import OFFER, OWNER, ROOM, Process, World

SAM = AudienceSeat(ROOM, ConnectionId("c1"), "STUDENT", "sam@example.org", "Sam")
SAM_ID = member_id(ROOM, SAM.identity)


def floor_of(process: Process) -> Floor:
    return Floor(process.rooms, FloorStore(process.redis), process.media)


async def begin(world: World) -> tuple[PresenterSeat, Floor]:
    started = await world.one.lectures.start(OWNER, ConnectionId("web"), ROOM, OFFER)
    return started.seat, floor_of(world.one)


async def told(world: World, kind: str) -> list[tuple[str, dict]]:
    entries = await world.raw.xrange(f"room:{{{ROOM}}}:events")
    return [
        (fields[b"audience"].decode(), json.loads(fields[b"data"]))
        for _, fields in entries
        if fields[b"type"].decode() == kind
    ]


async def invited(world: World) -> tuple[PresenterSeat, Floor]:
    seat, floor = await begin(world)
    await floor.hand(SAM, True)
    await floor.invite(seat, SAM_ID)
    return seat, floor


async def test_a_hand_is_shown_to_the_presenter_alone_and_once(world: World) -> None:
    _, floor = await begin(world)
    await floor.hand(SAM, True)
    await floor_of(world.two).hand(SAM, True)
    await floor.hand(SAM, False)
    await floor.hand(SAM, False)
    assert await told(world, "hands") == [
        ("presenter", {"hands": [{"id": SAM_ID, "name": "Sam"}]}),
        ("presenter", {"hands": []}),
    ]


async def test_an_event_names_nobody_by_address(world: World) -> None:
    _, floor = await invited(world)
    await floor.publish(SAM, OFFER)
    everything = str(await told(world, "hands") + await told(world, "tracks"))
    assert SAM.identity not in everything
    assert world.relay.opened[-1][1].peer not in everything


async def test_only_the_slots_holder_invites_and_only_hands_that_are_up(world: World) -> None:
    seat, floor = await begin(world)
    with pytest.raises(NotFound):
        await floor.invite(seat, SAM_ID)
    await floor.hand(SAM, True)
    newer = await world.two.lectures.start(OWNER, ConnectionId("web2"), ROOM, OFFER)
    with pytest.raises(StalePresenter):
        await floor.invite(seat, SAM_ID)
    await floor.invite(newer.seat, SAM_ID)
    assert (await told(world, "tracks"))[-1][1]["speakers"][0]["name"] == "Sam"
    with pytest.raises(StalePresenter):
        await floor.uninvite(seat, SAM_ID)


async def test_who_was_not_invited_opens_nothing_on_a_relay(world: World) -> None:
    _, floor = await begin(world)
    before = len(world.relay.opened)
    with pytest.raises(Forbidden):
        await floor.publish(SAM, OFFER)
    assert len(world.relay.opened) == before


async def test_seven_speak_beside_the_presenter(world: World) -> None:
    seat, floor = await begin(world)
    for number in range(8):
        other = AudienceSeat(ROOM, ConnectionId("c"), "GUEST", f"g{number}", f"Guest {number}")
        await floor.hand(other, True)
    for number in range(7):
        await floor.invite(seat, member_id(ROOM, f"g{number}"))
    with pytest.raises(Conflict):
        await floor.invite(seat, member_id(ROOM, "g7"))
    hands = (await told(world, "hands"))[-1][1]["hands"]
    assert [hand["name"] for hand in hands] == ["Guest 7"]


async def test_taking_it_back_closes_the_speakers_peer_before_it_returns(world: World) -> None:
    seat, floor = await invited(world)
    peer, _ = await floor.publish(SAM, OFFER)
    assert world.relay.opened[-1][1].role == "speaker"
    await floor.uninvite(seat, SAM_ID)
    assert peer in world.relay.closed
    assert (await told(world, "tracks"))[-1] == (
        "room",
        {"speakers": [], "presenterMuted": {}},
    )
    with pytest.raises(Forbidden):
        await floor.publish(SAM, OFFER)


async def test_a_second_connection_of_a_speaker_replaces_its_first(world: World) -> None:
    _, floor = await invited(world)
    first, _ = await floor.publish(SAM, OFFER)
    second, _ = await floor.publish(SAM, Offer("v=0 another"))
    await world.one.media.close()
    assert first != second
    stored = json.loads(await world.raw.hget(f"room:{{{ROOM}}}", "floor"))
    assert stored["speakers"][0]["peer"] == second


async def test_what_the_presenter_muted_its_owner_does_not_unmute(world: World) -> None:
    seat, floor = await invited(world)
    await floor.publish(SAM, OFFER)
    await floor.mute(seat, SAM_ID, "microphone", True)
    await floor.mute(SAM, None, "microphone", True)
    await floor.mute(SAM, None, "microphone", False)
    speaker = (await told(world, "tracks"))[-1][1]["speakers"][0]
    assert speaker["muted"] == {"microphone": ["presenter"]}
    assert [(c.by, c.on) for c in world.relay.controls] == [
        ("presenter", True), ("owner", True), ("owner", False),
    ]  # fmt: skip


async def test_participants_mute_themselves_alone(world: World) -> None:
    _, floor = await invited(world)
    await floor.publish(SAM, OFFER)
    with pytest.raises(Forbidden):
        await floor.mute(SAM, "0" * 16, "microphone", True)
    eve = AudienceSeat(ROOM, ConnectionId("c2"), "GUEST", "eve", "Guest")
    with pytest.raises(NotFound):
        await floor.mute(eve, None, "microphone", True)
    assert world.relay.controls == []


async def test_the_presenter_mutes_its_own_track(world: World) -> None:
    seat, floor = await begin(world)
    await floor.mute(seat, None, "camera", True)
    assert world.relay.controls[-1].peer is None
    assert (await told(world, "tracks"))[-1][1]["presenterMuted"] == {"camera": ["owner"]}


async def test_who_returns_sees_who_speaks(world: World) -> None:
    seat, floor = await invited(world)
    await floor.hand(AudienceSeat(ROOM, ConnectionId("c2"), "GUEST", "eve", "Guest 1"), True)
    snapshot = await world.two.lectures.snapshot(seat)
    assert [one["id"] for one in snapshot.floor["speakers"]] == [SAM_ID]
    assert len(snapshot.floor["hands"]) == 1
