"""Which codecs, header extensions and RTCP feedback of a section are agreed."""

from collections.abc import Mapping
from typing import Final

from app.relay.core.media import Codec, Kind
from app.relay.negotiation.features import Feature, Features
from app.relay.negotiation.sdp import OfferedCodec, OfferedSection

PREFERENCE: Final[Mapping[Kind, tuple[str, ...]]] = {
    "audio": ("opus", "red"),
    "video": ("vp8", "vp9", "h264", "av1"),
}
"""Codecs that pass through, most wanted first. VP8 leads because every browser decodes it and a
keyframe of it is told by one bit; red follows opus so that nobody doubles its audio unasked."""

TRANSPORT_WIDE: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

DEPENDENCY_DESCRIPTOR: Final = (
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
)

EXTENSIONS: Final[Mapping[str, Feature | None]] = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": None,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": None,
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": None,
    TRANSPORT_WIDE: "transport-cc",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": "simulcast",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id": "simulcast",
    DEPENDENCY_DESCRIPTOR: "dependency descriptor",
}
"""Header extensions that are answered, and the feature that each needs."""

FEEDBACK: Final[Mapping[Kind, tuple[str, ...]]] = {
    "audio": ("nack", "transport-cc"),
    "video": ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc"),
}
"""RTCP feedback answered, where it is offered."""

_NEEDS: Final[Mapping[str, Feature]] = {"nack": "nack", "transport-cc": "transport-cc"}
_NO_MEDIA: Final = ("rtx", "red")


def codec_key(codec: OfferedCodec) -> str:
    """Return the name under which two payload types are one codec (``core.media.Codec.key``)."""
    name = codec.name.lower()
    parameters = _parameters(codec.parameters)
    if name == "vp9":
        return f"vp9/{parameters.get('profile-id', '0')}"
    if name == "av1":
        return f"av1/{parameters.get('profile', '0')}"
    if name == "h264":
        # RFC 6184 §8.1: without the parameters it is Baseline, level 1, mode 0
        profile = parameters.get("profile-level-id", "42000a").lower()
        # The profile alone: a level bounds what may be sent, and formats that differ in nothing
        # else decode each other (RFC 6184 §8.2.2).
        return f"h264/{profile[:4]}/{parameters.get('packetization-mode', '0')}"
    return name


def choose_codecs(
    kind: Kind, offered: tuple[OfferedCodec, ...], served: Features
) -> tuple[Codec, ...]:
    """Return what passes through, most wanted first, each before its own rtx (RFC 4588).

    Empty where there is nothing to carry media with: red alone is nothing.
    """
    order = PREFERENCE[kind]
    known = [codec for codec in offered if codec.name.lower() in order]
    known.sort(key=lambda codec: order.index(codec.name.lower()))
    if not any(codec.name.lower() != "red" for codec in known):
        return ()
    repairs = _repairs(offered) if "rtx" in served else {}
    chosen: list[Codec] = []
    for codec in known:
        chosen.append(Codec(codec.payload_type, codec_key(codec), codec.clock_rate))
        repair = repairs.get(codec.payload_type)
        if repair is not None:
            chosen.append(
                Codec(repair.payload_type, "rtx", repair.clock_rate, apt=codec.payload_type)
            )
    return tuple(chosen)


def _repairs(offered: tuple[OfferedCodec, ...]) -> dict[int, OfferedCodec]:
    """Return the rtx payload type of each payload type that has one."""
    found: dict[int, OfferedCodec] = {}
    for codec in offered:
        apt = _parameters(codec.parameters).get("apt", "")
        if codec.name.lower() == "rtx" and apt.isascii() and apt.isdigit() and len(apt) <= 3:
            found.setdefault(int(apt), codec)
    return found


def choose_extensions(offered: OfferedSection, served: Features) -> tuple[tuple[str, int], ...]:
    """Return the agreed header extensions with the offer's ids, sorted by id."""
    return tuple(
        (uri, ident)
        for uri, ident in offered.extensions
        if uri in EXTENSIONS and (EXTENSIONS[uri] is None or EXTENSIONS[uri] in served)
    )


def choose_feedback(
    kind: Kind,
    offered: OfferedSection,
    codecs: tuple[Codec, ...],
    extensions: tuple[tuple[str, int], ...],
    served: Features,
) -> tuple[str, ...]:
    """Return the feedback that is agreed for every codec of a section that carries media.

    Transport-wide feedback needs its header extension, and takes the place of REMB.
    """
    types = {codec.payload_type for codec in codecs if codec.key not in _NO_MEDIA}
    each = [set(codec.feedback) for codec in offered.codecs if codec.payload_type in types]
    common = set.intersection(*each) if each else set()
    common -= {name for name, feature in _NEEDS.items() if feature not in served}
    if not any(uri == TRANSPORT_WIDE for uri, _ in extensions):
        common.discard("transport-cc")
    if "transport-cc" in common:
        common.discard("goog-remb")
    return tuple(name for name in FEEDBACK[kind] if name in common)


def codec_feedback(kind: Kind, codec: OfferedCodec, agreed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the feedback to answer for one payload type: what changes how the section is sent
    only where the whole section agreed to it, the rest wherever it is offered."""
    if codec.name.lower() in _NO_MEDIA:
        return ()
    bound = {"nack", "transport-cc"} if "transport-cc" not in agreed else {"nack", "goog-remb"}
    return tuple(
        name
        for name in FEEDBACK[kind]
        if name in codec.feedback and (name in agreed or name not in bound)
    )


def _parameters(text: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
