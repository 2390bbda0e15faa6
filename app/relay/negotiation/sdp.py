"""Read an SDP offer (RFC 8866, RFC 8829) into values, within limits that hold before parsing.

Only what an answer depends on is kept; nothing here decides what is served (``plan``) or how the
answer is written (``answer``).
"""

import re
from dataclasses import dataclass
from typing import Final

from app.core.errors import BadOffer, TooLarge
from app.relay.core.media import IceCredentials

MAX_BYTES: Final = 64 * 1024
MAX_SECTIONS: Final = 24
"""The presenter's microphone, camera and screen, a voice and a picture of each of 8 speakers, and
what a speaker sends by the same connection: 22."""
MAX_CANDIDATES: Final = 32
MAX_SSRCS: Final = 16
"""Announced SSRCs kept per section: a browser names two, a simulcast sender six."""
MAX_RIDS: Final = 4
"""Simulcast streams kept per section: browsers send up to three."""

DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")
DIGESTS: Final = ("sha-256", "sha-384", "sha-512")
"""Fingerprint algorithms that are checked; a weaker one alone is refused (RFC 8122 §5)."""

_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^-~]{1,32}")
_RID = re.compile(r"[0-9A-Za-z]{1,16}")
_UFRAG = re.compile(r"[0-9A-Za-z+/]{4,256}")
_PASSWORD = re.compile(r"[0-9A-Za-z+/]{22,256}")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})+")


@dataclass(frozen=True, slots=True)
class OfferedCodec:
    """One payload type as the offer describes it."""

    payload_type: int
    name: str
    """As written, e.g. ``opus``, ``VP8``."""
    clock_rate: int
    channels: int
    """0 where the offer names none."""
    parameters: str
    """The ``fmtp`` text, empty where there is none."""
    feedback: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfferedSection:
    """One ``m=`` section."""

    index: int
    mid: str
    kind: str
    """The media type as written: ``audio``, ``video``, ``application``, …"""
    protocol: str
    formats: tuple[str, ...]
    is_open: bool
    """Not rejected by the offer itself (port 0 without ``bundle-only``)."""
    direction: str
    codecs: tuple[OfferedCodec, ...]
    extensions: tuple[tuple[str, int], ...]
    ssrcs: tuple[int, ...]
    """Primary SSRCs: those that an FID group names as repair streams are left out."""
    repairs: tuple[tuple[int, int], ...]
    """(media SSRC, RTX SSRC) of each FID group (RFC 5576 §4.2, RFC 4588 §8.3)."""
    has_simulcast_ssrcs: bool
    """The primary SSRCs are a SIM group: one source's streams, told apart without rids."""
    rids: tuple[str, ...]
    """What ``a=simulcast`` offers to send (RFC 8853 §5.1), the first of each alternative."""
    has_rtcp_mux: bool
    has_rtcp_rsize: bool
    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    setup: str
    max_bps: int | None
    """What its sender takes in this section (``b=TIAS``, else ``b=AS``)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A whole offer."""

    sections: tuple[OfferedSection, ...]
    bundle: tuple[str, ...]
    """The mids of its (first) BUNDLE group, in order."""
    allows_mixed: bool
    """One-byte and two-byte header extensions may be mixed (RFC 8285 §6)."""
    max_bps: int | None
    """What its sender takes of all sections together."""

    def credentials(self, section: OfferedSection) -> IceCredentials:
        """Return the section's ICE credentials. Raises BadOffer if missing or ill-formed."""
        if not are_credentials(section.ufrag, section.password):
            raise BadOffer("the offer has no valid ice-ufrag and ice-pwd")
        return IceCredentials(section.ufrag, section.password)


def are_credentials(ufrag: str, password: str) -> bool:
    """Tell whether these are a well-formed fragment and password (RFC 8839 §5.4)."""
    return bool(_UFRAG.fullmatch(ufrag) and _PASSWORD.fullmatch(password))


