"""What a permission takes, a real relay does not forward; what it gives back flows again (O27)."""

import asyncio
from collections import Counter

import pytest

from app.core.errors import NotFound
from app.core.ids import PeerId
from app.relay.messages import Permit
from tests.integration.relay.clients import NODE, ROOM, Client, Rig


async def received(rig: Rig, client: Client) -> Counter[str]:
    """Count the packets that the relay has sent a client, by kind."""
    measured = await rig.client.measure(NODE, ROOM)
    peer = next(one for one in measured.peers if one.peer == client.peer)
    return Counter({section.kind: section.packets for section in peer.sent})


async def test_a_right_that_is_taken_stops_live_media_of_that_kind(rig: Rig) -> None:
    # O27
    await rig.join(presenter=True)
    listener, other = await rig.join(), await rig.join()
    await listener.hears()
    await listener.sees()
    await rig.client.control(NODE, Permit(room=ROOM, peer=listener.peer, hear=["audio"]))
    before, others = await received(rig, listener), await received(rig, other)
    await asyncio.sleep(0.6)
    after = await received(rig, listener)
    assert after["video"] == before["video"]
    assert after["audio"] > before["audio"]
    assert (await received(rig, other))["video"] > others["video"]
    await rig.client.control(NODE, Permit(room=ROOM, peer=listener.peer, hear=["audio", "video"]))

    async with asyncio.timeout(8):
        while (await received(rig, listener))["video"] <= after["video"]:
            await asyncio.sleep(0.05)


async def test_a_presenters_right_is_everybodys_silence(rig: Rig) -> None:
    # L12, O27
    presenter = await rig.join(presenter=True)
    listener = await rig.join()
    await listener.hears()
    await rig.client.control(NODE, Permit(room=ROOM, peer=presenter.peer, publish=["camera"]))
    await asyncio.sleep(0.2)  # what is on its way
    before = await received(rig, listener)
    await asyncio.sleep(0.6)
    after = await received(rig, listener)
    assert after["audio"] == before["audio"]
    assert after["video"] > before["video"]
    await rig.client.control(
        NODE, Permit(room=ROOM, peer=presenter.peer, publish=["microphone", "camera"])
    )
    await listener.hears()


async def test_a_permit_for_a_peer_that_is_gone(rig: Rig) -> None:
    with pytest.raises(NotFound):
        await rig.client.control(NODE, Permit(room=ROOM, peer=PeerId("nobody"), hear=[]))
