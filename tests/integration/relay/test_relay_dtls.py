"""Our DTLS association against aiortc's own client, over a wire in memory."""

import asyncio

import pytest
from aiortc import rtcdtlstransport
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsParameters, RTCDtlsTransport

from app.relay.dtls import Association, Certificate, HandshakeFailed
from bench.client.dtls import DtlsClient, make_certificate

GCM, CM = rtcdtlstransport.SRTP_AEAD_AES_128_GCM, rtcdtlstransport.SRTP_AES128_CM_SHA1_80
GCM_256 = rtcdtlstransport.SRTP_AEAD_AES_256_GCM


class Wire:
    """The client's ICE transport: what it sends goes to the association under test."""

    role = "controlling"

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.association: Association | None = None

    async def _recv(self) -> bytes:
        return await self.queue.get()

    async def _send(self, data: bytes) -> None:
        if self.association is not None:
            self.association.receive(data)


class Pair:
    def __init__(self, profiles: list[object], wrong_certificate: bool = False) -> None:
        self.wire = Wire()
        certificate = RTCCertificate.generateCertificate()
        announced = RTCCertificate.generateCertificate() if wrong_certificate else certificate
        self.client = RTCDtlsTransport(self.wire, [certificate])
        self.client._srtp_profiles = profiles
        self.client._set_role("client")
        self.ours = Certificate()
        self.sent: list[bytes] = []
        self.closed = 0
        self.association = Association(
            self.ours,
            [(one.algorithm, one.value) for one in announced.getFingerprints()],
            self._to_client,
            self._on_closed,
        )
        self.wire.association = self.association

    def _to_client(self, data: bytes) -> None:
        self.sent.append(data)
        self.wire.queue.put_nowait(data)

    def _on_closed(self) -> None:
        self.closed += 1

    async def connect(self) -> object:
        client = self.client.start(RTCDtlsParameters(self.ours.rtc.getFingerprints()))
        async with asyncio.timeout(5):
            keys, _ = await asyncio.gather(self.association.handshake(), client)
        return keys

    async def close(self) -> None:
        self.association.close()
        await self.client.stop()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("offered", "chosen", "sizes"),
    [
        ([GCM], "AEAD_AES_128_GCM", (16, 12)),
        ([CM], "AES_CM_128_HMAC_SHA1_80", (16, 14)),
        ([GCM_256, CM, GCM], "AEAD_AES_128_GCM", (16, 12)),
    ],
)
async def test_the_preferred_profile_both_know_is_used(
    offered: list[object], chosen: str, sizes: tuple[int, int]
) -> None:
    pair = Pair(offered)
    keys = await pair.connect()
    assert keys.profile == chosen
    assert (len(keys.send_key), len(keys.send_salt)) == sizes
    assert (len(keys.receive_key), len(keys.receive_salt)) == sizes
    # the client's own derivation is the witness: it can open what our send key seals
    material = pair.client._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * sum(sizes))
    assert material == keys.receive_key + keys.send_key + keys.receive_salt + keys.send_salt
    assert all(len(datagram) <= 1_200 for datagram in pair.sent)
    await pair.close()


async def test_another_certificate_than_the_offers_is_refused() -> None:
    pair = Pair([GCM], wrong_certificate=True)
    with pytest.raises(HandshakeFailed, match="certificate"):
        await pair.connect()
    await pair.close()


async def test_no_common_profile_is_refused() -> None:
    pair = Pair([GCM_256])
    client = pair.client.start(RTCDtlsParameters(pair.ours.rtc.getFingerprints()))
    with pytest.raises(HandshakeFailed):
        async with asyncio.timeout(5):
            await asyncio.gather(pair.association.handshake(), client)
    await pair.close()


async def test_garbage_during_and_after_the_handshake_changes_nothing() -> None:  # P7
    pair = Pair([GCM])
    alert = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
    rubbish = [b"", b"\x16", b"\x00" * 20, alert, b"\x80" * 50, b"\x16\xfe\xfd" + bytes(10)]
    for data in rubbish:
        pair.association.receive(data)
    await pair.connect()
    for data in rubbish:
        pair.association.receive(data)
    await asyncio.sleep(0.05)
    assert pair.association.dropped == 2 * len(rubbish)
    assert pair.closed == 0
    await pair.close()


async def test_a_strangers_whole_hello_begins_nothing() -> None:  # P7
    pair = Pair([GCM])
    connect = asyncio.create_task(pair.connect())
    stranger = DtlsClient(make_certificate())
    stranger.start("", 0.0)
    (hello,) = stranger.take()
    for _ in range(3):
        pair.association.receive(hello)
        await asyncio.sleep(0)
    await connect
    # without a cookie, a client is asked for one: nothing longer than its hello goes out for it
    asked = [data for data in pair.sent if data[13:14] == b"\x03"]
    assert len(asked) >= 2
    assert max(map(len, asked)) < len(hello)
    await pair.close()


async def test_a_lost_request_for_the_cookie_costs_a_repeat() -> None:
    pair = Pair([GCM])
    real, lost = pair.association._records._send_datagram, []

    def lossy(data: bytes) -> None:
        if not lost:
            lost.append(data)
        else:
            real(data)

    pair.association._records._send_datagram = lossy
    assert await pair.connect() is not None
    assert lost[0][13] == 3
    await pair.close()


async def test_close_notify_of_the_peer_is_told_once() -> None:
    pair = Pair([GCM])
    await pair.connect()
    await pair.client.stop()
    async with asyncio.timeout(2):
        while not pair.closed:
            await asyncio.sleep(0.01)
    pair.association.close()
    pair.association.close()
    assert pair.closed == 1


async def test_our_goodbye_reaches_the_peer_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    pair = Pair([GCM])
    await pair.connect()
    pair.association.close()
    async with asyncio.timeout(2):
        while pair.client.state != "closed":
            await asyncio.sleep(0.01)
    assert pair.closed == 0
    assert asyncio.all_tasks() == before
