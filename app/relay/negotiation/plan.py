"""Decide what of an offer is served: which sections, codecs and extensions, from which source."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
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
from app.relay.negotiation.codecs import choose_codecs, choose_extensions, choose_feedback
from app.relay.negotiation.features import SERVED, Features
from app.relay.negotiation.sdp import Offer, OfferedSection, read_offer

Role = Literal["presenter", "participant"]

SsrcOf = Callable[[str], int]
"""Gives the SSRC of one of the relay's lines, such as ``video camera``, ``audio spare 0`` or
``video any rtx``; the same for the same name."""

_SOURCES: Final[Mapping[Kind, tuple[SourceName, ...]]] = {
    "audio": ("microphone",),
    "video": ("camera", "screen"),
}
_WANTED: Final[Mapping[Role, tuple[Direction, tuple[str, ...]]]] = {
    "presenter": ("receive", ("sendonly", "sendrecv")),
    "participant": ("send", ("recvonly", "sendrecv")),
}


@dataclass(frozen=True, slots=True)
class _Usable:
    """A section that has a codec of ours, and which way its media would go."""

    offered: OfferedSection
    kind: Kind
    codecs: tuple[Codec, ...]
    direction: Direction


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
    text: str,
    role: Role,
    sources: Mapping[str, SourceName],
    ssrc_of: SsrcOf,
    served: Features = SERVED,
) -> Negotiation:
    """Read an offer and decide what of it is served.

    A participant's sections are planned with all their codecs whether or not anybody sends yet.
    Sections that it could receive by beyond the presenter's sources are spare: they are for
    speakers. What it only sends by is received, and heard by nobody until it may speak.
    Raises TooLarge and BadOffer, with the reason for a person.
    """
    offer = read_offer(text)
    plan = replace(_plan(offer, role, sources, ssrc_of, served), max_bps=offer.max_bps)
    bundle = _bundle(offer, plan)
    by_mid = {section.mid: section for section in offer.sections}
    for mid in bundle:
        _check_transport(by_mid[mid])
    first = by_mid[bundle[0]]
    if not first.fingerprints:
        raise BadOffer("the offer has no certificate fingerprint of sha-256 or better")
    return Negotiation(offer, plan, bundle, offer.credentials(first), first.fingerprints)


def keep_lines(negotiation: Negotiation, before: MediaPlan) -> MediaPlan:
    """Return the plan of a peer that offers again: what it had, unchanged, and what is new.

    Raises BadOffer if the new offer changes a section that media flows in.
    """
    now = {section.mid: section for section in negotiation.plan.sections}
    for section in before.sections:
        again = now.pop(section.mid, None)
        if again is None or (again.kind, again.codecs) != (section.kind, section.codecs):
            raise BadOffer(f"section {section.mid} changed; offer from a new peer connection")
    shows_any = any(
        section.direction == "send" and section.kind == "video" and section.source is None
        for section in before.sections
        if not section.is_spare
    )
    added = (_added(section, shows_any) for section in now.values())
    return MediaPlan((*before.sections, *added), before.max_bps)


def _added(section: Section, shows_any: bool) -> Section:
    """A picture beside one that shows whatever the presenter has is for speakers."""
    if shows_any and section.direction == "send" and section.kind == "video":
        return replace(section, source=None, is_spare=True)
    return section


def _kind(section: OfferedSection) -> Kind | None:
    if section.kind == "audio":
        return "audio"
    if section.kind == "video":
        return "video"
    return None


def _plan(
    offer: Offer, role: Role, sources: Mapping[str, SourceName], ssrc_of: SsrcOf, served: Features
) -> MediaPlan:
    usable: list[_Usable] = []
    for offered in offer.sections:
        kind = _kind(offered)
        codecs = choose_codecs(kind, offered.codecs, served) if kind and offered.is_open else ()
        if kind and codecs:
            direction = _direction(offered.direction, role, served)
            usable.append(_Usable(offered, kind, codecs, direction))
    chosen = _choose_all(usable, role, sources)
    spares: Counter[Kind] = Counter()
    sections: list[Section] = []
    for one in usable:
        mid = one.offered.mid
        if one.direction == "send":
            if mid in chosen:
                name = f"{one.kind} {chosen[mid] or 'any'}"
            elif "speakers" in served:
                name = f"{one.kind} spare {spares[one.kind]}"
                spares[one.kind] += 1
            else:
                continue  # a third camera: nothing could ever be sent in it
            sections.append(_sent(one, chosen.get(mid), mid not in chosen, name, ssrc_of, served))
        elif one.direction == "receive":
            if mid in chosen:
                sections.append(_received(one, chosen[mid], served))
        else:
            sections.append(_agreed(one, served))
    wanted = _WANTED[role][0]
    if not any(section.direction == wanted for section in sections):
        raise BadOffer(f"the offer has nothing that a {role} could {_verb(role)}")
    return MediaPlan(tuple(sections))


def _direction(offered: str, role: Role, served: Features) -> Direction:
    """Return what becomes of a section: from the relay's side, and inactive where nothing can."""
    direction, wanted = _WANTED[role]
    if offered in wanted:
        return direction
    if offered == "inactive" or "speakers" not in served:
        return "inactive"
    return "send" if role == "presenter" else "receive"


