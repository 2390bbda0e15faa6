"""Services: other systems that run rooms here, each with a key and an account of its own.

The account is nobody's: its address is ``service:<id>``, which is no e-mail, so that no one signs
up or in as it. The service's rooms hold lectures of that account; everything else about a lecture
is as it is for a person's (docs/decisions/0090).
"""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.auth.sealing import Sealer
from app.core.clock import Clock
from app.core.errors import BadRequest, Conflict, Internal, NotFound
from app.core.ids import Email
from app.store.service_tables import MAX_SERVICE_NAME_CHARS, service_rooms, services
from app.store.sql import Sql
from app.store.tables import MAX_USERNAME_CHARS, accounts

ACCOUNT_PREFIX = "service:"
KEY_BYTES = 32
MIN_KEY_CHARS = 32
"""A key shorter than the hash is guessable (RFC 7518 §3.2)."""

MAX_KEY_CHARS = 256
MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Service:
    """One service. ``key`` is its secret: it is shown once, when it is made."""

    id: str
    name: str
    key: str
    is_super: bool
    """It may make and delete services."""
    full_signatures: bool
    """Calls in its name are to be signed whole: ``MAuth`` is not taken."""
    created_at: datetime

    @property
    def account(self) -> Email:
        """The address of the account that owns its lectures."""
        return service_account(self.id)

    def __repr__(self) -> str:
        return f"Service({self.id})"


def service_account(service: str) -> Email:
    """Return the address of a service's own account, which is no e-mail."""
    return Email(ACCOUNT_PREFIX + service)


def is_service_account(address: str) -> bool:
    """Tell whether a lecture's owner is a service: then it is entered by ticket alone."""
    return address.startswith(ACCOUNT_PREFIX)


class Services:
    """The services of one database; their keys lie there sealed under the server's secret.

    Every method raises Unavailable when the database is away.
    """

    def __init__(self, sql: Sql, secret: str, clock: Clock) -> None:
        self._sql = sql
        self._box = Sealer(secret, "service keys")
        self._clock = clock

    async def create(
        self,
        name: str,
        key: str | None = None,
        *,
        is_super: bool = False,
        full_signatures: bool = False,
    ) -> Service:
        """Make a service, with a key of its own or one that was agreed.

        Raises BadRequest (naming the field), and Conflict for a name that is taken.
        """
        name = checked_name(name)
        key = secrets.token_urlsafe(KEY_BYTES) if key is None else checked_key(key)
        now = datetime.fromtimestamp(self._clock.wall(), UTC)
        ident = secrets.token_hex(16)
        made = Service(ident, name, key, is_super, full_signatures, now)
        account = {
            "id": secrets.token_hex(16),
            "email": made.account,
            "username": name[:MAX_USERNAME_CHARS],
            "password_hash": "",  # matches no password
            "created_at": now,
        }
        row = {
            "id": ident,
            "name": name,
            "key_sealed": self._box.seal(key),
            "is_super": is_super,
            "full_signatures": full_signatures,
            "created_at": now,
        }
        try:
            async with self._sql.writing() as connection:
                await connection.execute(sa.insert(accounts).values(account))
                await connection.execute(sa.insert(services).values(row))
        except IntegrityError as fault:
            raise Conflict("there is a service with this name already") from fault
        return made

    async def get(self, ident: str) -> Service:
        """Return a service with its key. Raises NotFound."""
        if not ident.isascii() or len(ident) > 64:
            raise NotFound("Service not found")
        async with self._sql.reading() as connection:
            query = sa.select(services).where(services.c.id == ident)
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFound("Service not found")
        key = self._box.open(row.key_sealed)
        if key is None:
            raise Internal("this service's key was sealed under another JWT_SECRET_KEY")
        return replace(_service(row), key=key)

    async def list(self) -> list[Service]:
        """Return the services, the oldest first, without their keys."""
        query = sa.select(services).order_by(services.c.created_at, services.c.id)
        async with self._sql.reading() as connection:
            return [_service(row) for row in await connection.execute(query.limit(MAX_LISTED))]

    async def delete(self, ident: str) -> None:
        """Forget a service and its rooms; its account and its lectures stay, for the archive.

        What is live is to be ended before. Raises NotFound.
        """
        async with self._sql.writing() as connection:
            await connection.execute(
                sa.delete(service_rooms).where(service_rooms.c.service_id == ident)
            )
            done = await connection.execute(sa.delete(services).where(services.c.id == ident))
        if done.rowcount == 0:
            raise NotFound("Service not found")


def _service(row: sa.Row[Any]) -> Service:
    return Service(row.id, row.name, "", row.is_super, row.full_signatures, row.created_at)


def checked_name(text: str) -> str:
    """Return a service's name, trimmed. Raises BadRequest."""
    name = text.strip()
    if not 1 <= len(name) <= MAX_SERVICE_NAME_CHARS or not name.isprintable():
        raise BadRequest(f"name: 1 to {MAX_SERVICE_NAME_CHARS} printable characters")
    return name


def checked_key(text: str) -> str:
    """Return a service's key. Raises BadRequest, which never quotes it."""
    if not MIN_KEY_CHARS <= len(text) <= MAX_KEY_CHARS or not (
        text.isascii() and text.isprintable()
    ):
        raise BadRequest(
            f"key: {MIN_KEY_CHARS} to {MAX_KEY_CHARS} printable ASCII characters; or none"
        )
    return text
