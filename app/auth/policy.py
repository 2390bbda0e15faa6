"""Who may do what in a lecture: the one table of it, and the roles of services' rooms.

A script that changes a room is told the roles that may, and finds out the caller's own in the same
call; so nobody acts on a right that was taken back a moment ago.
"""

from collections.abc import Mapping
from typing import Any, Literal

from app.auth.permissions import Permission, read_permission

Role = Literal["presenter", "assistant", "student", "guest"]
Action = Literal[
    "ask",
    "upvote",
    "view",
    "solve",
    "answer",
    "hide",
    "approve",
    "claim",
    "appoint",
    "dismiss",
    "moderate",
]
HouseAction = Literal["text", "people", "remove"]

_AUDIENCE: frozenset[Role] = frozenset({"assistant", "student", "guest"})
_STAFF: frozenset[Role] = frozenset({"presenter", "assistant"})
_PRESENTER: frozenset[Role] = frozenset({"presenter"})

POLICY: dict[Action, frozenset[Role]] = {
    "ask": _AUDIENCE,
    "upvote": _AUDIENCE,
    "view": _AUDIENCE | _PRESENTER,
    "solve": _STAFF,
    "answer": _STAFF,
    "hide": _STAFF,
    "approve": _STAFF,
    "claim": _STAFF,
    "appoint": _PRESENTER,
    "dismiss": _PRESENTER,
    "moderate": _PRESENTER,
}

CAPTIONERS: frozenset[Role] = _STAFF
"""Who may type captions."""

HOUSE: dict[HouseAction, frozenset[Role]] = {
    "text": _STAFF,
    "people": _STAFF,
    "remove": _PRESENTER,
}
"""What members may do about each other. A service's member may also by its permission: ``text`` by
``publish.data``, ``people`` and ``remove`` by ``controlhandlers``."""

_ROLES: dict[str, dict[str, Any]] = {
    "presenter": {
        "publish": True,
        "subscribe": True,
        "record": True,
        "stats": True,
        "controlhandlers": True,
    },
    "assistant": {
        "publish": {"audio": False, "video": False, "screen": False, "data": True},
        "subscribe": True,
        "stats": True,
    },
    "viewer": {"subscribe": True},
    "viewerWithData": {
        "publish": {"audio": False, "video": False, "screen": False, "data": True},
        "subscribe": True,
    },
    "audio_only_presenter": {
        "publish": {"audio": True, "video": False},
        "subscribe": {"audio": True, "video": False},
    },
    "video_only_viewer": {"subscribe": {"audio": False, "video": True}},
    "recorder": {"subscribe": True, "record": True},
}

ROLES: Mapping[str, Permission] = {name: read_permission(said) for name, said in _ROLES.items()}
"""The roles of a service's room that has no list of its own (Licode's, OWT's and ours)."""


def permission_of(role: str, roles: Mapping[str, Permission] = ROLES) -> Permission:
    """Return what a role permits; an unknown one permits nothing."""
    return roles.get(role, Permission())


def may(role: Role, action: Action) -> bool:
    """Tell whether somebody of that role may do that."""
    return role in POLICY[action]


def roles_that_may(action: Action) -> str:
    """Return the roles that may do that, as scripts read them: apart by spaces."""
    return " ".join(sorted(POLICY[action]))
