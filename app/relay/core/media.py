"""What was negotiated with one peer, as values: made by ``relay.negotiation``, used by the core."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["audio", "video"]
Direction = Literal["receive", "send", "inactive"]
SourceName = Literal["microphone", "camera", "screen"]
Role = Literal["presenter", "speaker", "participant"]
"""``presenter``: one at a time, a newer one replaces it. ``speaker``: sends and receives in one
peer, beside the presenter. ``participant``: receives; its ``receive`` sections are not heard until
``Relay.set_publishing`` lets them."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of one section. Two are the same codec when their ``key`` is equal."""

    payload_type: int
    key: str
    """Lower-case name and whatever must agree to be decodable, e.g. ``opus``, ``vp8``,
    ``h264/42e0/1`` (profile and packetization mode), ``vp9/0``, ``av1/0``, ``rtx``, ``red``."""
    clock_rate: int
    apt: int = 0
    """Of an ``rtx`` codec: the payload type that it repeats (RFC 4588 §8.6); else 0."""


@dataclass(frozen=True, slots=True)
class Section:
    """One media section, seen from the relay: ``receive`` from a presenter, ``send`` to others."""

    mid: str
    kind: Kind
    source: SourceName | None
    """None: whatever the presenter has that fits (a client with one video section gets the screen
    while it is shared, else the camera)."""
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
    """RTCP feedback agreed for this section: ``nack``, ``nack pli``, ``ccm fir``, ``goog-remb``,
    ``transport-cc``. The last needs the transport-wide header extension, too; with it the core
    sends (or reads) transport-wide feedback, and no REMB."""
    rtx_ssrc: int = 0
    """Our SSRC for repeats (RFC 4588) where we send; 0: repeats are the identical packet. Like
    ``ssrc``, it should be the same for every peer of a room."""
    remote_rtx: tuple[tuple[int, int], ...] = ()
    """(media SSRC, RTX SSRC) pairs that the offer announced (``ssrc-group:FID``)."""
    rids: tuple[str, ...] = ()
    """Simulcast streams agreed to be received (RFC 8853), in any order: the core learns from the
    streams which is the larger. Several ``remote_ssrcs`` without rids (``ssrc-group:SIM``, RTX
    left out) are simulcast, too, if ``is_simulcast``."""
    max_bps: int | None = None
    """Of a ``send`` section: its receiver takes no more (``b=AS``, ``b=TIAS``)."""
    is_simulcast: bool = False
    is_spare: bool = False
    """A ``send`` section that carries nothing of the presenter's: the core gives it to a speaker's
    track of its kind (``SectionBound`` tells), or the shell does (``Relay.bind``)."""

    def extension_id(self, uri: str) -> int:
        """Return the id negotiated for ``uri``, or 0."""
        return next((ident for name, ident in self.extensions if name == uri), 0)


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """All media sections of a peer, in the order of its offer."""

    sections: tuple[Section, ...]
    max_bps: int | None = None
    """What its peer takes of all sections together."""


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
