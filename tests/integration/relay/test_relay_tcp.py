"""Media over TCP alone, on the port number of UDP; what a connection may cost."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvloop

from app.relay import tcp
from app.relay.config import RelayConfig
from app.relay.tcp import MAX_UNPROVED_PER_HOST
from tests.integration.relay.clients import DirectBus, Rig, until
from tests.integration.relay.probes import Probe
from tests.manual_clock import ManualClock


async def present(presenter: Probe, frames: int = 10) -> None:
    for _ in range(frames):
        presenter.present()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("sends", "receives"), [(True, True), (True, False), (False, True)])
async def test_udp_blocked_altogether_still_works(  # M8
    rig: Rig, sends: bool, receives: bool
) -> None:
    presenter = Probe(rig.client, presenter=True)
    participant = Probe(rig.client, presenter=False)
    await presenter.join(tcp=sends)
    await participant.join(tcp=receives)
    await present(presenter)
    await until(lambda: participant.received >= 40 and len(participant.packets) == 2)
    assert participant.missing() == participant.unopened == 0
    assert rig.service.stats()["tcp_connections"] == sends + receives
    assert rig.service.stats()["errors"] == 0
    participant.close()
    presenter.close()
    await until(lambda: rig.service.stats()["tcp_connections"] == 0)


def test_it_works_on_the_loop_that_relays_run() -> None:  # M8
    async def run() -> None:
        rig = Rig()
        await rig.service.open()
        presenter = Probe(rig.client, presenter=True)
        participant = Probe(rig.client, presenter=False)
        await presenter.join(tcp=True)
        await participant.join(tcp=True)
        await present(presenter)
        await until(lambda: participant.received >= 40 and len(participant.packets) == 2)
        assert participant.missing() == participant.unopened == 0
        assert rig.service.stats()["tcp_connections"] == 2
        participant.close()
        presenter.close()
        await rig.close()

    uvloop.run(run())


async def test_a_participant_moves_between_udp_and_tcp(rig: Rig) -> None:  # M8, P6
    presenter = Probe(rig.client, presenter=True)
    participant = Probe(rig.client, presenter=False)
    await presenter.join()
    await participant.join()
    target = ("127.0.0.1", rig.service.port)
    for is_tcp in (True, False):
        before = participant.received
        await participant.attach(target, tcp=is_tcp)
        participant.check(nominates=True)
        await until(lambda: participant.peer.ice.connected)
        await present(presenter, 5)
        await until(lambda n=before: participant.received >= n + 20)
    assert participant.missing() == 0
    participant.close()
    presenter.close()


async def test_both_families_connect_over_tcp() -> None:
    rig = Rig(bind_host="::", public_hosts=("::1", "127.0.0.1"))
    await rig.service.open()
    for host in ("::1", "127.0.0.1"):
        probe = Probe(rig.client, presenter=True)
        await probe.join(tcp=True, host=host)
        probe.close()
    await rig.close()


async def connections(
    rig: Rig, count: int
) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    return [await asyncio.open_connection("127.0.0.1", rig.service.port) for _ in range(count)]


async def is_cut(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(2):
            return not await reader.read(1)
    except ConnectionError:
        return True


async def test_strangers_connections_are_few_and_short(  # P8
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp, "SWEEP_SECONDS", 0.02)
    rig = Rig(clock)
    await rig.service.open()
    opened = await connections(rig, MAX_UNPROVED_PER_HOST + 3)
    await until(lambda: rig.service.stats()["tcp_refused"] == 3)
    assert rig.service.stats()["tcp_connections"] == MAX_UNPROVED_PER_HOST
    for reader, _ in opened[-3:]:
        assert await is_cut(reader)
    # plenty of sound frames prove nothing
    for _, writer in opened[:8]:
        writer.write(b"\x00\x14" + bytes(20))
    clock.advance(9.9)
    await asyncio.sleep(0.1)
    assert rig.service.stats()["tcp_connections"] == MAX_UNPROVED_PER_HOST
    clock.advance(0.2)
    await until(lambda: rig.service.stats()["tcp_connections"] == 0)
    assert rig.service.stats()["tcp_expired"] == MAX_UNPROVED_PER_HOST
    # and then there is room again
    again = await connections(rig, 1)
    await until(lambda: rig.service.stats()["tcp_connections"] == 1)
    for _, writer in opened + again:
        writer.close()
    await rig.close()


@pytest.mark.parametrize("junk", [b"\xff\xff", b"\x08\x00", b"GET / HTTP/1.1\r\n\r\n" * 900])
async def test_what_is_no_frame_ends_its_connection_alone(rig: Rig, junk: bytes) -> None:  # P7
    presenter = Probe(rig.client, presenter=True)
    participant = Probe(rig.client, presenter=False)
    await presenter.join(tcp=True)
    await participant.join(tcp=True)
    ((reader, writer),) = await connections(rig, 1)
    writer.write(junk)
    assert await is_cut(reader)
    writer.close()
    await present(presenter, 3)
    await until(lambda: participant.received == 12)
    assert rig.service.stats()["tcp_broken"] == 1
    presenter.close()
    participant.close()


async def test_empty_frames_and_split_frames_are_taken(rig: Rig) -> None:  # P7
    presenter = Probe(rig.client, presenter=True)
    participant = Probe(rig.client, presenter=False)
    await presenter.join(tcp=True)
    await participant.join()
    writer = presenter.link._writer  # type: ignore[union-attr]  # a TcpLink
    sent: list[bytes] = []
    presenter.send = sent.append  # type: ignore[method-assign]  # kept, to be cut up
    presenter.present()
    stream = b"".join(b"\0\0" + len(packet).to_bytes(2, "big") + packet for packet in sent)
    for start in range(0, len(stream), 7):
        writer.write(stream[start : start + 7])
        if start % 70 == 0:
            await asyncio.sleep(0)
    await until(lambda: participant.received == 4)
    assert rig.service.stats()["tcp_connections"] == 1
    presenter.close()
    participant.close()


async def test_a_reader_that_does_not_read_costs_little(rig: Rig) -> None:  # P8
    presenter = Probe(rig.client, presenter=True)
    slow, other = (Probe(rig.client, presenter=False) for _ in range(2))
    await presenter.join()
    await slow.join(tcp=True)
    await other.join()
    writer = slow.link._writer  # type: ignore[union-attr]  # a TcpLink
    writer.transport.pause_reading()
    for count in range(4_000):
        presenter.present()
        if count % 4 == 0:
            await asyncio.sleep(0)
        if rig.service.stats()["tcp_would_block"]:
            break
    stats = rig.service.stats()
    assert stats["tcp_would_block"] > 0
    streams = rig.service._sockets.streams._streams.values()
    waiting = [stream._transport.get_write_buffer_size() for stream in streams]
    assert max(waiting) < tcp.MAX_WAITING + 70_000
    await until(lambda: other.received > 100)
    assert slow.incoming is not None
    for probe in (presenter, slow, other):
        probe.close()


@pytest.fixture
async def blocker() -> AsyncIterator[int]:
    """A TCP port that another program has; its UDP twin is free."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