def check_size(text: str) -> None:
    """Refuse an oversize offer by scanning, before anything is parsed.

    Raises TooLarge, naming the limit. Takes well under a millisecond whatever it is given.
    """
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        raise TooLarge(f"the offer is larger than {MAX_BYTES} bytes")
    if text.count("\nm=") > MAX_SECTIONS:
        raise TooLarge(f"the offer has more than {MAX_SECTIONS} media sections")
    if text.count("\na=candidate:") > MAX_CANDIDATES:
        raise TooLarge(f"the offer has more than {MAX_CANDIDATES} candidates")


def read_offer(text: str) -> Offer:
    """Parse an offer.

    Raises TooLarge over a limit, and BadOffer with the reason where it cannot be understood.
    """
    check_size(text)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    if lines[0] != "v=0":
        raise BadOffer("the offer does not begin with v=0")
    if any(not line.isprintable() for line in lines):
        raise BadOffer("the offer holds control characters")
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            blocks.append([])
        blocks[-1].append(line)
    session = _Attributes(blocks[0])
    sections = tuple(_read_section(index, block, session) for index, block in enumerate(blocks[1:]))
    if not sections:
        raise BadOffer("the offer has no media section")
    mids = [section.mid for section in sections]
    if len(set(mids)) != len(mids):
        raise BadOffer("two media sections of the offer have one mid")
    groups = [value.split() for value in session.all("group")]
    bundle = next((tuple(group[1:]) for group in groups if group[:1] == ["BUNDLE"]), ())
    return Offer(sections, bundle, session.has("extmap-allow-mixed"), _bandwidth(blocks[0]))


class _Attributes:
    """The ``a=`` lines of one block, by name."""

    def __init__(self, lines: list[str]) -> None:
        self._values: dict[str, list[str]] = {}
        for line in lines:
            if line.startswith("a="):
                name, _, value = line[2:].partition(":")
                self._values.setdefault(name, []).append(value)

    def has(self, name: str) -> bool:
        return name in self._values

    def all(self, name: str) -> list[str]:
        return self._values.get(name, [])

    def first(self, name: str, default: str = "") -> str:
        return self._values.get(name, [default])[0]


def _read_section(index: int, lines: list[str], session: _Attributes) -> OfferedSection:
    fields = lines[0][2:].split()
    if len(fields) < 4 or not _is_number(fields[1].partition("/")[0], 65535):
        raise BadOffer(f"media section {index} of the offer has an ill-formed m= line")
    own = _Attributes(lines)
    mid = own.first("mid")
    if not _TOKEN.fullmatch(mid):
        raise BadOffer(f"media section {index} of the offer has no valid mid")
    return OfferedSection(
        index=index,
        mid=mid,
        kind=fields[0],
        protocol=fields[2],
        formats=tuple(fields[3:]),
        is_open=int(fields[1].partition("/")[0]) > 0 or own.has("bundle-only"),
        direction=_direction(own, session),
        codecs=_codecs(fields[3:], own),
        extensions=_extensions(own.all("extmap")),
        ssrcs=_ssrcs(own),
        repairs=_repairs(own),
        has_simulcast_ssrcs=any(group.startswith("SIM ") for group in own.all("ssrc-group")),
        rids=_rids(own),
        has_rtcp_mux=own.has("rtcp-mux"),
        has_rtcp_rsize=own.has("rtcp-rsize"),
        ufrag=own.first("ice-ufrag", session.first("ice-ufrag")),
        password=own.first("ice-pwd", session.first("ice-pwd")),
        fingerprints=_fingerprints(own.all("fingerprint") or session.all("fingerprint")),
        setup=own.first("setup", session.first("setup", "active")),
        max_bps=_bandwidth(lines),
    )


def _bandwidth(lines: list[str]) -> int | None:
    """Return a block's ``b=TIAS`` (RFC 3890, bits per second), else its ``b=AS`` (kilobits)."""
    found = dict(line[2:].partition(":")[::2] for line in lines if line.startswith("b="))
    for name, unit in (("TIAS", 1), ("AS", 1_000)):
        value = found.get(name, "")
        if _is_number(value, 2**31) and int(value) > 0:
            return int(value) * unit
    return None


