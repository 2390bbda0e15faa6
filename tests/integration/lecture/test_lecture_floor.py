"""Hands, invitations, speakers and mutes: what a room holds, who may change it, who is told."""

import json

import pytest

from app.core.errors import Conflict, Forbidden, NotFound, StalePresenter
from app.core.ids import ConnectionId, PeerId
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


async def note(world: World, **notes: object) -> None:
    await world.one.redis.on_room("media_note", ROOM, json.dumps(notes))


async def renew(world: World, seat: PresenterSeat, process: Process) -> None:
    assert await process.rooms.renew(ROOM, f"{process.node}/{seat.connection}", seat.epoch, 8)


async def speaking(world: World, floor: Floor) -> PeerId:
    """Have SAM's microphone taken by the relay."""
    peer, _ = await floor.publish(SAM, OFFER)
    sources = {"microphone": True, "camera": False, "screen": False}
    await FloorStore(world.one.redis).publish(ROOM, SAM_ID, peer, sources)
    await note(world, connected=[peer])
    return peer


async def let_time_pass(world: World) -> None:
    """Make every speaker's time to send something run out."""
    floor = json.loads(await world.raw.hget(f"room:{{{ROOM}}}", "floor"))
    for speaker in floor["speakers"]:
        if "idle" in speaker:
            speaker["idle"] = 1
    await world.raw.hset(f"room:{{{ROOM}}}", "floor", json.dumps(floor))


async def test_a_speaker_that_is_lost_may_return_for_a_while_and_is_then_gone(
    world: World,
) -> None:
    seat, floor = await invited(world)
    peer = await speaking(world, floor)
    await let_time_pass(world)
    await renew(world, seat, world.one)
    assert (await told(world, "tracks"))[-1][1]["speakers"], "who speaks, speaks on"
    await note(world, left=["somebody else", peer])
    lost = (await told(world, "tracks"))[-1][1]["speakers"][0]
    assert lost["sources"] == {"microphone": False, "camera": False, "screen": False}
    await renew(world, seat, world.one)
    assert (await told(world, "tracks"))[-1][1]["speakers"], "a reload takes some seconds"
    again = await speaking(world, floor)
    await let_time_pass(world)
    await renew(world, seat, world.one)
    assert (await told(world, "tracks"))[-1][1]["speakers"], "it is back"
    await note(world, left=[again])
    await let_time_pass(world)
    await renew(world, seat, world.one)
    assert (await told(world, "tracks"))[-1][1]["speakers"] == []
    with pytest.raises(Forbidden):
        await floor.publish(SAM, OFFER)


async def test_what_a_speaker_sends_is_told_once_its_media_is_connected(  # L22
    world: World,
) -> None:
    _, floor = await invited(world)
    peer, _ = await floor.publish(SAM, OFFER)
    sources = {"microphone": True, "camera": False, "screen": False}
    await FloorStore(world.one.redis).publish(ROOM, SAM_ID, peer, sources)
    shown = [event["speakers"][0]["sources"] for _, event in await told(world, "tracks")]
    assert not any(any(sent.values()) for sent in shown), "answered, and not connected yet"
    await note(world, connected=["a listener's", peer])
    before = await told(world, "tracks")
    assert before[-1][1]["speakers"][0]["sources"] == sources
    await note(world, connected=[peer])
    assert await told(world, "tracks") == before, "told once"
    more = {**sources, "camera": True}  # one more section of a peer that is connected
    await FloorStore(world.one.redis).publish(ROOM, SAM_ID, peer, more)
    assert (await told(world, "tracks"))[-1][1]["speakers"][0]["sources"] == more
    await FloorStore(world.one.redis).publish(ROOM, SAM_ID, PeerId("another"), sources)
    again = (await told(world, "tracks"))[-1][1]["speakers"][0]["sources"]
    assert not any(again.values()), "another connection, not connected yet"


async def test_who_speaks_but_never_connects_does_not_stay(world: World) -> None:  # L22
    seat, floor = await invited(world)
    peer, _ = await floor.publish(SAM, OFFER)
    sources = {"microphone": True, "camera": False, "screen": False}
    await FloorStore(world.one.redis).publish(ROOM, SAM_ID, peer, sources)
    await let_time_pass(world)
    await renew(world, seat, world.one)
    assert (await told(world, "tracks"))[-1][1]["speakers"] == []


async def test_who_was_invited_and_never_speaks_does_not_stay_invited(world: World) -> None:
    seat, _ = await invited(world)
    await renew(world, seat, world.one)
    assert (await told(world, "tracks"))[-1][1]["speakers"]
    await let_time_pass(world)
    await renew(world, seat, world.one)
    assert (await told(world, "tracks"))[-1][1]["speakers"] == []


async def test_one_more_section_of_a_speaker_keeps_its_mutes(world: World) -> None:
    seat, floor = await invited(world)
    peer, _ = await floor.publish(SAM, OFFER)
    await floor.mute(seat, SAM_ID, "microphone", True)
    await floor.publish(SAM, Offer("v=0 more", peer=peer))
    speaker = (await told(world, "tracks"))[-1][1]["speakers"][0]
    assert speaker["muted"] == {"microphone": ["presenter"]}


async def test_what_a_relay_noted_is_told_by_the_names_of_the_room(world: World) -> None:  # M14
    _, floor = await invited(world)
    peer, _ = await floor.publish(SAM, OFFER)
    await note(
        world,
        speaker=peer,
        levels=[[peer, -20], ["the presenter's", -41]],
        layers=[["listener", "1", 0, -1, True]],
        alerts=[["listener", "1", True, 210_000]],
        wanted=[["the presenter's", "camera", "h q"], [peer, "camera", ""]],
    )
    assert (await told(world, "speaking"))[-1] == ("room", {"id": SAM_ID})
    assert (await told(world, "levels"))[-1][1]["levels"] == [
        {"id": SAM_ID, "level": -20},
        {"id": "presenter", "level": -41},
    ]
    assert (await told(world, "layer"))[-1][1]["sections"] == [["listener", "1", 0, -1, True]]
    assert (await told(world, "bandwidth"))[-1][1]["sections"][0][2:] == [True, 210_000]
    assert (await told(world, "layers"))[-1][1]["wanted"] == [
        ["presenter", "camera", "h q"],
        [SAM_ID, "camera", ""],
    ]
    await note(world, levels=[])
    assert (await told(world, "levels"))[-1][1] == {"levels": []}, "silence"
