"""Three relays in this process, joined by real pipes; real clients decode what comes (M15)."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from app.core.clock import SystemClock
from app.core.errors import Unavailable
from app.core.ids import NodeId, RoomId, new_peer_id
from app.relay.client import RelayClient
from app.relay.config import RelayConfig
from app.relay.core.media import Address
from app.relay.core.transmit import OneByOne
from app.relay.messages import MuteTrack, OpenPipe
from app.relay.places import Place
from app.relay.service import RelayService
from tests.integration.relay import clients
from tests.integration.relay.clients import ROOM, Client, HalvesTrack, ToneTrack, until

ROOT, EDGE, LEAF = NodeId("root"), NodeId("edge"), NodeId("leaf")
UPPER = {EDGE: ROOT, LEAF: EDGE}

Handler = Callable[[bytes], Awaitable[bytes]]


class Wire:
    """Every relay's command bus: a call is a call, while the one that is called lives."""

    def __init__(self) -> None:
        self.handlers: dict[NodeId, Handler] = {}

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes:
        if to not in self.handlers:
            raise Unavailable("there is no such relay")
        return await self.handlers[to](payload)


class End:
    """One relay's end of the wire."""

    def __init__(self, wire: Wire, node: NodeId) -> None:
        self._wire = wire
        self._node = node

    def serve(self, handler: Handler) -> None:
        self._wire.handlers[self._node] = handler

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes:
        return await self._wire.call(to, payload, timeout)


class Line:
    """Places without Redis: the leaf below the edge below the root."""

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self.left: list[RoomId] = []
        self.is_gone = False

    async def stand(self, room: RoomId, peers: int, avoid: NodeId | None) -> Place:
        if self.is_gone:
            return Place("gone")
        upper = UPPER.get(self._node)
        return Place("leaf", upper) if upper is not None else Place("root")

    async def leave(self, room: RoomId) -> None:
        self.left.append(room)


