"""What was negotiated with one peer, as values: made by ``relay.negotiation``, used by the core."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["audio", "video"]
Direction = Literal["receive", "send", "inactive"]
SourceName = Literal["microphone", "camera", "screen"]


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of one section. Two are the same codec when their ``key`` is equal."""

    payload_type: int
    key: str
    """Lower-case name and whatever must agree to be decodable, e.g. ``opus``, ``vp8``,
    ``h264/42e01f/1`` (profile and packetization mode), ``vp9/0``, ``av1/0``, ``rtx``, ``red``."""
    clock_rate: int


@dataclass(frozen=True, slots=True)
class Section:
    """One media section, seen from the relay: ``receive`` from a presenter, ``send`` to others."""

    mid: str
    kind: Kind
    source: SourceName | None
    """None: whatever the room has that fits (a client with one video section gets the screen while
    it is shared, else the camera)."""
    direction: Direction
    codecs: tuple[Codec, ...]
    """In order of preference; rtx and red stand among them with keys of those names."""
    extensions: tuple[tuple[str, int], ...]
    """(URI, id) of each negotiated RTP header extension, sorted by id."""
    ssrc: int
    """Our SSRC where we send; 0 where we receive."""
    remote_ssrcs: tuple[int, ...] = ()
    """SSRCs that the offer announced for this section (may be empty: mid and rid tell then)."""
    feedback: tuple[str, ...] = ()
    """RTCP feedback agreed for this section, e.g. ``goog-remb``, ``nack pli``, ``ccm fir``. No
    ``transport-cc`` yet: a sender that waits for it would never raise its bitrate."""

    def extension_id(self, uri: str) -> int:
        """Return the id negotiated for ``uri``, or 0."""
        return next((ident for name, ident in self.extensions if name == uri), 0)


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """All media sections of a peer, in the order of its offer."""

    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """A user-name fragment and password (RFC 8445 §5.3)."""

    ufrag: str
    password: str


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What DTLS-SRTP exported for one peer (RFC 5764 §4.2), split by direction."""

    profile: Literal["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"]
    receive_key: bytes
    receive_salt: bytes
    send_key: bytes
    send_salt: bytes


Address = tuple[str, int]
"""Where a datagram came from: (host, port); IPv4-mapped IPv6 addresses are written as IPv4."""
