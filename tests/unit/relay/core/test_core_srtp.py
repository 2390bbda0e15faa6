"""SRTP by the RFCs' own vectors and against libsrtp."""

import random
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pylibsrtp import Policy, Session

from app.relay.core import rtp
from app.relay.core.audience import Audience
from app.relay.core.batch import Batch
from app.relay.core.burst import BurstSender
from app.relay.core.counter_mode import CounterMode
from app.relay.core.counters import Counters
from app.relay.core.media import SrtpKeys
from app.relay.core.replay import WINDOW, ReplayWindow
from app.relay.core.sink import Sink
from app.relay.core.srtp import (
    CM_MAX_PACKET,
    MAX_STREAMS,
    CmSender,
    GcmReceiver,
    GcmSender,
    ReplayedError,
    UnauthenticError,
    check_keys,
    derive,
    make_receiver,
    make_sender,
)
from app.relay.core.transmit import OneByOne
from tests.unit.relay.core.world import CM, GCM, rtp_packet

KEY = bytes(range(16))
SALT = b"Quid pro quo"
RTP = bytes.fromhex("8040f17b8041f8d35501a0b2") + b"Gallia est omnis divisa in partes tres"
SRTP = bytes.fromhex(
    "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b"
    "36de3adf8833899d7f27beb16a9152cf765ee4390cce"
)
RTCP = bytes.fromhex(
    "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61"
    "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"
)
SRTCP = bytes.fromhex(
    "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b46"
    "86303ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4"
)


def vector_receiver() -> GcmReceiver:
    """A receiver with the session keys of RFC 7714 §16, which come from no master key."""
    receiver = GcmReceiver(KEY, SALT)
    receiver._rtp = receiver._rtcp = AESGCM(KEY)
    receiver._rtp_salt = receiver._rtcp_salt = int.from_bytes(SALT, "big")
    return receiver


def open_rtp(receiver, sealed: bytes) -> tuple[bytes, int]:
    view = memoryview(sealed)
    header = rtp.parse(view)
    assert header is not None
    out = memoryview(bytearray(2048))
    length, index = receiver.open_rtp(view, header.payload, header.ssrc, header.sequence, out)
    return bytes(out[:length]), index


