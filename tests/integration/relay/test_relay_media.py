"""A lecture through the relay: what the presenter sends is what participants hear and see."""

import asyncio
import random
import socket
from pathlib import Path

import pytest
from aioice.ice import get_host_addresses
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80

from app.core.ids import RoomId
from tests.integration.relay.clients import NODE, ROOM, Rig, until


def descriptor_count() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


TONE = pytest.approx(440, abs=15)


async def test_two_participants_hear_the_tone_and_see_the_picture(rig: Rig) -> None:  # M4, M7
    early = await rig.join()  # X11: joined while nobody presents
    await rig.join(presenter=True)
    late = await rig.join()  # B4
    assert await asyncio.gather(early.hears(), late.hears()) == [TONE, TONE]
    for left, right in await asyncio.gather(early.sees(), late.sees()):
        assert left == pytest.approx(200, abs=25)
        assert right == pytest.approx(40, abs=25)
    described = await rig.client.describe(NODE, ROOM)
    assert (described.participants, described.connected) == (2, 2)
    assert {(track.source, track.codec) for track in described.tracks} == {
        ("microphone", "opus"),
        ("camera", "vp8"),
    }
    assert all(track.active for track in described.tracks)
    assert rig.service.stats()["errors"] == 0


async def test_a_reloaded_presenter_goes_on_in_the_same_section(rig: Rig) -> None:  # B7, P9
    participant = await rig.join()
    first = await rig.join(presenter=True, epoch=1)
    await participant.tunes_in(440)
    await participant.sees()
    await rig.join(presenter=True, epoch=2, tone=660.0)
    await participant.tunes_in(660)
    await participant.sees()
    await until(lambda: rig.service.stats()["peers"] == 2)
    assert len(participant.pc.getTransceivers()) == 2
    await first.close()
    assert await participant.hears() == pytest.approx(660, abs=15)


async def test_a_shared_screen_is_shown_beside_or_instead_of_the_camera(rig: Rig) -> None:
    one = await rig.join(videos=1)
    both = await rig.join(videos=2)
    presenter = await rig.join(presenter=True, videos=2)
    await both.sees_bright("left", video=0)
    await both.sees_bright("right", video=1)
    await one.sees_bright("right")
    screen = presenter.pc.getTransceivers()[2]
    screen.sender.replaceTrack(None)  # not shared any more
    await one.sees_bright("left")


@pytest.mark.parametrize("profile", [SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80])
async def test_either_srtp_profile_carries_media(rig: Rig, profile: object) -> None:
    await rig.join(presenter=True, profiles=[profile], videos=0)
    same = await rig.join(profiles=[profile], videos=0)
    default = await rig.join(videos=0)
    assert await asyncio.gather(same.hears(), default.hears()) == [TONE, TONE]


async def test_a_dual_stack_socket_serves_ipv4_clients() -> None:  # M7
    # the address that the kernel answers from: through a wildcard it is not 127.0.0.1
    here = get_host_addresses(use_ipv4=True, use_ipv6=False)[0]
    rig = Rig(bind_host="::", public_hosts=(here,))
    await rig.service.open()
    await rig.join(presenter=True, videos=0)
    participant = await rig.join(videos=0)
    assert await participant.hears() == TONE
    assert rig.service.stats()["udp_send_errors"] == 0
    await rig.close()


async def test_no_media_crosses_rooms(rig: Rig) -> None:  # M3
    other = RoomId("555555")
    alone = await rig.join(room=RoomId("666666"), videos=0)
    await rig.join(presenter=True, videos=0)
    await rig.join(presenter=True, room=other, tone=660.0, videos=0)
    here = await rig.join(videos=0)
    there = await rig.join(room=other, videos=0)
    assert await here.hears() == TONE
    assert await there.hears() == pytest.approx(660, abs=15)
    with pytest.raises(TimeoutError):
        await alone.hears(within=0.3)
    assert (await rig.client.describe(NODE, alone.room)).packets_forwarded == 0


async def test_strangers_on_the_media_port_disturb_nobody(rig: Rig) -> None:  # P7
    await rig.join(presenter=True, videos=0)
    participant = await rig.join(videos=0)
    await participant.tunes_in(440)
    seeded = random.Random(7)
    alert = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
    hello = b"\x16\xfe\xff" + bytes(8) + b"\x00\x0c\x01" + bytes(11)
    target = ("127.0.0.1", rig.service.port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for _ in range(60):
            for data in (b"", alert, hello, b"\x80\x6f" + seeded.randbytes(60)):
                stranger.sendto(data, target)
            stranger.sendto(seeded.randbytes(seeded.randrange(1, 1_400)), target)
            stranger.sendto(b"\x00\x01" + seeded.randbytes(40), target)
            await asyncio.sleep(0.002)
    assert await participant.hears() == TONE
    stats = rig.service.stats()
    assert stats["dropped_empty"] >= 60
    assert stats["peers"] == 2
    assert stats["errors"] == stats["udp_receive_errors"] == 0


async def test_a_peer_that_says_goodbye_is_gone_at_once(rig: Rig) -> None:
    await rig.join(presenter=True, videos=0)
    participant = await rig.join(videos=0)
    await participant.close()
    await until(lambda: rig.service.stats()["peers"] == 1, 2)


async def test_closing_a_room_ends_its_peers_and_frees_everything() -> None:  # M5, B8
    descriptors = descriptor_count()
    tasks = asyncio.all_tasks()
    rig = Rig()
    await rig.service.open()
    clients = [await rig.join(presenter=True, videos=0), await rig.join(videos=0)]
    await rig.client.close_room(NODE, ROOM)
    assert (rig.service.stats()["rooms"], rig.service.stats()["peers"]) == (0, 0)
    # the goodbye reaches them: nobody waits for a timeout
    for client in clients:
        transport = client.pc.getTransceivers()[0].receiver.transport
        await until(lambda transport=transport: transport.state == "closed", 2)
    await rig.close()
    await until(lambda: asyncio.all_tasks() <= tasks)
    assert descriptor_count() == descriptors
