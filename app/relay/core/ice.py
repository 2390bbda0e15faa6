"""The ICE-lite agent of one peer (RFC 8445 §2.5): which addresses are its, which one is used.

It sends no checks. It answers those that carry the peer's own password, and follows the peer's
nominations, restarts and moves.
"""

from dataclasses import dataclass

from app.relay.core.media import Address, IceCredentials
from app.relay.core.stun import Check

MAX_ADDRESSES = 8
"""Validated addresses kept per peer: hosts have a handful of interfaces; the oldest gives way."""
CONSENT_SECONDS = 30.0
"""A peer silent for this long is gone (RFC 7675 §5.1)."""
MOVE_SECONDS = 2.0
"""A check that nominates nothing moves a peer only if its old address was silent for this long:
longer than most pauses between checks, short enough to follow a rebound NAT within 3 s."""
_TRANSACTIONS = 32
"""Of the last checks; a peer sends one every few seconds."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check did."""

    response: bytes
    admitted: bool = False
    """The address belongs to this peer from now on (or still)."""
    evicted: Address | None = None
    """An address that gave way to it."""
    moved: bool = False
    """The selected address is another than before."""
    retired_ufrag: str | None = None
    """Of the credentials that ended because newer ones were used."""


class IceAgent:
    """Answers one peer's checks. Nothing but ``check`` ever admits an address."""

    def __init__(self, local: IceCredentials, remote: IceCredentials, now: float) -> None:
        self.local = local
        self.remote = remote
        self._next: tuple[IceCredentials, IceCredentials] | None = None
        self.selected: Address | None = None
        self._addresses: dict[Address, float] = {}
        self._transactions: list[tuple[bytes, Address]] = []
        self.last_heard = now

    @property
    def addresses(self) -> list[Address]:
        return list(self._addresses)

    @property
    def ufrags(self) -> list[str]:
        """Ours that are valid now: two during a restart."""
        pending = [self._next[0].ufrag] if self._next else []
        return [self.local.ufrag, *pending]

    def restart(self, local: IceCredentials, remote: IceCredentials) -> str | None:
        """Accept ``local`` beside the present credentials; return a ufrag this made void."""
        void = self._next[0].ufrag if self._next else None
        self._next = (local, remote)
        return void

    def check(self, check: Check, source: Address, now: float) -> Outcome | None:
        """Answer a check to one of our ufrags, or return None if it is not authentic."""
        is_next = self._next is not None and check.ufrag == self._next[0].ufrag
        local = self._next[0] if is_next and self._next else self.local
        if not check.is_authentic(local.password) or self._is_replayed(check, source):
            return None
        if check.claims_controlled:
            return Outcome(check.role_conflict(local.password))
        retired = self._use_next() if is_next else None
        evicted = self._admit(source, now)
        moved = self._select(source, check.nominates, now)
        self.last_heard = now
        response = check.response(source, local.password)
        return Outcome(response, True, evicted, moved, retired)

    def heard(self, source: Address, now: float) -> bool:
        """Note authentic media from ``source``; return True if that moved the peer there.

        A browser sends from the pair that it selected, so media from another validated address
        says the same as a nomination once the old address has fallen silent.
        """
        if source not in self._addresses:
            return False
        self._addresses[source] = self.last_heard = now
        return source != self.selected and self._select(source, False, now)

    def forget(self, address: Address) -> None:
        """Give an address up, because another peer has proved that it is there now."""
        self._addresses.pop(address, None)
        if self.selected == address:
            self.selected = None

    def is_silent(self, now: float) -> bool:
        return now - self.last_heard >= CONSENT_SECONDS

    def _is_replayed(self, check: Check, source: Address) -> bool:
        """A copy of somebody's check from another address proves nothing about that address."""
        for transaction, address in self._transactions:
            if transaction == check.transaction:
                return address != source
        self._transactions.append((check.transaction, source))
        del self._transactions[:-_TRANSACTIONS]
        return False

    def _use_next(self) -> str | None:
        if self._next is None:
            return None
        retired = self.local.ufrag
        self.local, self.remote = self._next
        self._next = None
        return retired

    def _admit(self, source: Address, now: float) -> Address | None:
        evicted = None
        if source not in self._addresses and len(self._addresses) >= MAX_ADDRESSES:
            others = (address for address in self._addresses if address != self.selected)
            evicted = min(others, key=self._addresses.__getitem__)
            del self._addresses[evicted]
        self._addresses.setdefault(source, now)
        return evicted

    def _select(self, source: Address, nominated: bool, now: float) -> bool:
        selected = self.selected
        if source == selected:
            self._addresses[source] = now
            return False
        silent = selected is None or now - self._addresses[selected] >= MOVE_SECONDS
        self._addresses[source] = now
        if not nominated and not silent:
            return False
        self.selected = source
        return True
