"""SRTP and SRTCP of one peer: AES-GCM (RFC 7714) by ``cryptography``, AES-CM by libsrtp.

A receiver opens what the peer sent, a sender seals what goes to it. Sealing media is the work of
``burst``, which takes its key material from the sender.
"""

from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pylibsrtp import Error, Policy, Session

from app.relay.core.counter_mode import CounterMode
from app.relay.core.media import SrtpKeys
from app.relay.core.replay import WINDOW, ReplayWindow

GCM_TAG = 16
CM_TAG = 10
CM_MAX_PACKET = 1_356
"""Plain bytes that pylibsrtp can seal: its buffer of 1,500 less the longest trailer."""
MAX_STREAMS = 32
"""SSRCs accepted from one peer: three sources with retransmission, simulcast and reloads."""

_SALT_LENGTH = {"AEAD_AES_128_GCM": 12, "AES_CM_128_HMAC_SHA1_80": 14}
_RTP_KEY, _RTP_AUTHENTICATION, _RTP_SALT, _RTCP_KEY, _RTCP_SALT = 0, 1, 2, 3, 5
_E_FLAG = 1 << 31


class UnauthenticError(Exception):
    """The packet was not sealed with this peer's key, or is too short to be."""


class ReplayedError(Exception):
    """The packet came before, or is older than the replay window."""


def derive(key: bytes, salt: bytes, label: int, length: int) -> bytes:
    """Return ``length`` bytes of session key (RFC 3711 §4.3.1, key derivation rate 0).

    A 96-bit salt (RFC 7714 §11) stands at the most significant end of the 112 bits.
    """
    x = int.from_bytes(salt.ljust(14, b"\0"), "big") ^ label << 48
    keystream = Cipher(algorithms.AES(key), modes.CTR((x << 16).to_bytes(16, "big"))).encryptor()
    return keystream.update(bytes(length))


def check_keys(keys: SrtpKeys) -> None:
    """Raise ValueError when a key or salt has the wrong length for its profile."""
    salt = _SALT_LENGTH[keys.profile]
    lengths = (len(keys.receive_key), len(keys.send_key))
    salts = (len(keys.receive_salt), len(keys.send_salt))
    if lengths != (16, 16) or salts != (salt, salt):
        raise ValueError(f"wrong key or salt length for {keys.profile}")


class Receiver(Protocol):
    """Opens what one peer sealed."""

    def open_rtp(
        self, data: memoryview, header: int, ssrc: int, sequence: int, out: memoryview
    ) -> tuple[int, int]:
        """Write the plain packet to ``out``; return its length and its 48-bit index.

        ``header`` is the length of the RTP header with its extension.
        Raises UnauthenticError, ReplayedError.
        """

    def open_rtcp(self, data: memoryview) -> bytes:
        """Return the plain compound packet. Raises UnauthenticError, ReplayedError."""


class Sender(Protocol):
    """Seals what goes to one peer."""

    def seal_rtcp(self, packet: bytes) -> bytes:
        """Return ``packet``, a compound of at least 8 bytes, sealed under the next index."""


class _Streams(dict[int, ReplayWindow]):
    """Replay windows by SSRC; a new one is kept only once a packet of it was authentic."""

    def __init__(self, limit: int = MAX_STREAMS) -> None:
        super().__init__()
        self._limit = limit

    def begin(self) -> ReplayWindow:
        """Return a window for a stream that is new. Raises UnauthenticError for one too many."""
        if len(self) >= self._limit:
            raise UnauthenticError("too many streams")
        return ReplayWindow()


class GcmReceiver:
    """AEAD_AES_128_GCM, receiving direction."""

    def __init__(self, key: bytes, salt: bytes, streams: int = MAX_STREAMS) -> None:
        self._rtp = AESGCM(derive(key, salt, _RTP_KEY, 16))
        self._rtp_salt = int.from_bytes(derive(key, salt, _RTP_SALT, 12), "big")
        self._rtcp = AESGCM(derive(key, salt, _RTCP_KEY, 16))
        self._rtcp_salt = int.from_bytes(derive(key, salt, _RTCP_SALT, 12), "big")
        self._rtp_streams = _Streams(streams)
        self._rtcp_streams = _Streams(streams)

    def forget(self, ssrc: int) -> None:
        """Make room for another stream; the caller takes no packet of ``ssrc`` any more."""
        self._rtp_streams.pop(ssrc, None)
        self._rtcp_streams.pop(ssrc, None)

    def open_rtp(
        self, data: memoryview, header: int, ssrc: int, sequence: int, out: memoryview
    ) -> tuple[int, int]:
        length = len(data) - GCM_TAG
        if length < header:
            raise UnauthenticError("shorter than its tag")
        streams = self._rtp_streams
        window = streams.get(ssrc) or streams.begin()
        index = window.highest + 1
        if index & 0xFFFF != sequence:  # not the one behind the last one
            index = window.estimate(sequence)
            if not window.is_new(index):
                raise ReplayedError
        nonce = (self._rtp_salt ^ (ssrc << 48 | index)).to_bytes(12, "big")
        head = data[:header]
        try:
            self._rtp.decrypt_into(nonce, data[header:], head, out[header:length])
        except InvalidTag:
            raise UnauthenticError("wrong tag") from None
        out[:header] = head
        if window.highest < 0:
            streams[ssrc] = window
        window.accept(index)
        return length, index

    def open_rtcp(self, data: memoryview) -> bytes:
        if len(data) < 8 + GCM_TAG + 4:
            raise UnauthenticError("shorter than its tag")
        word = int.from_bytes(data[-4:], "big")
        if not word & _E_FLAG:
            # RFC 7714 §9 allows unencrypted SRTCP; DTLS-SRTP peers never send it.
            raise UnauthenticError("not encrypted")
        index = word ^ _E_FLAG
        ssrc = int.from_bytes(data[4:8], "big")
        streams = self._rtcp_streams
        window = streams.get(ssrc) or streams.begin()
        if not window.is_new(index):
            raise ReplayedError
        nonce = (self._rtcp_salt ^ (ssrc << 48 | index)).to_bytes(12, "big")
        head = bytes(data[:8])
        try:
            body = self._rtcp.decrypt(nonce, data[8:-4], head + data[-4:])
        except InvalidTag:
            raise UnauthenticError("wrong tag") from None
        window.accept(index)
        streams[ssrc] = window
        return head + body


