"""Offers as a browser writes them, and the few things a client needs from an answer."""

import re
from dataclasses import dataclass

MID_URI = "urn:ietf:params:rtp-hdrext:sdes:mid"
ABS_SEND_TIME_URI = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
AUDIO_LEVEL_URI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

TRANSPORT_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

AUDIO_LEVEL_ID, ABS_SEND_TIME_ID, TRANSPORT_ID, MID_ID = 1, 2, 3, 4
OPUS, VP8, RTX = 111, 96, 97


class AnswerError(Exception):
    """The answer lacks something that a connection needs."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a section of an offer sends; None in an offer means that it only receives."""

    ssrc: int
    cname: str = "lectern-bench"
    rtx_ssrc: int = 0
    """Of its repeats, where RTX is negotiated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a bundled, ICE-lite, DTLS-passive answer says about its one transport."""

    ufrag: str
    password: str
    fingerprint: str
    host: str
    port: int
    setup: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a server's offer or answer agrees to for video, for a client that offers everything."""

    transport_id: int
    """Of the transport-wide number's header extension, with its feedback; 0: none."""
    rtx_types: frozenset[int]
    """Payload types of repeats (RFC 4588)."""
    nacks: bool
    remb: bool
    reduced: bool = True
    """Feedback may come without a report before it (RFC 5506)."""

    def __str__(self) -> str:
        names = ("transport-cc", "rtx", "nack", "goog-remb")
        held = (self.transport_id, self.rtx_types, self.nacks, self.remb)
        return ", ".join(name for name, has in zip(names, held, strict=True) if has)


def read_terms(description: str) -> Terms:
    """Read what a server agreed to for video."""
    found = re.search(r"^m=video .*?(?=^m=|\Z)", description, re.MULTILINE | re.DOTALL)
    video = found.group(0) if found else ""
    feedback = set(re.findall(r"^a=rtcp-fb:\S+ (.+?)\r?$", video, re.MULTILINE))
    extension = re.search(rf"^a=extmap:(\d+)\S* {re.escape(TRANSPORT_URI)}", video, re.MULTILINE)
    rtx = re.findall(r"^a=rtpmap:(\d+) rtx/", video, re.MULTILINE)
    has_transport = extension is not None and "transport-cc" in feedback
    return Terms(
        int(extension.group(1)) if extension is not None and has_transport else 0,
        frozenset(int(number) for number in rtx),
        "nack" in feedback,
        "goog-remb" in feedback,
        "a=rtcp-rsize" in video,
    )


def offer(
    ufrag: str, password: str, fingerprint: str, audio: Sent | None, video: Sent | None,
    repairs: bool = False,
) -> str:  # fmt: skip
    """Return an SDP offer of one opus and one VP8 section: sendrecv where it sends, as the tracks
    that a browser adds are, else recvonly. With ``repairs`` also RTX and transport-wide feedback,
    as browsers offer them."""
    number = [f"a=extmap:{TRANSPORT_ID} {TRANSPORT_URI}"] if repairs else []
    types = f"{VP8} {RTX}" if repairs else f"{VP8}"
    transport = [
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{password}",
        "a=ice-options:trickle",
        f"a=fingerprint:sha-256 {fingerprint}",
        "a=setup:actpass",
    ]
    lines = [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS stream",
        f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}",
        *transport,
        "a=mid:0",
        f"a=extmap:{AUDIO_LEVEL_ID} {AUDIO_LEVEL_URI}",
        f"a=extmap:{ABS_SEND_TIME_ID} {ABS_SEND_TIME_URI}",
        *number,
        f"a=extmap:{MID_ID} {MID_URI}",
        *_direction(audio, "audio"),
        "a=rtcp-mux",
        f"a=rtpmap:{OPUS} opus/48000/2",
        *([f"a=rtcp-fb:{OPUS} transport-cc"] if repairs else []),
        f"a=fmtp:{OPUS} minptime=10;useinbandfec=1",
        *_ssrc(audio, "audio"),
        f"m=video 9 UDP/TLS/RTP/SAVPF {types}",
        *transport,
        "a=mid:1",
        f"a=extmap:{ABS_SEND_TIME_ID} {ABS_SEND_TIME_URI}",
        *number,
        f"a=extmap:{MID_ID} {MID_URI}",
        *_direction(video, "video"),
        "a=rtcp-mux",
        "a=rtcp-rsize",
        f"a=rtpmap:{VP8} VP8/90000",
        f"a=rtcp-fb:{VP8} goog-remb",
        f"a=rtcp-fb:{VP8} ccm fir",
        f"a=rtcp-fb:{VP8} nack",
        f"a=rtcp-fb:{VP8} nack pli",
        *(
            [
                f"a=rtcp-fb:{VP8} transport-cc",
                f"a=rtpmap:{RTX} rtx/90000",
                f"a=fmtp:{RTX} apt={VP8}",
            ]
            if repairs
            else []
        ),
        *_ssrc(video, "video"),
    ]
    return "\r\n".join(lines) + "\r\n"


