"""ICE restart: the same peer offers again, from another address; DTLS and media go on."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator

import pytest
from aioice import stun

from app.core.errors import BadOffer, BadRequest
from tests.integration.relay.clients import NODE, Client, Rig, binding_request, credentials

UFRAG, PASSWORD = "newu", "a-new-password-of-24-chr".replace("-", "+")


@pytest.fixture
async def elsewhere() -> AsyncIterator[socket.socket]:
    """The client's new network: another socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


def again(client: Client) -> str:
    text = re.sub(r"a=ice-ufrag:\S+", f"a=ice-ufrag:{UFRAG}", client.offered)
    return re.sub(r"a=ice-pwd:\S+", f"a=ice-pwd:{PASSWORD}", text)


async def receive(sock: socket.socket, wanted: range) -> bytes:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(3):
        while True:
            data = await loop.sock_recv(sock, 2_048)
            if data[0] in wanted:
                return data


async def test_media_follows_to_the_new_address(  # M8, P6
    rig: Rig, elsewhere: socket.socket
) -> None:
    await rig.join(presenter=True, videos=0)
    participant = await rig.join(videos=0)
    await participant.tunes_in(440)
    opened = await rig.client.open(NODE, participant.command(again(participant)))
    assert credentials(opened.sdp) != credentials(participant.answered)
    assert re.findall("a=ssrc:.*", opened.sdp) == re.findall("a=ssrc:.*", participant.answered)
    # until the new pair is used the old path carries the media
    assert await participant.hears() == pytest.approx(440, abs=15)
    ufrag, password = credentials(opened.sdp)
    target = ("127.0.0.1", rig.service.port)
    elsewhere.sendto(binding_request(ufrag, UFRAG, "not+the+password+at+all++"), target)
    elsewhere.sendto(binding_request(ufrag, UFRAG, password), target)
    answer = stun.parse_message(await receive(elsewhere, range(4)))
    assert answer.check_message_integrity(password.encode())
    assert answer.message_class is stun.Class.RESPONSE
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == elsewhere.getsockname()
    packet = await receive(elsewhere, range(128, 192))
    assert len(packet) > 28
    assert rig.service.stats()["peers"] == 2


async def test_the_same_offer_again_is_answered_the_same(rig: Rig) -> None:
    participant = await rig.join(videos=0)
    opened = await rig.client.open(NODE, participant.command(participant.offered))
    assert opened.sdp == participant.answered


async def test_a_restart_changes_nothing_but_the_credentials(rig: Rig) -> None:
    participant = await rig.join(videos=0)
    other = re.sub(r"(a=fingerprint:sha-\d+ )..", r"\g<1>00", again(participant))
    with pytest.raises(BadOffer, match="certificate"):
        await rig.client.open(NODE, participant.command(other))
    moved = participant.command(again(participant)).model_copy(update={"room": "111111"})
    with pytest.raises(BadRequest):
        await rig.client.open(NODE, moved)


async def test_sections_may_come_later(rig: Rig) -> None:
    await rig.join(presenter=True, tone=440.0)
    participant = await rig.join(videos=0)
    await participant.tunes_in(440)
    participant.pc.addTransceiver("video", direction="recvonly")
    await participant.offer()
    assert participant.answered.count("a=sendonly") == 2
    left, right = await participant.sees()
    assert left > right
    assert await participant.hears() == pytest.approx(440, abs=15)
    assert rig.service.stats()["errors"] == 0
