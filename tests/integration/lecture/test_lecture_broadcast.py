"""A WHIP session beside the presenter's web client: whose the slot is, and when anybody is away."""

from dataclasses import replace

import pytest

from app.auth.room_tokens import RoomGrant
from app.core.errors import Ended, Forbidden, NotFound, NotStarted, Unauthorized, Unavailable
from app.core.ids import ConnectionId, Email, LectureId, RoomId
from app.lecture.broadcast import Broadcasts
from app.lecture.model import Offer
from app.rooms.sessions import SessionStore
from app.whiteboard.model import Board
from tests.integration.lecture.live_world import OFFER, OWNER, ROOM, Process, World

SDP = "v=0\r\na=ice-ufrag:theirs\r\n"
WEB = ConnectionId("web")
BOARD = Board(b"x", (1, 0, 0, 1, 0, 0), 0, 1, 1)


def broadcasts_of(process: Process, world: World) -> Broadcasts:
    return Broadcasts(
        process.rooms,
        SessionStore(process.redis),
        process.media,
        process.endings,
        world.catalogue,
    )


def grant(world: World, role: str = "presenter", email: str = OWNER.email) -> RoomGrant:
    lecture = world.catalogue.lectures[ROOM].id
    return RoomGrant(ROOM, lecture, role, Email(email), "Ada", 2**40)


async def events(world: World) -> list[str]:
    entries = await world.raw.xrange(f"room:{{{ROOM}}}:events")
    return [fields[b"type"].decode() for _, fields in entries]


async def field(world: World, name: str) -> str:
    value = await world.raw.hget(f"room:{{{ROOM}}}", name)
    return value.decode() if value else ""


async def look_now(world: World, broadcasts: Broadcasts) -> None:
    """Have the sessions looked at as if their time had come."""
    await world.raw.zadd("sessions:due", {ROOM: 0})
    await broadcasts._watch.sweep()


async def test_a_whip_session_starts_the_lecture_and_the_web_client_takes_the_slot(
    world: World,
) -> None:
    broadcasts = broadcasts_of(world.one, world)
    opened = await broadcasts.publish(grant(world), SDP)
    assert await field(world, "holder") == f"whip/{opened.session.peer}"
    started = await world.two.lectures.start(OWNER, WEB, ROOM, OFFER)
    assert started.seat.epoch == 2
    assert await field(world, "holder") == f"{world.two.node}/{WEB}"
    # The media stays with the session: an existing client's page waits for its end.
    assert world.relay.opened[0][1].beside
    command = world.relay.opened[-1][1]
    assert (command.waits, command.idle) == (True, False)
    # Our own says which section is which, hears of the end, and sends nothing meanwhile.
    ours = Offer("v=0 offer", {"0": "microphone"})
    _ = await world.two.lectures.start(OWNER, WEB, ROOM, ours)
    command = world.relay.opened[-1][1]
    assert (command.waits, command.idle) == (False, True)
    assert "presenter_away" not in await events(world)


async def test_a_web_client_without_an_offer_takes_the_slot_from_a_session(world: World) -> None:
    _ = await broadcasts_of(world.one, world).publish(grant(world), SDP)
    seat = await world.one.lectures.resume(OWNER, WEB, ROOM)
    assert seat.epoch == 2


async def test_a_session_beside_a_web_client_leaves_it_the_slot(world: World) -> None:
    started = await world.one.lectures.start(OWNER, WEB, ROOM, OFFER)
    _ = await broadcasts_of(world.two, world).publish(grant(world), SDP)
    assert await field(world, "holder") == f"{world.one.node}/{WEB}"
    assert await world.one.boards.edit(ROOM, started.seat.epoch, BOARD) == 1


async def test_nobody_is_away_while_a_session_is_heard(world: World) -> None:
    started = await world.one.lectures.start(OWNER, WEB, ROOM, OFFER)
    opened = await broadcasts_of(world.two, world).publish(grant(world), SDP)
    await world.one.lectures.lost(started.seat)
    assert await field(world, "status") == "LIVE"
    assert await field(world, "holder") == f"whip/{opened.session.peer}"
    assert "presenter_away" not in await events(world)


async def test_the_grace_period_begins_with_the_end_of_a_session_that_is_alone(
    world: World,
) -> None:
    broadcasts = broadcasts_of(world.one, world)
    opened = await broadcasts.publish(grant(world), SDP)
    session = await broadcasts.session(grant(world), opened.session.peer)
    await broadcasts.end(grant(world), session)
    await broadcasts.end(grant(world), session)  # a repeat changes nothing
    assert await field(world, "status") == "AWAY"
    assert (await events(world)).count("presenter_away") == 1
    assert world.relay.closed.count(opened.session.peer) >= 1
    _ = await broadcasts.publish(grant(world), SDP)  # the program comes back
    assert await field(world, "status") == "LIVE"


async def test_the_end_of_a_session_beside_a_web_client_makes_nobody_away(world: World) -> None:
    await world.one.lectures.start(OWNER, WEB, ROOM, OFFER)
    broadcasts = broadcasts_of(world.one, world)
    opened = await broadcasts.publish(grant(world), SDP)
    await broadcasts.end(grant(world), opened.session)
    assert await field(world, "status") == "LIVE"
    assert (await events(world))[-1] == "whip"
    # The next offer of the web client carries media again.
    await world.one.lectures.start(OWNER, WEB, ROOM, OFFER)
    command = world.relay.opened[-1][1]
    assert not command.idle
    assert not command.waits