def test_key_derivation_is_rfc_3711_appendix_b_3() -> None:
    key = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139")
    salt = bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6")
    assert derive(key, salt, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derive(key, salt, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"


def test_rtp_vector_of_rfc_7714_16_1_opens() -> None:
    assert open_rtp(vector_receiver(), SRTP) == (RTP, 0xF17B)


def test_rtp_vector_of_rfc_7714_16_1_is_sealed_by_a_burst() -> None:
    sent: list[bytes] = []

    def transmit(data: memoryview, segment: int, address: object) -> int:
        sent.append(bytes(data))
        return 1

    sender = GcmSender(KEY, SALT)
    sender.cipher = AESGCM(KEY)
    sender.salt = int.from_bytes(SALT, "big")
    sink = Sink(("192.0.2.1", 1), sender, False)
    sink.begin(0xF17B)
    batch = Batch()
    batch.append(RTP[:12], memoryview(RTP)[12:], 0, 0xF17B, 0x8041F8D3)
    audience = Audience()
    audience.add(sink)
    BurstSender(OneByOne(transmit), Counters()).seal_and_send(batch, audience)
    assert sent == [SRTP]


def test_rtcp_vector_of_rfc_7714_17_1() -> None:
    assert vector_receiver().open_rtcp(memoryview(SRTCP)) == RTCP
    sender = GcmSender(KEY, SALT)
    sender._rtcp = AESGCM(KEY)
    sender._rtcp_salt = int.from_bytes(SALT, "big")
    sender._index = 0x5D4
    assert sender.seal_rtcp(RTCP) == SRTCP


def keys(profile: str) -> SrtpKeys:
    salt = 12 if profile == GCM else 14
    return SrtpKeys(profile, b"r" * 16, b"R" * salt, b"s" * 16, b"S" * salt)


def libsrtp(profile: str, key: bytes, inbound: bool) -> Session:
    number = (
        Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        if profile == GCM
        else Policy.SRTP_PROFILE_AES128_CM_SHA1_80
    )
    direction = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
    policy = Policy(key=key, ssrc_type=direction, srtp_profile=number)
    policy.window_size = WINDOW
    return Session(policy)


@pytest.mark.parametrize("profile", [GCM, CM])
def test_what_libsrtp_seals_is_opened_across_rollovers_and_reordering(profile: str) -> None:
    ours = keys(profile)
    session = libsrtp(profile, ours.receive_key + ours.receive_salt, False)
    receiver = make_receiver(ours)
    order = random.Random(3)
    sealed = [
        (65_400 + n, session.protect(rtp_packet(7, 65_400 + n, n, b"x%d" % n))) for n in range(300)
    ]
    for start in range(0, 300, 20):
        block = sealed[start : start + 20]
        order.shuffle(block)
        for index, packet in block:
            plain, found = open_rtp(receiver, packet)
            assert found == index
            assert plain[12:] == b"x%d" % (index - 65_400)


def test_a_packet_too_long_for_libsrtp_is_sealed_as_libsrtp_would() -> None:
    ours = keys(CM)
    sender = make_sender(ours)
    assert isinstance(sender, CmSender)
    key, salt = ours.send_key, ours.send_salt
    by_hand = CounterMode(
        derive(key, salt, 0, 16), derive(key, salt, 1, 20), derive(key, salt, 2, 14)
    )
    session = libsrtp(CM, key + salt, True)
    # Long ones for longer than libsrtp could guess a rollover by: it must be told of each.
    for index in range(65_000, 65_000 + 70_000, 7_000):
        long = rtp_packet(7, index & 0xFFFF, index, bytes(CM_MAX_PACKET))
        assert session.unprotect(sender.seal_rtp(long, 12, index)) == long
        short = rtp_packet(7, index + 1 & 0xFFFF, index, b"short")
        sealed = sender.seal_rtp(short, 12, index + 1)
        assert sealed == by_hand.seal(short, 12, index + 1)
        assert session.unprotect(sealed) == short
    assert sender.seal_rtp(long, 12, index) == by_hand.seal(long, 12, index), "a repeat"


def test_long_packets_alone_do_not_lose_the_rollover() -> None:
    ours = keys(CM)
    sender = make_sender(ours)
    assert isinstance(sender, CmSender)
    session = libsrtp(CM, ours.send_key + ours.send_salt, True)
    for index in range(60_000, 60_000 + 3 * 30_000, 30_000):
        long = rtp_packet(7, index & 0xFFFF, index, bytes(1_400))
        assert session.unprotect(sender.seal_rtp(long, 12, index)) == long
    short = rtp_packet(7, index + 1 & 0xFFFF, index, b"short")
    assert session.unprotect(sender.seal_rtp(short, 12, index + 1)) == short


@pytest.mark.parametrize("profile", [GCM, CM])
def test_rtcp_both_ways_with_libsrtp(profile: str) -> None:
    ours = keys(profile)
    packet = bytes.fromhex("80c9000100000007")
    there = libsrtp(profile, ours.receive_key + ours.receive_salt, False)
    back = libsrtp(profile, ours.send_key + ours.send_salt, True)
    receiver, sender = make_receiver(ours), make_sender(ours)
    for _ in range(3):
        assert receiver.open_rtcp(memoryview(there.protect_rtcp(packet))) == packet
        assert back.unprotect_rtcp(sender.seal_rtcp(packet)) == packet


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_packet_opens_once(profile: str) -> None:
    ours = keys(profile)
    session = libsrtp(profile, ours.receive_key + ours.receive_salt, False)
    receiver = make_receiver(ours)
    packet = session.protect(rtp_packet(7, 1, 1, b"once"))
    report = session.protect_rtcp(bytes.fromhex("80c9000100000007"))
    open_rtp(receiver, packet)
    receiver.open_rtcp(memoryview(report))
    with pytest.raises(ReplayedError):
        open_rtp(receiver, packet)
    with pytest.raises(ReplayedError):
        receiver.open_rtcp(memoryview(report))


@pytest.mark.parametrize("profile", [GCM, CM])
def test_a_forged_packet_changes_nothing(profile: str) -> None:
    ours = keys(profile)
    session = libsrtp(profile, ours.receive_key + ours.receive_salt, False)
    receiver = make_receiver(ours)
    packet = session.protect(rtp_packet(7, 1, 1, b"genuine"))
    forged = bytearray(packet)
    forged[3] = 200
    with pytest.raises(UnauthenticError):
        open_rtp(receiver, bytes(forged))
    assert open_rtp(receiver, packet)[1] == 1


def test_streams_of_one_peer_are_bounded() -> None:
    ours = keys(GCM)
    session = libsrtp(GCM, ours.receive_key + ours.receive_salt, False)
    receiver = make_receiver(ours)
    for ssrc in range(1, MAX_STREAMS + 1):
        open_rtp(receiver, session.protect(rtp_packet(ssrc, 1, 1, b"x")))
    with pytest.raises(UnauthenticError):
        open_rtp(receiver, session.protect(rtp_packet(999, 1, 1, b"x")))


def test_keys_of_a_wrong_length_are_refused() -> None:
    check_keys(keys(GCM))
    check_keys(keys(CM))
    for wrong in (replace(keys(GCM), send_key=b"short"), replace(keys(CM), receive_salt=b"x" * 12)):
        with pytest.raises(ValueError, match="length"):
            check_keys(wrong)


def test_replay_window_keeps_the_last_1024() -> None:
    window = ReplayWindow()
    window.accept(5000)
    assert window.is_new(5000 - WINDOW + 1)
    assert not window.is_new(5000 - WINDOW)
    window.accept(4500)
    assert not window.is_new(4500)
    window.accept(5400)
    assert not window.is_new(4500)
    assert window.is_new(4501)
    window.accept(100_000)
    assert not window.is_new(5400)


def test_index_estimate_never_goes_before_the_first_rollover() -> None:
    window = ReplayWindow()
    window.accept(10)
    assert window.estimate(65_530) == 65_530
    window.accept(65_530)
    assert window.estimate(3) == 65_536 + 3
    window.accept(65_536 + 3)
    assert window.estimate(65_531) == 65_531
