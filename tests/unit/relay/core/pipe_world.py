"""Several relays in one simulated world, joined by pipes over a seeded lossy link."""

import random
from collections import deque

from app.relay.core.events import PipeGone
from app.relay.core.media import Address, SrtpKeys
from app.relay.core.pipe import PipePath
from tests.unit.relay.core.world import GCM, ROOM, World


class Site(World):
    """One relay with its clients, at an address that other relays reach."""

    def __init__(self, campus: "Campus", name: str, address: Address) -> None:
        super().__init__()
        self.campus = campus
        self.name = name
        self.address = address
        self.now = campus.now
        self._port = 40_000 + 1_000 * address[1]

    def _transmit(self, data: memoryview, segment: int, address: Address) -> int:
        if address not in self.campus.by_address:
            return super()._transmit(data, segment, address)
        datagrams = [bytes(data[at : at + segment]) for at in range(0, len(data), segment)]
        for datagram in datagrams:
            self.campus.carry(self, datagram, address)
        return len(datagrams)

    def settle(self) -> None:
        super().settle()
        self.campus.deliver_all()


class Campus:
    """Relays and what is under way between them."""

    def __init__(self, *names: str, seed: int = 1) -> None:
        self.now = 100.0
        self.by_address: dict[Address, Site] = {}
        self.sites = {name: self._site(name, place) for place, name in enumerate(names)}
        self.loss = 0.0
        self.cut: set[frozenset[str]] = set()
        self.piped: dict[tuple[str, str], int] = {}
        """Bytes carried from one relay to another."""
        self.sealed: list[bytes] = []
        self._rng = random.Random(seed)
        self._under_way: deque[tuple[Site, bytes, Address]] = deque()
        self._delivering = False
        self._pipes = 0

    def _site(self, name: str, place: int) -> Site:
        address = ("198.51.100.1", 7_882 + place)
        site = self.by_address[address] = Site(self, name, (address[0], place))
        site.address = address
        return site

    def join(self, lower: str, upper: str) -> str:
        """Make a pipe from ``lower`` up to ``upper``, which is nearer to the presenter."""
        self._pipes += 1
        ident = f"pipe-{self._pipes}"
        rng = random.Random(ident)
        down, up = self.sites[lower], self.sites[upper]
        keys = [rng.randbytes(size) for size in (16, 12, 16, 12)]
        ssrcs = [rng.getrandbits(32) | 1 for _ in range(2)]
        there = SrtpKeys(GCM, *keys)
        here = SrtpKeys(GCM, *keys[2:], *keys[:2])
        up.relay.add_pipe(
            ROOM, ident, PipePath(down.address, *ssrcs, there), self.now, leads_up=False
        )
        down.relay.add_pipe(
            ROOM, ident, PipePath(up.address, *ssrcs[::-1], here), self.now, leads_up=True
        )
        for site in (up, down):
            site.settle()
        return ident

    def carry(self, site: Site, data: bytes, address: Address) -> None:
        other = self.by_address[address]
        link = (site.name, other.name)
        self.piped[link] = self.piped.get(link, 0) + len(data)
        self.sealed.append(data)
        if frozenset(link) in self.cut or self._rng.random() < self.loss:
            return
        self._under_way.append((other, data, site.address))

    def deliver_all(self) -> None:
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._under_way:
                other, data, source = self._under_way.popleft()
                other.relay.receive([(bytearray(data), source)], self.now)
                World.settle(other)
        finally:
            self._delivering = False

    def advance(self, seconds: float, step: float = 0.02) -> None:
        """Let time pass everywhere at once."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + step)
            for site in self.sites.values():
                site.now = self.now
            for site in self.sites.values():
                due = site.relay.next_timer()
                if due is not None and due <= self.now:
                    site.relay.handle_timer(self.now)
                    site.settle()

    def lost_pipes(self, name: str) -> list[PipeGone]:
        return self.sites[name].events_of(PipeGone)
