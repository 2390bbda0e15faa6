"""What each user moves through a server, from coturn's own statistics. Pure.

coturn publishes on ``turn/realm/<r>/user/<u>/allocation/<id>/<what>``: ``status`` (``new
lifetime=600, …``, ``refreshed lifetime=…``, ``deleted``) and ``traffic`` (``rcvp=…, rcvb=…,
sentp=…, sentb=…`` since the last one, every some thousand packets and at the end).
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, field

from app.turn.credentials import name_in

MOST_USERS = 10_000
"""Remembered at once; the one that ended longest ago is forgotten first."""

FORGOTTEN_SECONDS = 900.0
"""For which a user without an allocation is still reported: a few scrapes."""

_CHANNEL = re.compile(
    r"turn/realm/(?P<realm>[^/]+)/user/(?P<user>.+)/allocation/(?P<id>\d+)/(?P<what>status|traffic)"
)
_FIGURE = re.compile(r"(\w+)=(\d+)")
_LIFETIME = re.compile(r"lifetime=(\d+)")


@dataclass(slots=True)
class Usage:
    """One user's, by its pseudonym. Bytes and packets are those between client and server."""

    allocations: set[str] = field(default_factory=set)
    received_bytes: int = 0
    sent_bytes: int = 0
    touched: float = 0.0


def lifetime_in(status: str) -> int | None:
    """Return the seconds in a status; None where it names none."""
    found = _LIFETIME.search(status)
    return int(found[1]) if found else None


class UsageBook:
    """Every user of one server."""

    def __init__(self) -> None:
        self._users: OrderedDict[str, Usage] = OrderedDict()
        self.received_bytes = 0
        self.sent_bytes = 0

    @property
    def users(self) -> dict[str, Usage]:
        """Pseudonym → usage."""
        return dict(self._users)

    @property
    def allocations(self) -> int:
        """Open now."""
        return sum(len(user.allocations) for user in self._users.values())

    def hear(self, channel: str, message: str, now: float) -> None:
        """Take one message of the statistics channel; anything else is ignored."""
        match = _CHANNEL.fullmatch(channel)
        if match is None:
            return
        usage = self._usage(name_in(match["user"]), now)
        if match["what"] == "status":
            if message.startswith(("new", "refreshed")):
                usage.allocations.add(match["id"])
            elif message.startswith("deleted"):
                usage.allocations.discard(match["id"])
            return
        figures = {name: int(value) for name, value in _FIGURE.findall(message)}
        self._moved(usage, figures.get("rcvb", 0), figures.get("sentb", 0))

    def _moved(self, usage: Usage, received: int, sent: int) -> None:
        usage.received_bytes += received
        usage.sent_bytes += sent
        self.received_bytes += received
        self.sent_bytes += sent

    def _usage(self, name: str, now: float) -> Usage:
        usage = self._users.setdefault(name, Usage())
        usage.touched = now
        self._users.move_to_end(name)
        if len(self._users) > MOST_USERS:
            self._users.popitem(last=False)
        return usage

    def child_ended(self) -> None:
        """Note that coturn is gone, and every allocation with it."""
        for usage in self._users.values():
            usage.allocations.clear()

    def forget(self, now: float) -> None:
        """Drop users who have had nothing open for a while."""
        for name, usage in list(self._users.items()):
            if not usage.allocations and now - usage.touched > FORGOTTEN_SECONDS:
                del self._users[name]
