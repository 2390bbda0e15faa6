"""ICE fragments of SDP (RFC 8840): what a WHIP or WHEP client trickles or restarts with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.core.errors import BadRequest, TooLarge
from app.relay.answers import Candidate

MEDIA_TYPE = "application/trickle-ice-sdpfrag"
MAX_BYTES = 16 * 1024
MAX_CANDIDATES = 32

_NAME = re.compile(r"[0-9A-Za-z+/]{4,256}")
_SECRET = re.compile(r"[0-9A-Za-z+/]{22,256}")


@dataclass(frozen=True, slots=True)
class Fragment:
    """The client's ICE session, and how many candidates came with it.

    The candidates themselves are counted, no more: a relay is ICE-lite and learns addresses from
    checks.
    """

    ufrag: str
    password: str
    candidates: int


def read_fragment(body: bytes) -> Fragment:
    """Read a fragment. Raises BadRequest, or TooLarge over a limit."""
    if len(body) > MAX_BYTES:
        raise TooLarge(f"a fragment has at most {MAX_BYTES} bytes")
    try:
        lines = body.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as fault:
        raise BadRequest("the fragment is not UTF-8") from fault
    if any(not line.isprintable() or (line and line[1:2] != "=") for line in lines):
        raise BadRequest("this is no fragment of a session description")
    ufrag = _one(lines, "a=ice-ufrag:")
    password = _one(lines, "a=ice-pwd:")
    if not _NAME.fullmatch(ufrag) or not _SECRET.fullmatch(password):
        raise BadRequest("the fragment has no valid ice-ufrag and ice-pwd")
    candidates = sum(line.startswith("a=candidate:") for line in lines)
    if candidates > MAX_CANDIDATES:
        raise TooLarge(f"a fragment has at most {MAX_CANDIDATES} candidates")
    return Fragment(ufrag, password, candidates)


def _one(lines: Sequence[str], prefix: str) -> str:
    """Return the value that stands once, or the same each time (one per media section)."""
    values = {line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix)}
    return values.pop() if len(values) == 1 else ""


def write_fragment(ufrag: str, password: str, candidates: Sequence[Candidate]) -> str:
    """Return the relay's side after an ICE restart."""
    lines = ["a=ice-lite", f"a=ice-ufrag:{ufrag}", f"a=ice-pwd:{password}"]
    if candidates:
        lines += [
            "m=audio 9 UDP/TLS/RTP/SAVPF 0",
            f"a=mid:{candidates[0].sdpMid}",
            *(f"a={candidate.candidate}" for candidate in candidates),
            "a=end-of-candidates",
        ]
    return "\r\n".join(lines) + "\r\n"
