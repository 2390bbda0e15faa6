"""What a relay refuses, and that nothing is left of a peer that comes to nothing."""

import asyncio
import gc
import re
import socket

import pytest

from app.core.errors import BadOffer, NotFound, StalePresenter, TooLarge, Unavailable
from app.core.ids import PeerId, RoomId
from app.relay.answers import ANSWERS, Refused
from app.relay.messages import OpenPeer
from tests.integration.relay.clients import (
    NODE,
    ROOM,
    Client,
    Rig,
    binding_request,
    credentials,
    until,
)
from tests.manual_clock import ManualClock
from tests.unit.relay import offers

OFFER = offers.offer(offers.audio("0", "sendrecv"), offers.video("1", "sendrecv"))


def opening(peer: str, **changes: object) -> OpenPeer:
    fields = {"room": ROOM, "peer": PeerId(peer), "role": "participant", "sdp": OFFER}
    return OpenPeer(**(fields | changes))


async def test_five_thousand_candidates_are_refused_without_a_stall(rig: Rig) -> None:  # X12
    sdp = OFFER + "a=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host\r\n" * 5_000
    loop = asyncio.get_running_loop()
    start = loop.time()
    with pytest.raises(TooLarge):
        await rig.client.open(NODE, opening("p", sdp=sdp))
    assert loop.time() - start < 0.05
    assert rig.service.stats()["peers"] == rig.service.stats()["rooms"] == 0


async def test_a_bad_offer_leaves_nothing(rig: Rig) -> None:  # M4, X12
    with pytest.raises(BadOffer, match="v=0"):
        await rig.client.open(NODE, opening("p", sdp="hello"))
    assert rig.service.stats()["peers"] == rig.service.stats()["rooms"] == 0


@pytest.mark.parametrize("payload", [b"", b"\xff\x00", b"{}", b'{"op":"open"}', b'{"op":"boom"}'])
async def test_anything_that_is_no_command_is_refused(rig: Rig, payload: bytes) -> None:  # X12
    answer = ANSWERS.validate_json(await rig.service.handle(payload))
    assert isinstance(answer, Refused)
    assert answer.code == "bad_request"


async def test_a_defect_is_an_answer_too(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(rig.service._core, "add_peer", broken)
    answer = ANSWERS.validate_json(
        await rig.service.handle(opening("p").model_dump_json().encode())
    )
    assert isinstance(answer, Refused)
    assert answer.code == "internal"
    assert rig.service.stats()["peers"] == rig.service.stats()["rooms"] == 0


async def test_an_older_presenter_is_stale(rig: Rig) -> None:  # P9
    await rig.client.open(NODE, opening("new", role="presenter", epoch=3))
    with pytest.raises(StalePresenter):
        await rig.client.open(NODE, opening("old", role="presenter", epoch=2))
    await rig.client.open(NODE, opening("newer", role="presenter", epoch=4))
    with pytest.raises(StalePresenter):
        await rig.client.open(NODE, opening("new", role="presenter", epoch=3))


async def test_a_full_relay_says_so() -> None:
    rig = Rig(max_peers=2)
    await rig.service.open()
    await rig.client.open(NODE, opening("a"))
    assert rig.service.load() == pytest.approx(0.5)
    await rig.client.open(NODE, opening("b"))
    with pytest.raises(Unavailable, match="full"):
        await rig.client.open(NODE, opening("c"))
    assert rig.service.load() == 1.0
    await rig.client.close_peer(NODE, ROOM, PeerId("a"))
    await rig.client.open(NODE, opening("c"))
    await rig.close()
    with pytest.raises(Unavailable, match="closing"):
        await rig.client.open(NODE, opening("d"))


async def test_closing_is_idempotent_and_knows_whose_peer_it_is(rig: Rig) -> None:
    await rig.client.open(NODE, opening("a"))
    await rig.client.close_peer(NODE, RoomId("999999"), PeerId("a"))
    assert rig.service.stats()["peers"] == 1
    for _ in range(2):
        await rig.client.close_peer(NODE, ROOM, PeerId("a"))
        await rig.client.close_room(NODE, ROOM)
    assert rig.service.stats()["peers"] == rig.service.stats()["rooms"] == 0
    with pytest.raises(NotFound):
        await rig.client.describe(NODE, ROOM)


async def test_peers_that_never_come_are_freed(clock: ManualClock) -> None:  # M5
    tasks = asyncio.all_tasks()
    rig = Rig(clock)
    await rig.service.open()
    for count in range(20):
        await rig.client.open(NODE, opening(f"peer-{count}"))
    await asyncio.sleep(0)
    assert rig.service.stats()["tasks"] == 20
    clock.advance(31)
    rig.service._timer_fired()
    stats = rig.service.stats()
    assert (stats["peers"], stats["rooms"], stats["peers_gone"]) == (0, 0, 20)
    await until(lambda: rig.service.stats()["tasks"] == 0)
    await rig.close()
    gc.collect()
    await until(lambda: asyncio.all_tasks() <= tasks)


async def test_a_handshake_that_never_comes_frees_the_peer(clock: ManualClock) -> None:  # M5
    rig = Rig(clock)
    await rig.service.open()
    opened = await rig.client.open(NODE, opening("mute"))
    ufrag, password = credentials(opened.sdp)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for seconds in range(12):
            sock.sendto(
                binding_request(ufrag, f"4ZcD{seconds}"[:4], password),
                ("127.0.0.1", rig.service.port),
            )
            await until(lambda n=seconds: rig.service.stats()["stun_received"] == n + 1)
            rig.service._timer_fired()
            assert rig.service.stats()["peers"] == (1 if seconds < 10 else 0)
            clock.advance(1)
    assert rig.service.stats()["connections_failed"] == 1  # L35
    await rig.close()


async def test_another_certificate_than_the_offers_is_refused_and_freed(rig: Rig) -> None:  # M5
    client = Client(rig.client, ROOM, "participant", 0)
    rig.clients.append(client)
    client.pc.addTransceiver("audio", direction="recvonly")
    await client.offer(lambda sdp: re.sub(r"(a=fingerprint:sha-\d+ )..", r"\g<1>00", sdp))
    await until(lambda: rig.service.stats()["handshakes_failed"] == 1)
    await until(lambda: rig.service.stats()["tasks"] == 0)
    assert rig.service.stats()["peers"] == rig.service.stats()["rooms"] == 0
    assert rig.service.stats()["connections_failed"] == 1  # L35


async def test_load_follows_the_packets(clock: ManualClock) -> None:
    rig = Rig(clock, packets_per_second=1_000)
    await rig.service.open()
    rig.service._core.counters.packets_forwarded += 400
    clock.advance(1)
    assert rig.service.load() == pytest.approx(0.4)
    clock.advance(0.1)
    assert rig.service.load() == pytest.approx(0.4)
    clock.advance(1)
    assert rig.service.load() == 0.0
    rig.service._core.counters.packets_forwarded += 9_000
    clock.advance(1)
    assert rig.service.load() == 1.0
    await rig.close()


async def test_a_full_relay_takes_the_presenter_all_the_same() -> None:
    rig = Rig(max_peers=2)
    await rig.service.open()
    one = await rig.join(videos=0)
    await rig.join(videos=0)
    with pytest.raises(Unavailable, match="full"):
        await rig.join(videos=0)
    await rig.join(presenter=True, videos=0)
    await one.tunes_in(440)
    await rig.close()
