"""The client peer connects to a server side that is not ours: aiortc's certificate and OpenSSL's
server role, with aioice's STUN codec; time is a number."""

import contextlib

import pytest
from aioice import stun
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80, RTCCertificate
from OpenSSL import SSL

from bench.client import rtp
from bench.client.dtls import Certificate, HandshakeError, make_certificate
from bench.client.peer import ClientPeer
from bench.client.sdp import Answer

PASSWORD = "server password of 24 c."


@pytest.fixture(scope="module")
def certificate() -> Certificate:
    return make_certificate()


class Server:
    """An ICE-lite, DTLS-passive side, in memory."""

    def __init__(self) -> None:
        certificate = RTCCertificate.generateCertificate()
        profiles = [SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80]
        self.ssl = SSL.Connection(certificate._create_ssl_context(profiles))
        self.ssl.set_accept_state()
        fingerprint = certificate.getFingerprints()[0].value
        self.answer = Answer("server", PASSWORD, fingerprint, "127.0.0.1", 7882, "passive")
        self.checks: list[stun.Message] = []

    def receive(self, data: bytes) -> list[bytes]:
        if data[0] < 4:
            request = stun.parse_message(data)
            assert request.check_message_integrity(PASSWORD.encode())
            self.checks.append(request)
            reply = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, request.transaction_id)
            reply.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 5000)
            reply.add_message_integrity(PASSWORD.encode())
            return [bytes(reply)]
        self.ssl.bio_write(data)
        with contextlib.suppress(SSL.WantReadError):
            self.ssl.do_handshake()
        try:
            return [self.ssl.bio_read(65536)]
        except SSL.WantReadError:
            return []


def _exchange(peer: ClientPeer, server: Server, now: float, lost: int = 0) -> None:
    while datagrams := peer.take():
        for datagram in datagrams:
            if lost:
                lost -= 1
                continue
            for reply in server.receive(datagram):
                assert peer.receive(reply, now)


@pytest.mark.parametrize(
    ("offer_gcm", "profile"), [(True, "AEAD_AES_128_GCM"), (False, "AES_CM_128_HMAC_SHA1_80")]
)
def test_both_sides_have_the_same_keys(
    certificate: Certificate, offer_gcm: bool, profile: str
) -> None:
    server, peer = Server(), ClientPeer(certificate, offer_gcm)
    peer.accept(server.answer, 0.0)
    _exchange(peer, server, 0.0)
    assert peer.keys is not None
    assert peer.keys.profile == profile
    key, salt = len(peer.keys.send_key), len(peer.keys.send_salt)
    material = server.ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
    assert material[:key] == peer.keys.send_key
    assert material[-salt:] == peer.keys.receive_salt
    packet = rtp.OpusSource(8, "0").packet(0.0)
    assert rtp.session(peer.keys, outgoing=True).protect(packet) != packet
    assert "USE-CANDIDATE" in server.checks[0].attributes


def test_a_lost_check_is_repeated_and_consent_is_asked_for_later(certificate: Certificate) -> None:
    server, peer = Server(), ClientPeer(certificate)
    peer.accept(server.answer, 0.0)
    _exchange(peer, server, 0.0, lost=1)
    assert not server.checks
    due = peer.next_timer()
    assert due is not None
    peer.handle_timer(due)
    _exchange(peer, server, due)
    assert peer.keys is not None
    consent = peer.next_timer()
    assert consent is not None
    peer.handle_timer(consent)
    _exchange(peer, server, consent)
    assert "USE-CANDIDATE" not in server.checks[-1].attributes


def test_a_server_with_another_certificate_is_refused(certificate: Certificate) -> None:
    server, peer = Server(), ClientPeer(certificate)
    server.answer = Answer("server", PASSWORD, Server().answer.fingerprint, "h", 1, "passive")
    peer.accept(server.answer, 0.0)
    with pytest.raises(HandshakeError):
        _exchange(peer, server, 0.0)
