"""The names that the whole server passes around, as types of their own."""

import secrets
from typing import NewType

RoomId = NewType("RoomId", str)
"""A lecture's six-digit code, zero-padded (``"004217"``); also the id of its live room."""

LectureId = NewType("LectureId", str)
"""A lecture's id in SQL: 32 lower-case hexadecimal digits. Never given twice, as codes are."""

Email = NewType("Email", str)
"""An account's e-mail address, trimmed and lower-cased."""

ConnectionId = NewType("ConnectionId", str)
"""One transport connection of one client (the Engine.IO session id): two tabs are two of them."""

PeerId = NewType("PeerId", str)
"""One peer connection on a relay. Unguessable: who knows it may restart that peer's ICE."""

NodeId = NewType("NodeId", str)
"""One process of ours as the others see it, for example ``"relay-3f9a1c20"``."""

QuestionId = NewType("QuestionId", str)
"""The stream entry id that Redis gave a question, for example ``"1732153000123-0"``."""


def new_lecture_id() -> LectureId:
    """Return an id that no other lecture has."""
    return LectureId(secrets.token_hex(16))


def new_peer_id(relay: NodeId | None = None) -> PeerId:
    """Return an unguessable peer id (128 random bits) that names its relay, if that is known."""
    token = secrets.token_urlsafe(16)
    return PeerId(f"{token}.{relay}" if relay else token)


def relay_in(peer: PeerId) -> NodeId | None:
    """Return the relay that a peer's id names: where it was opened."""
    return NodeId(peer.partition(".")[2]) or None


def peer_on(relay: NodeId, peer: PeerId | None) -> PeerId:
    """Return ``peer`` if it may be on ``relay``, to be restarted there; else a new id."""
    if peer is not None and relay_in(peer) in (None, relay):
        return peer
    return new_peer_id(relay)


def new_node_id(role: str) -> NodeId:
    """Return the id of a process that just started in ``role`` (``"api"``, ``"relay"``)."""
    return NodeId(f"{role}-{secrets.token_hex(4)}")


def is_room_id(text: str) -> bool:
    """Tell whether ``text`` has the shape of a lecture code (``000000`` is never given out)."""
    return len(text) == 6 and text.isascii() and text.isdigit() and text != "000000"
