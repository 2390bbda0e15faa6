"""TURN as an api process sees it: who gets which servers, with what credential."""

import asyncio
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass

import structlog

from app.core.clock import Clock
from app.core.errors import Unavailable
from app.core.tasks import OnCrash, Tasks
from app.turn.choice import RoundRobin, TurnServer
from app.turn.config import realm_of
from app.turn.credentials import Credential, IceServer, pseudonym, signed
from app.turn.rotation import Slot, slot_of, without_overlap
from app.turn.store import Change, TurnStore

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks at the registry: a dead server is offered this long at most."""

SECRET_BYTES = 24

CHANGE_TRIES = 4
"""A slot that somebody else changes at the same moment is read again."""


@dataclass(frozen=True, slots=True)
class Issued:
    """What one client was given, and when it needs something else."""

    servers: tuple[IceServer, ...]
    renew_at: float
    """Monotonic seconds at which half of the credentials' life is over."""

    def entries(self) -> list[dict[str, object]]:
        """Return a browser's ``iceServers``."""
        return [dict(server.entry()) for server in self.servers]


class TurnServers:
    """The live TURN servers, looked at every second; issuing never waits.

    While Redis is away, what was known last is handed out: monitors and their coturns go on.
    """

    def __init__(
        self, store: TurnStore, key: str, region: str, credential_seconds: int, clock: Clock
    ) -> None:
        self._store = store
        self._key = hmac.new(key.encode(), b"turn names", hashlib.sha256).digest()
        self._choice = RoundRobin(region)
        self._lifetime = credential_seconds
        self._clock = clock
        self._alive: dict[str, TurnServer] = {}
        self._slots: dict[str, dict[int, Slot]] = {}
        self._tasks = Tasks("turn")
        self.generation = 0
        """Counts up whenever what was issued may be good no more."""

    async def open(self) -> None:
        """Look once, then every second. Also while Redis is away."""
        await self._look_if_possible()
        _ = self._tasks.start("look", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop looking. Safe to call twice."""
        await self._tasks.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look_if_possible()

    async def _look_if_possible(self) -> None:
        try:
            await self.look()
        except Unavailable as error:
            log.debug("the turn servers are not known", reason=error.message)

    async def look(self) -> None:
        """Read the registry. Raises Unavailable."""
        alive = {server.id: server for server in await self._store.alive()}
        found = await asyncio.gather(*(self._store.slots(server) for server in alive))
        slots = dict(zip(alive, found, strict=True))
        before = (set(self._alive), self._slots, self._offered_at_all())
        self._alive, self._slots = alive, slots
        if before != (set(alive), slots, self._offered_at_all()):
            self.generation += 1

    def _offered_at_all(self) -> bool:
        return any(server.free_mbps > 0 for server in self._alive.values())

    def issue(self, room: str, identity: str) -> Issued:
        """Return the servers for one person in one room, with fresh credentials."""
        name = pseudonym(self._key, room, identity)
        picked = self._choice.pick(list(self._alive.values()))
        servers = [self._for(server, name) for server in picked]
        now = self._clock.now()
        return Issued(tuple(s for s in servers if s is not None), now + self._lifetime / 2)

    def _for(self, server: TurnServer, name: str) -> IceServer | None:
        credential = self._credential(server, name)
        return None if credential is None else IceServer(server.id, server.urls, credential)

    def _credential(self, server: TurnServer, name: str) -> Credential | None:
        if server.long_term:
            return Credential(**json.loads(server.long_term))
        slot = self._slots.get(server.id, {}).get(slot_of(name))
        if slot is None:
            return None
        return signed(slot.current, name, int(self._clock.wall()) + self._lifetime)

    def is_good(self, issued: Issued, room: str, identity: str) -> bool:
        """Tell whether everything issued would be taken still, however old it is."""
        if not issued.servers:
            return not self._offered_at_all()
        slot = slot_of(pseudonym(self._key, room, identity))
        return all(self._takes(given, slot) for given in issued.servers)

    def _takes(self, given: IceServer, slot: int) -> bool:
        if given.server not in self._alive:
            return False
        if self._alive[given.server].long_term:
            return True
        now = self._slots.get(given.server, {}).get(slot)
        if now is None:
            return False
        signers = [secret for secret in (now.current, now.previous) if secret]
        return any(_signed_by(secret, given.credential) for secret in signers)

    def credential(self, identity: str) -> Issued:
        """Return the servers for one person outside any room. Raises Unavailable when there are
        none with free traffic."""
        issued = self.issue("", identity)
        if not issued.servers:
            raise Unavailable("no TURN server is free")
        return issued

    async def revoke(self, room: str, identity: str) -> None:
        """Make every credential of one person in one room worthless, on every server, now.

        Some others' credentials (one in ``rotation.SLOTS``) die with it; they are given new ones,
        and what they have open stays open. Raises Unavailable.
        """
        slot = slot_of(pseudonym(self._key, room, identity))
        for server in await self._store.known():
            await self._throw_away(server, slot)
        await self.look()

    async def _throw_away(self, server: str, slot: int) -> None:
        for _ in range(CHANGE_TRIES):
            before = (await self._store.slots(server)).get(slot)
            if before is None:
                return  # nothing was ever signed by it
            after = without_overlap(secrets.token_urlsafe(SECRET_BYTES), self._clock.wall())
            now = await self._store.change(server, realm_of(server), {slot: Change(before, after)})
            if now.get(slot) == after:
                return
        raise Unavailable("the secrets of a TURN server could not be changed")


def _signed_by(secret: str, credential: Credential) -> bool:
    expires, _, name = credential.username.partition(":")
    return expires.isdigit() and signed(secret, name, int(expires)) == credential
