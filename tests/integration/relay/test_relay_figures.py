"""Figures agree with what came out of the socket; mutes, pauses and notices on a real relay."""

import asyncio
import re
from collections import Counter

import pytest

from app.core.errors import NotFound
from app.core.ids import PeerId, RoomId
from app.relay.messages import (
    MuteTrack,
    PauseSection,
    Publish,
    RestartIce,
)
from tests.integration.relay.clients import NODE, ROOM, Client, Rig, until

GCM_TAG_BYTES = 16
"""RFC 7714 §5: what sealing adds to a packet; these clients take the relay's first profile."""


def count_arrivals(client: Client) -> Counter[str]:
    """Count the RTP datagrams that reach a client, as they were before they were opened."""
    counted: Counter[str] = Counter()
    for transport in {t.receiver.transport for t in client.pc.getTransceivers()}:
        handle = transport._handle_rtp_data

        async def counting(data, arrival_time_ms, handle=handle):
            counted["packets"] += 1
            counted["bytes"] += len(data) + GCM_TAG_BYTES
            await handle(data, arrival_time_ms)

        transport._handle_rtp_data = counting
    return counted


async def mute_presenter(rig: Rig, on: bool) -> None:
    for source in ("microphone", "camera"):
        command = MuteTrack(room=ROOM, peer=None, source=source, by="owner", on=on)
        await rig.client.control(NODE, command)


async def sent_to(rig: Rig, client: Client) -> tuple[int, int]:
    measured = await rig.client.measure(NODE, ROOM)
    peer = next(one for one in measured.peers if one.peer == client.peer)
    return (
        sum(section.packets + section.repeated for section in peer.sent),
        sum(section.bytes + section.repeated_bytes for section in peer.sent) + peer.padding_bytes,
    )


async def test_figures_agree_with_the_bytes_that_arrived(rig: Rig) -> None:  # M17, L38
    await rig.join(presenter=True)
    await mute_presenter(rig, True)
    listener = await rig.join()
    arrived = count_arrivals(listener)
    before = await sent_to(rig, listener)
    await mute_presenter(rig, False)
    await until(lambda: arrived["packets"] > 200, 15)
    await mute_presenter(rig, True)
    await asyncio.sleep(0.3)  # what is on its way
    packets, nbytes = await sent_to(rig, listener)
    assert packets - before[0] == pytest.approx(arrived["packets"], rel=0.01)
    assert nbytes - before[1] == pytest.approx(arrived["bytes"], rel=0.01)


async def test_figures_name_every_track_and_participant(rig: Rig) -> None:
    presenter = await rig.join(presenter=True)
    listener = await rig.join()
    await listener.hears()
    measured = await rig.client.measure(NODE, ROOM)
    assert {peer.peer for peer in measured.peers} == {presenter.peer, listener.peer}
    assert measured.peers[0].role == "presenter"
    assert {track.source for track in measured.peers[0].received} == {"microphone", "camera"}
    assert measured.left_out == 0


async def test_a_pause_is_for_one_subscriber_alone(rig: Rig) -> None:  # L28
    await rig.join(presenter=True)
    paused, other = await rig.join(), await rig.join()
    await paused.hears()
    section = next(
        s
        for peer in (await rig.client.measure(NODE, ROOM)).peers
        if peer.peer == paused.peer
        for s in peer.sent
        if s.kind == "audio"
    )
    command = PauseSection(room=ROOM, peer=paused.peer, mid=section.mid, on=True)
    await rig.client.control(NODE, command)
    arrived = count_arrivals(paused)
    await other.hears()
    section_after = next(
        s
        for peer in (await rig.client.measure(NODE, ROOM)).peers
        if peer.peer == paused.peer
        for s in peer.sent
        if s.mid == section.mid
    )
    assert section_after.packets <= section.packets + 5
    assert arrived["packets"] > 0  # its picture goes on


async def test_commands_about_strangers_are_refused(rig: Rig) -> None:
    await rig.join(presenter=True)
    stranger = PeerId("nobody")
    for command in (
        Publish(room=ROOM, peer=stranger, sources=[]),
        MuteTrack(room=ROOM, peer=stranger, source="camera", by="owner", on=True),
        PauseSection(room=ROOM, peer=stranger, mid="0", on=True),
    ):
        with pytest.raises(NotFound):
            await rig.client.control(NODE, command)
    with pytest.raises(NotFound):
        await rig.client.restart_ice(
            NODE, RestartIce(room=ROOM, peer=stranger, ufrag="abcd", password="p" * 24)
        )
    assert await rig.client.see(NODE, ROOM, [stranger]) == set()


async def test_a_relays_figures_are_the_load_that_is_driven(rig: Rig) -> None:  # L35
    """Rooms, publishers, subscribers and failed connections, as `/metrics` gives them out."""

    async def figures() -> dict[str, int]:
        return await rig.client.count(NODE)

    def who(found: dict[str, int]) -> dict[str, int]:
        return {
            name.partition("{")[2]: count
            for name, count in found.items()
            if name.startswith("participants{")
        }

    await rig.join(presenter=True)
    listeners = [await rig.join() for _ in range(3)]
    other = await rig.join(presenter=True, room=RoomId("222222"))
    refused = Client(rig.client, ROOM, "participant", 0)
    rig.clients.append(refused)
    refused.pc.addTransceiver("audio", direction="recvonly")
    await refused.offer(lambda sdp: re.sub(r"(a=fingerprint:sha-\d+ )..", r"\g<1>00", sdp))
    await listeners[-1].hears()
    await until(lambda: rig.service.stats()["connections_failed"] == 1)
    found = await figures()
    assert who(found) == {
        'role="presenter",connected="1"}': 2,
        'role="participant",connected="1"}': 3,
    }
    assert (found["rooms"], found["peers"], found["connections_failed"]) == (2, 5, 1)
    assert found['tracks{source="microphone"}'] == 2
    await rig.client.close_room(NODE, other.room)
    await rig.client.close_peer(NODE, ROOM, listeners[0].peer)
    found = await figures()
    assert who(found) == {
        'role="presenter",connected="1"}': 1,
        'role="participant",connected="1"}': 2,
    }
    assert (found["rooms"], found["peers"], found["connections_failed"]) == (1, 3, 1), (
        "who is told to go has not failed"
    )