def _choose_all(
    usable: list["_Usable"], role: Role, sources: Mapping[str, SourceName]
) -> dict[str, SourceName | None]:
    """Give sections their sources. A presenter's own tracks are in nothing that it receives by:
    all of those sections are spare."""
    chosen: dict[str, SourceName | None] = {}
    for direction in ("receive", "send"):
        if (role, direction) != ("presenter", "send"):
            live = [(one.offered.mid, one.kind) for one in usable if one.direction == direction]
            is_any_wanted = (role, direction) == ("participant", "send")
            chosen |= _choose(live, is_any_wanted, sources)
    return chosen


def _agreed(one: "_Usable", served: Features) -> Section:
    """Return what holds in either direction, as an inactive section."""
    extensions = choose_extensions(one.offered, served)
    return Section(
        mid=one.offered.mid,
        kind=one.kind,
        source=None,
        direction="inactive",
        codecs=one.codecs,
        extensions=extensions,
        ssrc=0,
        feedback=choose_feedback(one.kind, one.offered, one.codecs, extensions, served),
    )


def _received(one: "_Usable", source: SourceName | None, served: Features) -> Section:
    offered, is_simulcast = one.offered, "simulcast" in served and one.kind == "video"
    rids = offered.rids if is_simulcast and len(offered.rids) > 1 else ()
    return replace(
        _agreed(one, served),
        source=source,
        direction="receive",
        remote_ssrcs=offered.ssrcs,
        remote_rtx=offered.repairs if "rtx" in served else (),
        rids=rids,
        is_simulcast=is_simulcast and (bool(rids) or offered.has_simulcast_ssrcs),
    )


def _sent(
    one: "_Usable",
    source: SourceName | None,
    is_spare: bool,
    name: str,
    ssrc_of: SsrcOf,
    served: Features,
) -> Section:
    if "estimate" not in served:
        served -= {"transport-cc"}
    has_repairs = any(codec.key == "rtx" for codec in one.codecs)
    return replace(
        _agreed(one, served),
        source=source,
        direction="send",
        ssrc=ssrc_of(name),
        rtx_ssrc=ssrc_of(f"{name} rtx") if has_repairs else 0,
        max_bps=one.offered.max_bps if one.kind == "video" else None,
        is_spare=is_spare,
    )


def _verb(role: Role) -> str:
    return "send" if role == "presenter" else "receive"


def _choose(
    live: list[tuple[str, Kind]], is_any_wanted: bool, named: Mapping[str, SourceName]
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
        if is_any_wanted and videos == [mid]:
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
