"""What is read out of a session description (SDP) without negotiating it."""

import hashlib
import re


def received_sources(answer: str) -> dict[str, bool]:
    """Return which sources an answer of the relay takes from a presenter."""
    kinds = [
        block.partition(" ")[0]
        for block in re.split(r"(?m)^m=", answer)[1:]
        if re.search(r"(?m)^a=recvonly\r?$", block)
    ]
    videos = kinds.count("video")
    return {"microphone": "audio" in kinds, "camera": videos > 0, "screen": videos > 1}


def etag_of(ufrag: str) -> str:
    """Return the entity tag of an ICE session, by the relay's fragment, which names it."""
    return hashlib.sha256(ufrag.encode()).hexdigest()[:16]


def ufrag_of(sdp: str) -> str:
    """Return the first ICE user fragment of a description; empty where it has none."""
    found = re.search(r"(?m)^a=ice-ufrag:(\S+)", sdp)
    return found[1] if found else ""
