"""Who wants to be called: webhooks in SQL, each with its secret."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from app.auth.sealing import Sealer
from app.core.clock import Clock
from app.core.errors import BadRequest, Conflict, NotFound
from app.feed.model import TYPES
from app.feed.signature import new_secret
from app.store.feed_tables import webhooks
from app.store.sql import Sql

MAX_HOOKS = 20
"""Of one service, or of the operator."""


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook. ``secret`` is None when the server's own secret has changed since."""

    id: str
    service: str | None
    """Whose lectures it hears of; None: the operator's, which hears of everything."""
    url: str
    secret: str | None
    types: frozenset[str]
    """Empty: every type."""
    created_at: datetime
    ended_at: datetime | None
    ended_why: str | None

    def wants(self, kind: str) -> bool:
        """Tell whether it wants events of a type."""
        return not self.types or kind in self.types


class Hooks:
    """Raises Unavailable while the database is away."""

    def __init__(
        self, sql: Sql, sealer: Sealer, clock: Clock, check_url: Callable[[str], str]
    ) -> None:
        self._sql = sql
        self._sealer = sealer
        self._clock = clock
        self._check_url = check_url

    async def create(self, service: str | None, url: str, types: frozenset[str]) -> Hook:
        """Make a webhook; its secret is in no later answer. Raises BadRequest, Conflict."""
        unknown = types - TYPES
        if unknown:
            raise BadRequest(f"types: there is no {min(unknown)}")
        url, secret, now = self._check_url(url), new_secret(), self._now()
        hook = Hook(secrets.token_hex(16), service, url, secret, types, now, None, None)
        count = sa.select(sa.func.count()).select_from(webhooks)
        async with self._sql.writing() as connection:
            query = count.where(_whose(service), webhooks.c.ended_at.is_(None))
            if (await connection.execute(query)).scalar_one() >= MAX_HOOKS:
                raise Conflict(f"at most {MAX_HOOKS} webhooks")
            values = {
                "id": hook.id,
                "service_id": service,
                "url": url,
                "secret": self._sealer.seal(secret),
                "types": " ".join(sorted(types)),
                "created_at": now,
            }
            await connection.execute(webhooks.insert().values(values))
        return hook

    async def of(self, service: str | None) -> list[Hook]:
        """Return a service's webhooks, or the operator's, the oldest first."""
        return await self._read(_whose(service))

    async def working(self) -> list[Hook]:
        """Return all that are to be called."""
        return await self._read(webhooks.c.ended_at.is_(None))

    async def remove(self, service: str | None, hook: str) -> None:
        """Call it no more and forget it. Raises NotFound, also for somebody else's."""
        async with self._sql.writing() as connection:
            statement = webhooks.delete().where(webhooks.c.id == hook, _whose(service))
            if (await connection.execute(statement)).rowcount == 0:
                raise NotFound("there is no such webhook")

    async def end(self, hook: str, why: str) -> None:
        """Call it no more; its owner sees why."""
        values = {"ended_at": self._now(), "ended_why": why[:200]}
        async with self._sql.writing() as connection:
            statement = webhooks.update().where(webhooks.c.id == hook).values(values)
            await connection.execute(statement)

    async def _read(self, where: Any) -> list[Hook]:
        query = sa.select(webhooks).where(where).order_by(webhooks.c.created_at, webhooks.c.id)
        async with self._sql.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [self._hook(row) for row in rows]

    def _hook(self, row: Any) -> Hook:
        secret = self._sealer.open(row.secret)
        types = frozenset(row.types.split())
        return Hook(
            row.id, row.service_id, row.url, secret, types, row.created_at, row.ended_at,
            row.ended_why,
        )  # fmt: skip

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.wall(), UTC)


def _whose(service: str | None) -> sa.ColumnElement[bool]:
    return webhooks.c.service_id.is_not_distinct_from(service)