def _direction(own: _Attributes, session: _Attributes) -> str:
    for attributes in (own, session):
        for direction in DIRECTIONS:
            if attributes.has(direction):
                return direction
    return "sendrecv"


def _by_payload_type(values: list[str]) -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for value in values:
        payload_type, _, rest = value.partition(" ")
        table.setdefault(payload_type, []).append(rest.strip())
    return table


def _codecs(formats: list[str], own: _Attributes) -> tuple[OfferedCodec, ...]:
    maps = _by_payload_type(own.all("rtpmap"))
    parameters = _by_payload_type(own.all("fmtp"))
    feedback = _by_payload_type(own.all("rtcp-fb"))
    codecs: list[OfferedCodec] = []
    for payload_type in dict.fromkeys(formats):
        if payload_type not in maps:
            continue
        name, _, rest = maps[payload_type][0].partition("/")
        rate, _, channels = rest.partition("/")
        if not _is_number(payload_type, 127) or not _is_number(rate, 1_000_000):
            raise BadOffer(f"payload type {payload_type[:8]} of the offer is ill-formed")
        codecs.append(
            OfferedCodec(
                int(payload_type),
                name,
                int(rate),
                int(channels) if _is_number(channels, 8) else 0,
                parameters.get(payload_type, [""])[0],
                tuple(feedback.get(payload_type, []) + feedback.get("*", [])),
            )
        )
    return tuple(codecs)


def _extensions(values: list[str]) -> tuple[tuple[str, int], ...]:
    """Keep the ids that fit a one-byte header (RFC 8285 §4.2) and go both ways."""
    found: dict[int, str] = {}
    for value in values:
        ident, _, rest = value.partition(" ")
        if _is_number(ident, 14) and int(ident) > 0 and rest:
            found.setdefault(int(ident), rest.split()[0])
    return tuple((uri, ident) for ident, uri in sorted(found.items()))


def _ssrcs(own: _Attributes) -> tuple[int, ...]:
    repair: set[str] = set()
    for group in own.all("ssrc-group"):
        fields = group.split()
        if fields[:1] == ["FID"]:
            repair.update(fields[2:])
    names = dict.fromkeys(value.split(" ")[0] for value in own.all("ssrc"))
    numbers = [int(name) for name in names if name not in repair and _is_number(name, 2**32 - 1)]
    return tuple(numbers[:MAX_SSRCS])


def _repairs(own: _Attributes) -> tuple[tuple[int, int], ...]:
    pairs: list[tuple[int, int]] = []
    for group in own.all("ssrc-group"):
        fields = group.split()
        if fields[:1] == ["FID"] and len(fields) == 3:
            media, repair = fields[1:]
            if _is_number(media, 2**32 - 1) and _is_number(repair, 2**32 - 1):
                pairs.append((int(media), int(repair)))
    return tuple(pairs[:MAX_SSRCS])


def _rids(own: _Attributes) -> tuple[str, ...]:
    """Return the streams that a section would send: described by ``a=rid``, listed in order."""
    described = {fields[0] for fields in map(str.split, own.all("rid")) if fields[1:2] == ["send"]}
    for value in own.all("simulcast"):
        fields = value.split()
        lists = dict(zip(fields[::2], fields[1::2], strict=False))
        wanted = [
            group.split(",")[0].removeprefix("~") for group in lists.get("send", "").split(";")
        ]
        known = [rid for rid in dict.fromkeys(wanted) if rid in described and _RID.fullmatch(rid)]
        return tuple(known[:MAX_RIDS])
    return ()


def _fingerprints(values: list[str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for value in values:
        algorithm, _, digest = value.partition(" ")
        if algorithm.lower() in DIGESTS and _FINGERPRINT.fullmatch(digest.strip()):
            found.append((algorithm.lower(), digest.strip().upper()))
    return tuple(dict.fromkeys(found))


def _is_number(text: str, largest: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= largest