async def test_a_newer_session_replaces_an_older_one(world: World) -> None:
    broadcasts = broadcasts_of(world.one, world)
    first = await broadcasts.publish(grant(world), SDP)
    second = await broadcasts.publish(grant(world), SDP)
    await world.one.media.close()
    with pytest.raises(NotFound):
        await broadcasts.session(grant(world), first.session.peer)
    assert await field(world, "whip") == second.session.peer
    await broadcasts.end(grant(world), first.session)
    assert await field(world, "whip") == second.session.peer


async def test_a_session_whose_peer_is_gone_is_found_by_any_process(world: World) -> None:
    opened = await broadcasts_of(world.one, world).publish(grant(world), SDP)
    other = broadcasts_of(world.two, world)
    await look_now(world, other)
    assert await field(world, "status") == "LIVE"
    world.relay.closed.append(opened.session.peer)
    await look_now(world, other)
    assert await field(world, "status") == "AWAY"
    assert await world.raw.hlen(f"room:{{{ROOM}}}:sessions") == 0


async def test_revoked_tokens_open_nothing_and_what_they_made_ends(world: World) -> None:
    broadcasts = broadcasts_of(world.one, world)
    opened = await broadcasts.publish(grant(world), SDP)
    heard = await broadcasts.play(grant(world, "listener", "sam@example.org"), SDP)
    lecture = world.catalogue.lectures[ROOM].id
    assert await broadcasts.generation(lecture, "presenter") == 0
    await broadcasts.revoke(ROOM, lecture, "presenter")
    assert opened.session.peer in world.relay.closed
    assert await field(world, "whip") == ""
    for again in (
        broadcasts.publish(grant(world), SDP),
        broadcasts.session(grant(world), opened.session.peer),
    ):
        with pytest.raises(Unauthorized):
            await again
    other = grant(world, "listener", "sam@example.org")
    assert await broadcasts.session(other, heard.session.peer) == heard.session
    fresh = replace(grant(world), generation=1)
    assert (await broadcasts.publish(fresh, SDP)).session.peer != opened.session.peer


async def test_a_relay_that_does_not_answer_ends_no_session(world: World) -> None:
    broadcasts = broadcasts_of(world.one, world)
    opened = await broadcasts.publish(grant(world), SDP)
    world.relay.failing = Unavailable("away")
    await look_now(world, broadcasts)
    world.relay.failing = None
    assert (await broadcasts.session(grant(world), opened.session.peer)).peer == opened.session.peer


async def test_whep_listeners_count(world: World) -> None:
    broadcasts = broadcasts_of(world.one, world)
    with pytest.raises(NotStarted):
        await broadcasts.play(grant(world, "listener", "sam@example.org"), SDP)
    await broadcasts.publish(grant(world), SDP)
    sam = grant(world, "listener", "sam@example.org")
    first = await broadcasts.play(sam, SDP)
    second = await broadcasts.play(sam, SDP)
    assert await field(world, "listeners") == "2"
    await broadcasts.end(sam, first.session)
    assert await field(world, "listeners") == "1"
    world.relay.closed.append(second.session.peer)
    await look_now(world, broadcasts)
    assert await field(world, "listeners") == "0"
    assert world.catalogue.attended[0][1] == "sam@example.org"


async def test_a_token_is_good_for_its_own_lecture_and_sessions(world: World) -> None:
    broadcasts = broadcasts_of(world.one, world)
    old = RoomGrant(ROOM, LectureId("another"), "presenter", OWNER.email, "Ada", 2**40)
    with pytest.raises(Ended):
        await broadcasts.publish(old, SDP)
    opened = await broadcasts.publish(grant(world), SDP)
    with pytest.raises(Ended):
        await broadcasts.play(old, SDP)
    with pytest.raises(Forbidden):
        await broadcasts.publish(grant(world, "presenter", "eve@example.org"), SDP)
    with pytest.raises(NotFound):
        await broadcasts.session(grant(world, "listener"), opened.session.peer)


async def test_an_ice_restart_has_a_new_entity_tag(world: World) -> None:
    broadcasts = broadcasts_of(world.one, world)
    opened = await broadcasts.publish(grant(world), SDP)
    restarted = await broadcasts.restart(grant(world), opened.session, "fresh", "p" * 24)
    assert restarted.session.etag != opened.session.etag
    kept = await broadcasts.session(grant(world), opened.session.peer)
    assert (kept.etag, kept.ufrag) == (restarted.session.etag, "fresh")


async def test_an_ended_lecture_leaves_no_session(world: World) -> None:
    broadcasts = broadcasts_of(world.one, world)
    await broadcasts.publish(grant(world), SDP)
    started = await world.one.lectures.start(OWNER, WEB, ROOM, OFFER)
    await world.one.lectures.end(started.seat)
    await look_now(world, broadcasts)
    assert await world.raw.hlen(f"room:{{{ROOM}}}:sessions") == 0
    assert await world.raw.zscore("sessions:due", RoomId(ROOM)) is None
