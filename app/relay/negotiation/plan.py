"""Decide what of an offer is served: which sections, codecs and extensions, from which source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from app.core.errors import BadOffer
from app.relay.core.media import (
    Codec,
    Direction,
    IceCredentials,
    Kind,
    MediaPlan,
    Section,
    SourceName,
)
from app.relay.negotiation.sdp import Offer, OfferedCodec, OfferedSection, read_offer

Role = Literal["presenter", "participant"]

SsrcOf = Callable[[Kind, SourceName | None], int]
"""Names the SSRC that the relay sends a source's section under; the same for the same arguments."""

PREFERENCE: Final[Mapping[Kind, tuple[str, ...]]] = {
    "audio": ("opus", "red"),
    "video": ("vp8", "vp9", "h264", "av1"),
}
"""Codecs that pass through, most wanted first. VP8 leads because every browser decodes it and a
keyframe of it is told by one bit; red follows opus so that nobody doubles its audio unasked."""

EXTENSIONS: Final = (
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
)
"""Header extensions that are answered. Transport-wide numbers and rid join with what uses them."""

FEEDBACK: Final = ("nack pli", "ccm fir", "goog-remb")
"""RTCP feedback answered for video; plain nack joins with the retransmission that uses it."""

_SOURCES: Final[Mapping[Kind, tuple[SourceName, ...]]] = {
    "audio": ("microphone",),
    "video": ("camera", "screen"),
}
_WANTED: Final[Mapping[Role, tuple[Direction, tuple[str, ...]]]] = {
    "presenter": ("receive", ("sendonly", "sendrecv")),
    "participant": ("send", ("recvonly", "sendrecv")),
}


@dataclass(frozen=True, slots=True)
class Negotiation:
    """What an offer came to: the media, and the far end's identity."""

    offer: Offer
    plan: MediaPlan
    bundle: tuple[str, ...]
    """The served mids in the order of the offer's group; the first carries the transport."""
    remote: IceCredentials
    fingerprints: tuple[tuple[str, str], ...]
    """(digest algorithm, value) of the far certificate; all of them must match."""


def negotiate(
    text: str, role: Role, sources: Mapping[str, SourceName], ssrc_of: SsrcOf
) -> Negotiation:
    """Read an offer and decide what of it is served.

    A participant's sections are planned with all their codecs whether or not anybody sends yet.
    Raises TooLarge and BadOffer, with the reason for a person.
    """
    offer = read_offer(text)
    plan = _plan(offer, role, sources, ssrc_of)
    bundle = _bundle(offer, plan)
    by_mid = {section.mid: section for section in offer.sections}
    for mid in bundle:
        _check_transport(by_mid[mid])
    first = by_mid[bundle[0]]
    if not first.fingerprints:
        raise BadOffer("the offer has no certificate fingerprint of sha-256 or better")
    return Negotiation(offer, plan, bundle, offer.credentials(first), first.fingerprints)


def keep_lines(negotiation: Negotiation, before: MediaPlan) -> MediaPlan:
    """Return the plan of a peer that offers again: what it had, unchanged.

    Raises BadOffer if the new offer changes a section that media flows in; sections that are new
    are not served (they are answered as rejected, since their mids are not in the plan).
    """
    now = {section.mid: section for section in negotiation.plan.sections}
    for section in before.sections:
        again = now.get(section.mid)
        if again is None or (again.kind, again.codecs) != (section.kind, section.codecs):
            raise BadOffer(f"section {section.mid} changed; offer from a new peer connection")
    return before


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
        return f"h264/{profile}/{parameters.get('packetization-mode', '0')}"
    return name