class GcmSender:
    """AEAD_AES_128_GCM, sending direction. ``cipher`` and ``salt`` are what ``burst`` needs."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self.cipher = AESGCM(derive(key, salt, _RTP_KEY, 16))
        self.salt = int.from_bytes(derive(key, salt, _RTP_SALT, 12), "big")
        self._rtcp = AESGCM(derive(key, salt, _RTCP_KEY, 16))
        self._rtcp_salt = int.from_bytes(derive(key, salt, _RTCP_SALT, 12), "big")
        self._index = 0

    def seal_rtcp(self, packet: bytes) -> bytes:
        # One index for all SSRCs of this direction: no (SSRC, index) ever comes twice.
        index = self._index
        self._index = index + 1
        word = (_E_FLAG | index).to_bytes(4, "big")
        ssrc = int.from_bytes(packet[4:8], "big")
        nonce = (self._rtcp_salt ^ (ssrc << 48 | index)).to_bytes(12, "big")
        return packet[:8] + self._rtcp.encrypt(nonce, packet[8:], packet[:8] + word) + word


def _session(key: bytes, salt: bytes, direction: int) -> Session:
    policy = Policy(key=key + salt, ssrc_type=direction)
    policy.window_size = WINDOW
    # A repeat without RTX is the identical packet.
    policy.allow_repeat_tx = True
    return Session(policy)


class CmReceiver:
    """AES_CM_128_HMAC_SHA1_80, receiving direction.

    libsrtp does not tell the index of a packet: it is estimated here by the same rule.
    """

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._session = _session(key, salt, Policy.SSRC_ANY_INBOUND)
        self._streams = _Streams()
        self._rtcp_ssrcs: set[int] = set()

    def open_rtp(
        self, data: memoryview, header: int, ssrc: int, sequence: int, out: memoryview
    ) -> tuple[int, int]:
        if len(data) < header + CM_TAG:
            raise UnauthenticError("shorter than its tag")
        window = self._streams.get(ssrc) or self._streams.begin()
        index = window.estimate(sequence)
        if not window.is_new(index):
            raise ReplayedError
        try:
            plain = self._session.unprotect(bytes(data))
        except (Error, ValueError) as error:
            raise _reason(error) from None
        out[: len(plain)] = plain
        window.accept(index)
        self._streams[ssrc] = window
        return len(plain), index

    def open_rtcp(self, data: memoryview) -> bytes:
        if len(data) < 8 + 4 + CM_TAG:
            raise UnauthenticError("shorter than its tag")
        ssrc = int.from_bytes(data[4:8], "big")
        if ssrc not in self._rtcp_ssrcs and len(self._rtcp_ssrcs) >= MAX_STREAMS:
            raise UnauthenticError("too many streams")
        try:
            plain: bytes = self._session.unprotect_rtcp(bytes(data))
        except (Error, ValueError) as error:
            raise _reason(error) from None
        self._rtcp_ssrcs.add(ssrc)
        return plain


def _reason(error: Exception) -> Exception:
    return ReplayedError() if "replay" in str(error) else UnauthenticError(str(error))


class CmSender:
    """AES_CM_128_HMAC_SHA1_80, sending direction."""

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._session = _session(key, salt, Policy.SSRC_ANY_OUTBOUND)
        self._keys = key, salt
        self._long: CounterMode | None = None

    def seal_rtp(self, packet: bytes, header: int, index: int) -> bytes:
        """Return a packet sealed. ``header`` is the length of its header with extension, ``index``
        its SRTP index, which libsrtp counts by itself and comes to the same.

        Raises pylibsrtp.Error for an index that libsrtp thinks too old.
        """
        if len(packet) <= CM_MAX_PACKET:
            sealed: bytes = self._session.protect(packet)
            return sealed
        if self._long is None:
            key, salt = self._keys
            self._long = CounterMode(
                derive(key, salt, _RTP_KEY, 16),
                derive(key, salt, _RTP_AUTHENTICATION, 20),
                derive(key, salt, _RTP_SALT, 14),
            )
        # libsrtp must see every number, or it would lose count of the rollovers. What it makes of
        # this header goes nowhere.
        self._session.protect(packet[:header])
        return self._long.seal(packet, header, index)

    def seal_rtcp(self, packet: bytes) -> bytes:
        sealed: bytes = self._session.protect_rtcp(packet)
        return sealed


def make_receiver(keys: SrtpKeys) -> Receiver:
    """Return the receiving half of ``keys``."""
    kind = GcmReceiver if keys.profile == "AEAD_AES_128_GCM" else CmReceiver
    return kind(keys.receive_key, keys.receive_salt)


def make_sender(keys: SrtpKeys) -> GcmSender | CmSender:
    """Return the sending half of ``keys``."""
    kind = GcmSender if keys.profile == "AEAD_AES_128_GCM" else CmSender
    return kind(keys.send_key, keys.send_salt)