async def test_a_free_port_is_free_for_both(  # M7
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.service.close()
    tried: list[int] = []
    real = tcp.StreamEndpoint.open

    async def often_taken(endpoint: tcp.StreamEndpoint, host: str, port: int) -> None:
        tried.append(port)
        if len(tried) < 4:
            raise OSError(98, "Address already in use")
        await real(endpoint, host, port)

    monkeypatch.setattr(tcp.StreamEndpoint, "open", often_taken)
    await rig.service.open()
    assert len(tried) == 4
    assert tried[-1] == rig.service.port
    assert rig.service._sockets.streams.is_open


async def test_a_taken_tcp_port_costs_the_tcp_candidates_alone(blocker: int) -> None:
    rig = Rig()
    config = RelayConfig(bind_port=blocker)
    service = type(rig.service)(config, DirectBus(), ManualClock())
    await service.open()
    assert service.port == blocker
    assert not service._sockets.streams.is_open
    await service.close()


async def test_tcp_may_be_switched_off() -> None:
    rig = Rig(has_tcp=False)
    await rig.service.open()
    probe = Probe(rig.client, presenter=True)
    await probe.join()
    assert " tcp " not in probe.answer
    with pytest.raises(OSError, match=r"refused|failed"):
        await asyncio.open_connection("127.0.0.1", rig.service.port)
    probe.close()
    await rig.close()
