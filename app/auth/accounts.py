"""Accounts: made, proved, looked up, renamed."""

import re
import secrets
import unicodedata
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.auth.addresses import known_email, new_email
from app.auth.passwords import Passwords
from app.auth.principal import Account
from app.core.clock import Clock
from app.core.errors import BadRequest, Conflict, NotFound, Unauthorized
from app.core.ids import Email
from app.store.sql import Sql
from app.store.tables import MAX_USERNAME_CHARS, accounts

MIN_PASSWORD_CHARS = 1
"""Lenient for the sign-ups of existing clients; our own client asks for more (decision 0031)."""

MAX_PASSWORD_CHARS = 1000

_UNFIT = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
USERNAME_PATTERN = rf"^[^{_UNFIT}]*[^\s{_UNFIT}][^{_UNFIT}]*$"
"""No control characters, no line ends, no turns of the writing direction, not blank."""


class Accounts:
    """The accounts of one database. Every method raises Unavailable when it is away."""

    def __init__(self, sql: Sql, passwords: Passwords, clock: Clock) -> None:
        self._sql = sql
        self._passwords = passwords
        self._clock = clock

    async def create(self, username: str, email: str, password: str) -> Account:
        """Make an account. Raises BadRequest (naming the field) and Conflict (known e-mail)."""
        name = checked_username(username)
        address = new_email(email)
        if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
            raise BadRequest(f"password: {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")
        if await self._find(address) is not None:  # before the work of a hash
            raise Conflict("there is an account with this e-mail already")
        hashed = await self._passwords.hash(password)
        row = {
            "id": secrets.token_hex(16),
            "email": address,
            "username": name,
            "password_hash": hashed,
            "created_at": datetime.fromtimestamp(self._clock.wall(), UTC),
        }
        try:
            async with self._sql.writing() as connection:
                await connection.execute(sa.insert(accounts).values(row))
        except IntegrityError as fault:
            raise Conflict("there is an account with this e-mail already") from fault
        return Account(address, name)

    async def verify(self, email: str, password: str) -> Account:
        """Return the account whose password this is.

        An unknown e-mail costs what a wrong password costs, and both raise the same NotFound.
        """
        address = known_email(email)
        found = await self._find(address) if address is not None else None
        account, stored = found if found is not None else (None, None)
        matches = await self._passwords.matches(password[:MAX_PASSWORD_CHARS], stored)
        if account is None or not matches or len(password) > MAX_PASSWORD_CHARS:
            raise NotFound("no account with this e-mail and password")
        return account

    async def get(self, email: Email) -> Account:
        """Return the account of a signed-in e-mail. Raises Unauthorized when it is gone."""
        found = await self._find(email)
        if found is None:
            raise Unauthorized("this account is gone")
        return found[0]

    async def rename(self, email: Email, username: str) -> Account:
        """Give the account another name. Raises BadRequest, and Unauthorized when it is gone."""
        name = checked_username(username)
        async with self._sql.writing() as connection:
            done = await connection.execute(
                sa.update(accounts).where(accounts.c.email == email).values(username=name)
            )
        if done.rowcount == 0:
            raise Unauthorized("this account is gone")
        return Account(email, name)

    async def _find(self, email: Email) -> tuple[Account, str] | None:
        query = sa.select(accounts.c.username, accounts.c.password_hash).where(
            accounts.c.email == email
        )
        async with self._sql.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else (Account(email, row.username), row.password_hash)


def checked_username(text: str) -> str:
    """Return the name, trimmed. Raises BadRequest unless it can be shown in one line.

    Joiners are good (emoji and Persian names have them); control characters and those that turn
    the direction of what stands around a name are not.
    """
    name = text.strip()
    visible = any(not (unicodedata.category(each) == "Cf" or each.isspace()) for each in name)
    if not visible or len(name) > MAX_USERNAME_CHARS or not re.fullmatch(USERNAME_PATTERN, name):
        raise BadRequest(f"username: 1 to {MAX_USERNAME_CHARS} printable characters")
    return name
