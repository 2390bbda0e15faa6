"""An association that lets OpenSSL go after its handshake: against OpenSSL's client."""

import asyncio
import contextlib

import pytest
from OpenSSL import SSL

from app.core.clock import SystemClock
from app.relay.dtls import Association, Certificate
from app.relay.quiet import SUITES, expand
from app.relay.records import records
from bench.client.dtls import DtlsClient, make_certificate

KEPT_SUITE = "ECDHE-ECDSA-AES128-SHA"
"""One that is left to OpenSSL."""

AGAIN_SECONDS = 0.01


class Call:
    """A client and the association under test; what they send waits until it is carried over."""

    def __init__(self, suite: str) -> None:
        made = make_certificate()
        self.clock = SystemClock()
        self.client = DtlsClient(made, suite=suite)
        self.certificate = Certificate()
        self.sent: list[bytes] = []
        self.closed = 0
        self.association = Association(
            self.certificate, [("sha-256", made.fingerprint)], self.sent.append, self._on_closed
        )

    def _on_closed(self) -> None:
        self.closed += 1

    async def connect(self, *, lost: int = 0) -> None:
        """Shake hands; of our last flight ``lost`` copies do not arrive."""
        ours = asyncio.ensure_future(self.association.handshake())
        self.client.start(self.certificate.fingerprint, self.clock.now())
        async with asyncio.timeout(10):
            while not ours.done() or self.client.keys is None:
                for data in self.client.take():
                    self.association.receive(data)
                await asyncio.sleep(AGAIN_SECONDS)
                sent, self.sent[:] = self.sent[:], []
                for data in sent:
                    if data[0] == 20 and lost:
                        lost -= 1
                    else:
                        self.client.receive(data, self.clock.now())
                self.client.handle_timer(self.clock.now())
        await ours

    async def settle(self) -> None:
        """Let the loop do what is due."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize("suite", [*SUITES, KEPT_SUITE])
async def test_the_peers_goodbye_is_told_once(suite: str) -> None:
    call = Call(suite)
    await call.connect()
    assert call.client._ssl.get_cipher_name() == suite
    (goodbye,) = call.client.goodbye()
    call.association.receive(goodbye)
    call.association.receive(goodbye)
    await call.settle()
    assert call.closed == 1
    call.association.close()
    await call.settle()
    assert call.closed == 1


@pytest.mark.parametrize("suite", [*SUITES, KEPT_SUITE])
async def test_our_goodbye_is_one_that_openssl_reads(suite: str) -> None:
    before = asyncio.all_tasks()
    call = Call(suite)
    await call.connect()
    call.association.close()
    (goodbye,) = call.sent
    call.client._ssl.bio_write(goodbye)
    with pytest.raises(SSL.ZeroReturnError):
        call.client._ssl.recv(100)
    call.association.close()
    await call.settle()
    assert call.closed == 0
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize("suite", [*SUITES, KEPT_SUITE])
async def test_a_lost_last_flight_is_said_again(suite: str) -> None:
    call = Call(suite)
    await call.connect(lost=2)  # OpenSSL waits for 1 s, then for 2
    assert call.client.keys is not None
    call.association.close()


@pytest.mark.parametrize("suite", SUITES)
async def test_nothing_is_kept_of_openssl(suite: str) -> None:
    call = Call(suite)
    await call.connect()
    assert call.association._transport is None
    assert call.association._quiet is not None
    call.association.close()


@pytest.mark.parametrize("suite", SUITES)
async def test_a_forged_goodbye_says_nothing(suite: str) -> None:  # P7
    call = Call(suite)
    await call.connect()
    (goodbye,) = call.client.goodbye()
    for place in range(len(goodbye)):
        forged = bytearray(goodbye)
        forged[place] ^= 1
        call.association.receive(bytes(forged))
    call.association.receive(goodbye[:-1])
    head = goodbye[:11]
    for size in (1, 8, 23, 24):
        call.association.receive(head + size.to_bytes(2) + bytes(size))
    await call.settle()
    assert (call.closed, call.sent) == (0, [])
    call.association.receive(goodbye)
    await call.settle()
    assert call.closed == 1


@pytest.mark.parametrize("suite", SUITES)
async def test_a_copy_of_the_peers_last_flight_is_answered_once(suite: str) -> None:  # P7
    call = Call(suite)
    flights: list[bytes] = []
    receive = call.association.receive

    def watched(data: bytes) -> None:
        flights.append(data)
        receive(data)

    call.association.receive = watched  # type: ignore[method-assign]
    await call.connect()
    for _ in range(5):
        receive(flights[-1])
    assert len(call.sent) <= 1  # OpenSSL has read it, we have not: the first copy may be the peer's
    call.sent.clear()
    with contextlib.suppress(SSL.Error):
        call.client._ssl.shutdown()
    call.client._flush()
    (goodbye,) = call.client.take()
    receive(goodbye)
    receive(flights[-1])
    await call.settle()
    assert (call.closed, call.sent) == (1, [])


@pytest.mark.parametrize("suite", SUITES)
async def test_no_two_of_our_records_share_a_number(suite: str) -> None:
    call = Call(suite)
    sent: list[bytes] = []
    real = call.association._send

    def watched(data: bytes) -> None:
        sent.append(data)
        real(data)

    call.association._send = call.association._records._send_datagram = watched
    await call.connect(lost=1)
    call.association.close()
    found = [record for data in sent for record in records(data) or []]
    numbers = [record[3:11] for record in found]
    assert len(numbers) == len(set(numbers))
    sealed = [record for record in found if record[3:5] == b"\0\1"]
    assert len(sealed) == 3  # Finished, the same once more, close_notify
    if "GCM" in suite:
        assert len({record[13:21] for record in sealed}) == 3


def test_keys_are_expanded_as_others_do() -> None:
    # The vector for the PRF by SHA-256 that the IETF's TLS working group was sent in 2009.
    secret = bytes.fromhex("9bbe436ba940f017b17652849a71db35")
    seed = b"test label" + bytes.fromhex("a0ba9f936cda311827a6f796ffd5198c")
    assert expand(secret, seed, 100) == bytes.fromhex(
        "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e"
        "14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5"
        "a72e5a5110fff70187347b66"
    )