def _parameters(text: str) -> dict[str, str]:
    pairs = (item.partition("=") for item in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _kind(section: OfferedSection) -> Kind | None:
    if section.kind == "audio":
        return "audio"
    if section.kind == "video":
        return "video"
    return None


def _codecs(kind: Kind, offered: tuple[OfferedCodec, ...]) -> tuple[Codec, ...]:
    order = PREFERENCE[kind]
    known = [codec for codec in offered if codec.name.lower() in order]
    known.sort(key=lambda codec: order.index(codec.name.lower()))
    if not any(codec.name.lower() != "red" for codec in known):
        return ()
    return tuple(Codec(c.payload_type, codec_key(c), c.clock_rate) for c in known)


def _plan(
    offer: Offer, role: Role, sources: Mapping[str, SourceName], ssrc_of: SsrcOf
) -> MediaPlan:
    direction, wanted = _WANTED[role]
    usable: list[tuple[OfferedSection, Kind, tuple[Codec, ...]]] = []
    for offered in offer.sections:
        kind = _kind(offered)
        codecs = _codecs(kind, offered.codecs) if kind and offered.is_open else ()
        if kind and codecs:
            usable.append((offered, kind, codecs))
    live = [(offered.mid, kind) for offered, kind, _ in usable if offered.direction in wanted]
    chosen = _choose(live, role, sources)
    sections = [
        Section(
            mid=offered.mid,
            kind=kind,
            source=chosen.get(offered.mid),
            direction=direction if offered.mid in chosen else "inactive",
            codecs=codecs,
            extensions=_extensions(offered),
            ssrc=ssrc_of(kind, chosen[offered.mid])
            if offered.mid in chosen and direction == "send"
            else 0,
            remote_ssrcs=offered.ssrcs if direction == "receive" else (),
            feedback=_feedback(kind, offered, codecs),
        )
        for offered, kind, codecs in usable
        if offered.mid in chosen or offered.direction not in wanted
    ]
    if not chosen:
        raise BadOffer(f"the offer has nothing that a {role} could {_verb(role)}")
    return MediaPlan(tuple(sections))


def _verb(role: Role) -> str:
    return "send" if role == "presenter" else "receive"


def _extensions(offered: OfferedSection) -> tuple[tuple[str, int], ...]:
    return tuple((uri, ident) for uri, ident in offered.extensions if uri in EXTENSIONS)


def codec_feedback(kind: Kind, codec: OfferedCodec) -> tuple[str, ...]:
    """Return the RTCP feedback that is agreed for one payload type."""
    return tuple(name for name in FEEDBACK if name in codec.feedback) if kind == "video" else ()


def _feedback(kind: Kind, offered: OfferedSection, codecs: tuple[Codec, ...]) -> tuple[str, ...]:
    """Return what is agreed for every codec of a section that may be used."""
    types = {codec.payload_type for codec in codecs}
    agreed = [set(codec_feedback(kind, c)) for c in offered.codecs if c.payload_type in types]
    common = set.intersection(*agreed) if agreed else set()
    return tuple(name for name in FEEDBACK if name in common)


def _choose(
    live: list[tuple[str, Kind]], role: Role, named: Mapping[str, SourceName]
) -> dict[str, SourceName | None]:
    """Give each section its source: as the client says, else by kind and order."""
    chosen: dict[str, SourceName | None] = {}
    for mid, kind in live:
        source = named.get(mid)
        if source is None:
            continue
        if source not in _SOURCES[kind]:
            raise BadOffer(f"section {mid} is {kind}; it cannot be the {source}")
        if source in chosen.values():
            raise BadOffer(f"two sections of the offer are the {source}")
        chosen[mid] = source
    videos = [mid for mid, kind in live if kind == "video"]
    for mid, kind in live:
        if mid in chosen:
            continue
        if role == "participant" and videos == [mid]:
            chosen[mid] = None  # whatever the room shows: the screen while shared, else the camera
            continue
        free = [source for source in _SOURCES[kind] if source not in chosen.values()]
        if free:
            chosen[mid] = free[0]
    return chosen


def _bundle(offer: Offer, plan: MediaPlan) -> tuple[str, ...]:
    served = [section.mid for section in plan.sections]
    bundle = tuple(mid for mid in dict.fromkeys(offer.bundle) if mid in served)
    if len(served) > 1 and len(bundle) != len(served):
        raise BadOffer("the offer does not bundle its sections (BUNDLE is required)")
    return bundle or tuple(served)


def _check_transport(section: OfferedSection) -> None:
    if section.protocol not in ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP"):
        raise BadOffer(f"section {section.mid} does not use DTLS-SRTP (UDP/TLS/RTP/SAVPF)")
    if not section.has_rtcp_mux:
        raise BadOffer(f"section {section.mid} does not multiplex RTCP (rtcp-mux is required)")
    if section.setup not in ("actpass", "active"):
        raise BadOffer("the offer must let its sender open DTLS (setup actpass or active)")