class Campus:
    """The relays, and who is on them."""

    def __init__(self) -> None:
        wire = Wire()
        self.places = {node: Line(node) for node in (ROOT, EDGE, LEAF)}
        self.relays = {
            node: RelayService(
                RelayConfig(bind_port=0, has_tcp=False),
                End(wire, node),
                SystemClock(),
                node=node,
                places=self.places[node],
            )
            for node in (ROOT, EDGE, LEAF)
        }
        self.wire = wire
        self.client = RelayClient(wire)
        self.people: list[Client] = []
        self.loss = 0.0
        self._rng = random.Random(4)

    async def open(self) -> None:
        for relay in self.relays.values():
            await relay.open()
        ports = {relay.port for relay in self.relays.values()}
        for relay in self.relays.values():
            self._thin_out(relay, ports)

    def _thin_out(self, relay: RelayService, ports: set[int]) -> None:
        """Lose ``loss`` of what goes from this relay to another."""
        send = relay._sockets.udp.sender.one

        def transmit(data: memoryview, segment: int, address: Address) -> int:
            if address[1] not in ports:
                return send(data, segment, address)
            count = -(-len(data) // segment)
            for at in range(0, len(data), segment):
                if self._rng.random() >= self.loss:
                    send(data[at : at + segment], segment, address)
            return count

        relay._core._sender._transmit = OneByOne(transmit)

    async def join(self, node: NodeId, *, role: str = "participant", tone: float = 440.0) -> Client:
        one = Client(self.client, ROOM, role, 0, 1)
        one.peer = new_peer_id(node)
        self.people.append(one)
        if role == "participant":
            for kind in ("audio", "video", "audio"):
                one.pc.addTransceiver(kind, direction="recvonly")
        else:
            one.pc.addTrack(ToneTrack(tone))
            if role == "presenter":
                one.pc.addTrack(HalvesTrack(is_left_bright=True))
        clients.NODE, before = node, clients.NODE
        try:
            await one.offer()
        finally:
            clients.NODE = before
        await one.connected()
        return one

    async def close(self) -> None:
        for one in self.people:
            await one.close()
        for relay in self.relays.values():
            await relay.close()

    def stats(self, node: NodeId) -> dict[str, int]:
        return self.relays[node].stats()


@pytest.fixture
async def campus() -> AsyncIterator[Campus]:
    made = Campus()
    await made.open()
    yield made
    await made.close()


TONE = pytest.approx(440, abs=15)


async def test_who_listens_at_any_relay_hears_and_sees_the_same(campus: Campus) -> None:
    far = await campus.join(LEAF)  # X11: before anybody presents, two steps away
    await campus.join(ROOT, role="presenter")
    near, middle = await campus.join(ROOT), await campus.join(EDGE)
    everybody = (near, middle, far)
    assert await asyncio.gather(*(one.hears() for one in everybody)) == [TONE] * 3
    for left, right in await asyncio.gather(*(one.sees() for one in everybody)):
        assert left == pytest.approx(200, abs=25)
        assert right == pytest.approx(40, abs=25)
    assert [campus.stats(node)["pipes"] for node in (ROOT, EDGE, LEAF)] == [1, 2, 1]
    assert all(campus.stats(node)["errors"] == 0 for node in (ROOT, EDGE, LEAF))


async def test_a_lossy_pipe_is_repaired(campus: Campus) -> None:
    await campus.join(ROOT, role="presenter")
    far = await campus.join(EDGE)
    await far.tunes_in(440)
    campus.loss = 0.1
    for _ in range(3):
        assert await far.hears(0.8) == TONE
        await far.sees()
    await until(lambda: campus.stats(ROOT)["packets_repeated"] >= 5)
    assert campus.stats(EDGE)["nacks_sent"] >= 5
    assert campus.stats(EDGE)["pipes_died"] == campus.stats(ROOT)["pipes_died"] == 0


async def test_a_speaker_at_the_far_end_is_heard_by_all(campus: Campus) -> None:
    everybody = [await campus.join(node) for node in (ROOT, EDGE, LEAF)]
    await campus.join(ROOT, role="presenter")
    speaker = await campus.join(LEAF, role="speaker", tone=880.0)

    async def hears_both(one: Client) -> None:
        spare = one.pc.getTransceivers()[2].receiver.track
        one.tracks["audio"] = one.pc.getTransceivers()[0].receiver.track
        await one.tunes_in(440)
        one.tracks["audio"] = spare
        await one.tunes_in(880)

    await asyncio.gather(*(hears_both(one) for one in everybody))
    mute = MuteTrack(room=ROOM, peer=speaker.peer, source="microphone", by="presenter", on=True)
    await campus.client.control(LEAF, mute)
    await asyncio.sleep(0.3)
    for one in everybody:
        with pytest.raises(TimeoutError):
            await one.hears(0.4, within=0.5)


async def test_the_last_one_out_closes_the_pipe_and_the_end_of_a_room_everything(
    campus: Campus,
) -> None:
    await campus.join(ROOT, role="presenter")
    one, two = await campus.join(EDGE), await campus.join(LEAF)
    await asyncio.gather(one.tunes_in(440), two.tunes_in(440))
    await campus.client.close_peer(EDGE, ROOM, one.peer)
    await asyncio.sleep(1.5)
    assert campus.stats(EDGE)["pipes"] == 2  # it feeds the leaf
    assert await two.hears() == TONE
    await campus.client.close_peer(LEAF, ROOM, two.peer)
    await until(lambda: not any(campus.stats(n)["pipes"] for n in (ROOT, EDGE, LEAF)), 6)
    assert campus.places[LEAF].left == campus.places[EDGE].left == [ROOM]
    assert not campus.relays[LEAF]._core._rooms
    await campus.join(EDGE)
    await until(lambda: campus.stats(ROOT)["pipes"] == 1)
    for line in campus.places.values():
        line.is_gone = True
    await campus.client.close_room(ROOT, ROOM)
    await campus.relays[ROOT].close()
    await until(lambda: campus.stats(EDGE)["peers"] == 0, 10)
    await until(lambda: not campus.relays[EDGE]._core._rooms, 5)


async def test_a_dead_pipe_is_made_again(campus: Campus) -> None:
    await campus.join(ROOT, role="presenter")
    far = await campus.join(EDGE)
    await far.tunes_in(440)
    campus.loss = 1.0
    await until(lambda: campus.stats(EDGE)["pipes_died"] > 0, 4)
    campus.loss = 0.0
    await far.tunes_in(440, within=6)
    assert campus.stats(EDGE)["pipes"] == 1
    assert far.pc.connectionState == "connected"


@pytest.mark.parametrize(
    "change",
    [{"key": "AAAA"}, {"salt": "not base64"}, {"key": ""}],
)
async def test_keys_that_cannot_be_used_are_refused(campus: Campus, change: dict[str, str]) -> None:
    wanted = OpenPipe(
        room=ROOM, pipe="p" * 32, node=EDGE, hosts=["127.0.0.1"], port=9, ssrc=7,
        key="AAAAAAAAAAAAAAAAAAAAAA==", salt="AAAAAAAAAAAAAAAA",
    )  # fmt: skip
    broken = wanted.model_copy(update=change)
    answer = await campus.wire.call(ROOT, broken.model_dump_json().encode(), 1.0)
    assert b'"refused"' in answer
    assert b"bad_request" in answer
    assert campus.stats(ROOT)["pipes"] == 0
    assert not campus.relays[ROOT]._core._rooms