def with_candidate(description: str, host: str, port: int) -> str:
    """Return a description that names one address of ours in every section."""
    line = f"a=candidate:1 1 udp 2130706431 {host} {port} typ host\r\na=end-of-candidates\r\n"
    return re.sub(r"^a=mid:.*\r\n", lambda mid: mid[0] + line, description, flags=re.MULTILINE)


def answer(offer: str, ufrag: str, password: str, fingerprint: str) -> str:
    """Return the answer of a client that takes everything a server offers (DTLS client, no
    candidates of its own: the server is ICE-lite)."""
    head, *sections = re.split(r"^(?=m=)", offer.replace("\r\n", "\n"), flags=re.MULTILINE)
    kept = re.compile(
        r"^(?:m=|a=mid:|a=rtcp-mux|a=rtpmap:|a=fmtp:|a=rtcp-fb:|a=extmap:)", re.MULTILINE
    )
    lines = [
        "v=0",
        "o=- 4611731400430051337 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        *re.findall(r"^a=group:BUNDLE.*$", head, re.MULTILINE),
    ]
    for section in sections:
        first, *rest = [line for line in section.split("\n") if kept.match(line)]
        lines += [
            first,
            "c=IN IP4 0.0.0.0",
            f"a=ice-ufrag:{ufrag}",
            f"a=ice-pwd:{password}",
            f"a=fingerprint:sha-256 {fingerprint}",
            "a=setup:active",
            "a=recvonly",
            *rest,
        ]
    return "\r\n".join(lines) + "\r\n"


def _direction(sent: Sent | None, kind: str) -> list[str]:
    return ["a=recvonly"] if sent is None else ["a=sendrecv", f"a=msid:stream {kind}"]


def _ssrc(sent: Sent | None, kind: str) -> list[str]:
    if sent is None:
        return []
    ssrcs = [sent.ssrc, sent.rtx_ssrc] if sent.rtx_ssrc else [sent.ssrc]
    group = [f"a=ssrc-group:FID {sent.ssrc} {sent.rtx_ssrc}"] if sent.rtx_ssrc else []
    return group + [
        f"a=ssrc:{ssrc} {what}"
        for ssrc in ssrcs
        for what in (f"cname:{sent.cname}", f"msid:stream {kind}")
    ]


def read_answer(sdp: str, host: str = "127.0.0.1") -> Answer:
    """Read an answer. Prefers the UDP candidate of ``host``, else takes the first UDP one.

    Raises AnswerError.
    """
    candidates = re.findall(
        r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", sdp, re.MULTILINE | re.IGNORECASE
    )
    if not candidates:
        raise AnswerError("no UDP candidate")
    address, port = next((pair for pair in candidates if pair[0] == host), candidates[0])
    return Answer(
        ufrag=_first(r"a=ice-ufrag:(\S+)", sdp),
        password=_first(r"a=ice-pwd:(\S+)", sdp),
        fingerprint=_first(r"a=fingerprint:sha-256 (\S+)", sdp),
        host=address,
        port=int(port),
        setup=_first(r"a=setup:(\S+)", sdp),
    )


def _first(pattern: str, sdp: str) -> str:
    found = re.search(f"^{pattern}", sdp, re.MULTILINE | re.IGNORECASE)
    if found is None:
        raise AnswerError(f"nothing fits {pattern}")
    return found.group(1)
