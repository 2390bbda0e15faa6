"""Write the SDP answer of an ICE-lite, DTLS-passive, bundling relay (RFC 8829 §5.3, RFC 8839)."""

import ipaddress
from dataclasses import dataclass
from typing import Final

from app.relay.answers import Candidate
from app.relay.core.media import IceCredentials, MediaPlan, Section, SourceName
from app.relay.negotiation.codecs import DEPENDENCY_DESCRIPTOR, codec_feedback
from app.relay.negotiation.plan import Negotiation
from app.relay.negotiation.sdp import OfferedCodec, OfferedSection

CNAME: Final = "lectern"

_HOST_PREFERENCE: Final = 126
"""RFC 8445 §5.1.2.1: the recommended type preference of a host candidate."""

_TCP_HOST_PREFERENCE: Final = 90
_PASSIVE: Final = 4 << 13
"""RFC 6544 §4.2: less than any UDP candidate, and the direction preference of a passive one."""

_DIRECTION: Final = {"receive": "recvonly", "send": "sendonly", "inactive": "inactive"}


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """Our side of the transport, as one peer is told of it."""

    ice: IceCredentials
    fingerprint: str
    """sha-256 of our certificate, colon-separated upper-case hexadecimal."""
    hosts: tuple[str, ...]
    """IP addresses at which the relay is reached, the most wanted first."""
    port: int
    """Of UDP, and of TCP where that is served."""
    has_tcp: bool
    session: int
    """The ``o=`` line's session id: constant for a peer."""
    version: int
    """The ``o=`` line's version: one more with each answer to a peer."""


def candidates(local: LocalTransport) -> list[str]:
    """Return the relay's candidates, without ``a=``: UDP first, then passive TCP (RFC 6544)."""
    lines = []
    for index, host in enumerate(local.hosts):
        priority = (_HOST_PREFERENCE << 24) | ((65535 - index) << 8) | 255
        lines.append(f"candidate:{index + 1} 1 udp {priority} {host} {local.port} typ host")
    for index, host in enumerate(local.hosts if local.has_tcp else ()):
        preference = _PASSIVE | (8191 - index)
        priority = (_TCP_HOST_PREFERENCE << 24) | (preference << 8) | 255
        lines.append(
            f"candidate:{len(local.hosts) + index + 1} 1 tcp {priority} {host} {local.port}"
            " typ host tcptype passive"
        )
    return lines


def signalled_candidates(negotiation: Negotiation, local: LocalTransport) -> list[Candidate]:
    """Return the same candidates for clients that wait for them as events."""
    mid = negotiation.bundle[0]
    index = next(section.index for section in negotiation.offer.sections if section.mid == mid)
    return [
        Candidate(candidate=line, sdpMid=mid, sdpMLineIndex=index) for line in candidates(local)
    ]


def write_answer(negotiation: Negotiation, plan: MediaPlan, local: LocalTransport) -> str:
    """Return the answer to ``negotiation.offer``, serving the sections of ``plan``.

    Every offered section is answered in its place; those that are not in the plan are rejected.
    """
    served = {section.mid: section for section in plan.sections}
    bundle = " ".join(mid for mid in negotiation.bundle if mid in served)
    lines = [
        "v=0",
        f"o=- {local.session} {local.version} IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        f"a=group:BUNDLE {bundle}",
        *(["a=extmap-allow-mixed"] if _mixes(negotiation, plan) else []),
        "a=msid-semantic: WMS *",
    ]
    for offered in negotiation.offer.sections:
        section = served.get(offered.mid)
        lines += _rejected(offered) if section is None else _served(offered, section, local)
    return "\r\n".join(lines) + "\r\n"


def _mixes(negotiation: Negotiation, plan: MediaPlan) -> bool:
    """Tell whether headers of both lengths may come: descriptors need more than 16 bytes."""
    return negotiation.offer.allows_mixed and any(
        section.extension_id(DEPENDENCY_DESCRIPTOR) for section in plan.sections
    )


def _rejected(offered: OfferedSection) -> list[str]:
    first = offered.formats[0]
    return [
        f"m={offered.kind} 0 {offered.protocol} {first}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        f"a=mid:{offered.mid}",
        *(_rtpmap(codec) for codec in offered.codecs if str(codec.payload_type) == first),
    ]


def _served(offered: OfferedSection, section: Section, local: LocalTransport) -> list[str]:
    formats = " ".join(str(codec.payload_type) for codec in section.codecs)
    host = local.hosts[0]
    lines = [
        f"m={section.kind} {local.port} {offered.protocol} {formats}",
        f"c=IN IP{ipaddress.ip_address(host).version} {host}",
        "a=rtcp:9 IN IP4 0.0.0.0",
        *(f"a={line}" for line in candidates(local)),
        "a=end-of-candidates",
        f"a=ice-ufrag:{local.ice.ufrag}",
        f"a=ice-pwd:{local.ice.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        "a=setup:passive",
        f"a=mid:{section.mid}",
        *(f"a=extmap:{ident} {uri}" for uri, ident in section.extensions),
        f"a={_DIRECTION[section.direction]}",
    ]
    if section.direction == "send":
        lines.append(f"a=msid:{_msid(section)}")
    lines.append("a=rtcp-mux")
    if offered.has_rtcp_rsize:
        lines.append("a=rtcp-rsize")
    by_type = {codec.payload_type: codec for codec in offered.codecs}
    for codec in section.codecs:
        lines += _codec(by_type[codec.payload_type], section)
    if section.rids:
        lines += [f"a=rid:{rid} recv" for rid in section.rids]
        lines.append(f"a=simulcast:recv {';'.join(section.rids)}")
    if section.direction == "send":
        lines += _lines(section)
    return lines


def _lines(section: Section) -> list[str]:
    """Announce what is sent: the media's SSRC, and that of its repeats (RFC 4588 §8.3)."""
    ssrcs = [section.ssrc, *([section.rtx_ssrc] if section.rtx_ssrc else [])]
    lines = [f"a=ssrc-group:FID {ssrcs[0]} {ssrcs[1]}"] if len(ssrcs) > 1 else []
    for ssrc in ssrcs:
        lines.append(f"a=ssrc:{ssrc} cname:{CNAME}")
        lines.append(f"a=ssrc:{ssrc} msid:{_msid(section)}")
    return lines


def _msid(section: Section) -> str:
    """Name stream and track; voice and camera share a stream so that browsers keep them in step.

    Spare sections have streams of their own: a speaker's track must not wait for the presenter's.
    """
    if section.is_spare:
        return f"speaker-{section.mid} {section.mid}"
    source: SourceName | None = section.source
    stream = "screen" if source == "screen" else "lecture"
    return f"{stream} {source or section.kind}"


def _rtpmap(codec: OfferedCodec) -> str:
    channels = f"/{codec.channels}" if codec.channels else ""
    return f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock_rate}{channels}"


def _codec(codec: OfferedCodec, section: Section) -> list[str]:
    lines = [_rtpmap(codec)]
    agreed = codec_feedback(section.kind, codec, section.feedback)
    lines += [f"a=rtcp-fb:{codec.payload_type} {name}" for name in agreed]
    if codec.parameters:
        lines.append(f"a=fmtp:{codec.payload_type} {codec.parameters}")
    return lines
