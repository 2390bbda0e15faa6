"""Which servers a client is given. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

OFFERED = 2
"""Servers in one answer: one to use and one for when that dies. Browsers slow down with more."""


@dataclass(frozen=True, slots=True)
class TurnServer:
    """One live server, as its monitor described it."""

    id: str
    urls: tuple[str, ...]
    region: str
    free_mbps: float
    """What its network still carries; 0: saturated."""
    rest_address: str
    """``host:port`` of its monitor's metrics."""
    long_term: str = ""
    """JSON of its one long-term credential, where it has no secrets; else empty."""


class RoundRobin:
    """Spreads clients evenly over the servers with free traffic, those of their region first."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._turn = 0

    def pick(self, servers: Sequence[TurnServer], count: int = OFFERED) -> list[TurnServer]:
        """Return up to ``count`` servers for the next client, the one to use first."""
        usable = sorted((s for s in servers if s.free_mbps > 0), key=lambda s: s.id)
        near = [server for server in usable if server.region == self._region]
        far = [server for server in usable if server.region != self._region]
        turn, self._turn = self._turn, self._turn + 1
        return [*_from(near, turn), *_from(far, turn)][:count]


def _from(servers: list[TurnServer], turn: int) -> list[TurnServer]:
    start = turn % len(servers) if servers else 0
    return servers[start:] + servers[:start]
