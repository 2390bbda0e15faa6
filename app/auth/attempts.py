"""How many sign-ins may fail: per person and place, per person, per place."""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

from app.core.clock import Clock
from app.core.errors import RateLimited

MAX_KEYS = 50_000
"""Windows kept at once, about 10 MB. When there are more, the one that began first is forgotten."""


class TooManyAttempts(RateLimited):
    """Refused until ``retry_after_seconds`` (at least 1) have passed."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Failures allowed in one window; each sign-in counts until it succeeds."""

    window_seconds: float = 300.0
    per_email_and_address: int = 10

    per_email: int = 100
    """Higher, so that one stranger's failures do not lock the owner out everywhere."""

    per_address: int = 500
    """Higher still: a whole class may sit behind one address."""


class Attempts:
    """Counts the attempts of this process in fixed windows, in bounded memory."""

    def __init__(self, clock: Clock, limits: AttemptLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or AttemptLimits()
        self._windows: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def spend(self, email: str, address: str) -> None:
        """Count one attempt. Raises TooManyAttempts, and then counts nothing."""
        now = self._clock.now()
        wait = 0.0
        for key, limit in self._keys(email, address):
            began, count = self._window(key, now)
            if count >= limit:
                wait = max(wait, began + self._limits.window_seconds - now)
        if wait > 0:
            seconds = max(1, int(wait + 0.999))
            raise TooManyAttempts(
                f"too many sign-ins failed, try again in {seconds} seconds", seconds
            )
        for key, _ in self._keys(email, address):
            began, count = self._window(key, now)
            self._put(key, began, count + 1)

    def refund(self, email: str, address: str) -> None:
        """Take one attempt back: it was no failure."""
        now = self._clock.now()
        for key, _ in self._keys(email, address):
            began, count = self._window(key, now)
            if count > 1:
                self._put(key, began, count - 1)
            else:
                self._windows.pop(key, None)

    def _keys(self, email: str, address: str) -> list[tuple[tuple[str, str], int]]:
        place = network(address)
        return [
            ((email, place), self._limits.per_email_and_address),
            ((email, ""), self._limits.per_email),
            (("", place), self._limits.per_address),
        ]

    def _window(self, key: tuple[str, str], now: float) -> tuple[float, int]:
        began, count = self._windows.get(key, (now, 0))
        return (began, count) if now < began + self._limits.window_seconds else (now, 0)

    def _put(self, key: tuple[str, str], began: float, count: int) -> None:
        if key in self._windows and self._windows[key][0] != began:
            del self._windows[key]  # a new window goes to the end: the order is by beginning
        self._windows[key] = (began, count)
        while len(self._windows) > MAX_KEYS:
            self._windows.popitem(last=False)


def network(address: str) -> str:
    """Return what one household or host is counted as: an IPv4 address, or an IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
