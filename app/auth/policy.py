"""Who may do what in a lecture: the one table of it.

A script that changes a room is told the roles that may, and finds out the caller's own in the same
call; so nobody acts on a right that was taken back a moment ago.
"""

from typing import Literal

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


def may(role: Role, action: Action) -> bool:
    """Tell whether somebody of that role may do that."""
    return role in POLICY[action]


def roles_that_may(action: Action) -> str:
    """Return the roles that may do that, as scripts read them: apart by spaces."""
    return " ".join(sorted(POLICY[action]))
