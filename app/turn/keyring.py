"""What opens a server: its secrets in Redis, or a user in coturn's own database."""

import json
import secrets
from dataclasses import asdict
from typing import Protocol

import structlog

from app.core.errors import Unavailable
from app.turn.config import TurnConfig
from app.turn.rotation import Schedule, Slot, accepted, due
from app.turn.store import Change, TurnStore
from app.turn.turnadmin import LongTermUsers, TurnAdminError

log = structlog.get_logger(__name__)

SECRET_BYTES = 24

RENEW_SECONDS = 60.0
"""Between two renewals of the secrets' life in Redis."""


class Keyring(Protocol):
    """``turn`` is called every second and does what is due."""

    async def turn(self, wall: float) -> None:
        """Rotate. Raises Unavailable when that cannot be."""

    async def save(self) -> None:
        """Have what was handed out stay good after this process. Raises Unavailable."""

    @property
    def long_term(self) -> str:
        """The long-term credential as JSON, or nothing."""


def _fresh() -> str:
    return secrets.token_urlsafe(SECRET_BYTES)


class SecretRing:
    """The secrets of one server. It is also what coturn sees of Redis (``door.Keeper``).

    Redis has the truth, which the api processes change too. What was read last is kept, so that
    coturn goes on to take credentials while Redis is away, and Redis gets it back when it lost
    everything.
    """

    def __init__(self, config: TurnConfig, store: TurnStore) -> None:
        self._store = store
        self._id = config.id
        self._realm = config.realm
        self._schedule = Schedule(
            config.secret_seconds,
            config.overlap_seconds,
            lambda: secrets.token_urlsafe(SECRET_BYTES),
        )
        self._slots: dict[int, Slot] = {}
        self._renewed = float("-inf")
        self.long_term = ""

    async def turn(self, wall: float) -> None:
        """Read the secrets, and replace those that are due."""
        found = await self._store.slots(self._id)
        wanted = due(found or self._slots, self._schedule, wall)
        if not found:
            wanted = {**self._slots, **wanted}
        if wanted or not 0 <= wall - self._renewed < RENEW_SECONDS:
            changes = {index: Change(found.get(index), slot) for index, slot in wanted.items()}
            found = await self._store.change(self._id, self._realm, changes)
            self._renewed = wall
        self._slots = found

    async def save(self) -> None:
        """Renew the life of what Redis has."""
        self._slots = await self._store.change(self._id, self._realm, {}) or self._slots

    async def accepted(self) -> list[bytes]:
        """Return the secrets that are good now; those of the last look while Redis is away."""
        try:
            found = await self._store.accepted(self._realm)
        except Unavailable:
            found = []
        return found or [secret.encode() for secret in accepted(self._slots)]

    async def status(self, key: str, value: str) -> None:
        await self._store.status(key, value)

    async def forget(self, key: str) -> None:
        await self._store.forget(key)

    async def publish(self, channel: str, message: str) -> None:
        await self._store.publish(channel, message)


class UserRing:
    """The long-term user of one server."""

    def __init__(self, users: LongTermUsers) -> None:
        self._users = users
        users.load()

    async def turn(self, wall: float) -> None:
        try:
            await self._users.turn(wall)
        except TurnAdminError as error:
            raise Unavailable(str(error)) from error

    async def save(self) -> None:
        self._users.save()

    @property
    def long_term(self) -> str:
        credential = self._users.credential
        return "" if credential is None else json.dumps(asdict(credential))
