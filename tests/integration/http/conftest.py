"""The HTTP application over each kind of database, and a client of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.auth.accounts import Accounts
from app.auth.attempts import AttemptLimits
from app.auth.passwords import PasswordConfig, Passwords
from app.auth.tokens import UserTokens
from app.core.errors import NotFound
from app.core.ids import Email, RoomId
from app.rooms.catalogue import Catalogue
from app.store.sql import Sql
from app.transport.http.app import create_http
from app.transport.http.config import HttpConfig
from tests.manual_clock import ManualClock

SERVICE_TOKEN = "the operator's service token, long enough"


@dataclass
class Endings:
    """Plays app.lecture: keeps what was ended, and ends it in the catalogue."""

    catalogue: Catalogue
    by_owner: list[tuple[Email, RoomId]] = field(default_factory=list)
    by_service: list[tuple[RoomId, str | None]] = field(default_factory=list)

    async def end_by_owner(self, email: Email, room: RoomId) -> None:
        await self._end(room, None)
        self.by_owner.append((email, room))

    async def end_by_service(self, room: RoomId, audio: str | None) -> None:
        await self._end(room, audio)
        self.by_service.append((room, audio))

    async def _end(self, room: RoomId, audio: str | None) -> None:
        lecture = await self.catalogue.open_by_code(room)
        if lecture is None:
            raise NotFound("no such lecture")
        await self.catalogue.ended(lecture.id, audio)


@dataclass
class Parts:
    """Which parts say that they are ready."""

    redis: bool = True
    relay: bool = True


@dataclass
class Site:
    """One server and its test's handles on it."""

    app: FastAPI
    client: httpx.AsyncClient
    clock: ManualClock
    sql: Sql
    catalogue: Catalogue
    endings: Endings
    parts: Parts
    tokens: UserTokens

    async def sign_up(self, name: str = "Ada") -> dict[str, str]:
        """Make an account and return the headers of its owner."""
        email = f"{name.lower()}@example.org"
        body = {"username": name, "email": email, "password": "secret"}
        made = await self.client.post("/auth/signup", json=body)
        assert made.status_code == 201, made.text
        return await self.sign_in(email)

    async def sign_in(self, email: str) -> dict[str, str]:
        body = {"email": email, "password": "secret"}
        answer = await self.client.post("/auth/signin", json=body)
        assert answer.status_code == 200, answer.text
        return {"Authorization": answer.json()["token"]}

    async def lecture(self, owner: dict[str, str], title: str = "Graphs") -> str:
        body = {"title": title, "description": "All of them", "email": "ada@example.org"}
        made = await self.client.post("/lecture", json=body, headers=owner)
        assert made.status_code == 201, made.text
        return str(made.json()["code"])


@pytest.fixture
async def site(tables_url: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Site]:
    sql = Sql(tables_url)
    await sql.open()
    passwords = Passwords(PasswordConfig(memory_kib=64, passes=1))
    catalogue = Catalogue(sql, clock)
    endings, parts = Endings(catalogue), Parts()
    tokens = UserTokens("the tests' secret of at least 32 bytes")

    async def redis_ready() -> bool:
        return parts.redis

    async def relay_ready() -> bool:
        if not parts.relay:
            raise RuntimeError("no relay")
        return True

    app = create_http(
        HttpConfig(
            allowed_origins=("https://class.example",),
            web_dist=tmp_path / "dist",
            service_token=SERVICE_TOKEN,
            sign_in_limits=AttemptLimits(per_email_and_address=3),
        ),
        accounts=Accounts(sql, passwords, clock),
        catalogue=catalogue,
        tokens=tokens,
        lectures=endings,
        redis_ready=redis_ready,
        sql_ready=sql.ready,
        relay_ready=relay_ready,
        clock=clock,
    )
    transport = httpx.ASGITransport(app, client=("192.0.2.1", 4000))
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern.test") as client:
        yield Site(app, client, clock, sql, catalogue, endings, parts, tokens)
    passwords.close()
    await sql.close()
