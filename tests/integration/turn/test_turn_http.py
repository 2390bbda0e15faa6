"""``GET /turncredential``, and what several api processes hand out."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from app.auth.principal import Account
from app.auth.tokens import UserTokens
from app.core.clock import SystemClock
from app.core.ids import Email
from app.store.redis import Redis
from app.transport.http.app import create_http
from app.transport.http.config import HttpConfig
from app.turn.service import TurnServers
from app.turn.store import TurnStore
from tests.integration.turn.conftest import StartCoturn
from tests.integration.turn.coturns import KEY, Credential, refusal

SECRET = "the tests' secret of at least 32 bytes"


async def yes() -> bool:
    return True


def api(turn: TurnServers | None, tmp_path: Path) -> httpx.AsyncClient:
    app = create_http(
        HttpConfig(allowed_origins=("https://class.example",), web_dist=tmp_path),
        accounts=SimpleNamespace(),
        catalogue=SimpleNamespace(),
        tokens=UserTokens(SECRET),
        lectures=SimpleNamespace(),
        redis_ready=yes,
        sql_ready=yes,
        relay_ready=yes,
        clock=SystemClock(),
        turn=turn,
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://lectern.test")


def token(name: str) -> dict[str, str]:
    account = Account(Email(f"{name}@example.org"), name)
    return {"Authorization": UserTokens(SECRET).issue(account, time.time())}


@pytest.fixture
async def servers(redis: Redis) -> AsyncIterator[TurnServers]:
    turn = TurnServers(TurnStore(redis), KEY, "", 300, SystemClock())
    yield turn
    await turn.close()


async def test_json_with_the_old_names(
    start_coturn: StartCoturn, servers: TurnServers, tmp_path: Path
) -> None:  # T3
    coturn = await start_coturn()
    await servers.look()
    async with api(servers, tmp_path) as client:
        answer = await client.get("/turncredential", headers=token("ada"))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["type"], body["code"]) == ("result", "ok")
    assert body["expired_time"] == int(body["userid"].partition(":")[0]) * 1000
    assert 0 < body["expired_time"] / 1000 - time.time() <= 301
    (server,) = body["iceServers"]
    assert server["urls"] == list(coturn.config.urls)
    assert (server["username"], server["credential"]) == (body["userid"], body["password"])
    good = Credential(body["userid"], body["password"], 0)
    assert await refusal(coturn.config, good) is None


async def test_nobody_gets_one_without_an_account(servers: TurnServers, tmp_path: Path) -> None:
    async with api(servers, tmp_path) as client:  # T3
        assert (await client.get("/turncredential")).status_code == 401
        forged = {"Authorization": "eyJhbGciOiJub25lIn0.e30."}
        assert (await client.get("/turncredential", headers=forged)).status_code == 401


@pytest.mark.parametrize("is_on", [True, False])
async def test_503_when_there_is_none(is_on: bool, servers: TurnServers, tmp_path: Path) -> None:
    await servers.look()  # T3
    async with api(servers if is_on else None, tmp_path) as client:
        answer = await client.get("/turncredential", headers=token("ada"))
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"


async def test_two_instances_give_everybody_a_credential_of_their_own(
    start_coturn: StartCoturn, redis: Redis, servers: TurnServers, tmp_path: Path
) -> None:  # X20
    coturn = await start_coturn()
    other = TurnServers(TurnStore(redis), KEY, "", 300, SystemClock())
    for instance in (servers, other):
        await instance.look()
    bodies = []
    for instance, name in ((servers, "ada"), (other, "ada"), (other, "bob")):
        async with api(instance, tmp_path) as client:
            answer = await client.get("/turncredential", headers=token(name))
            assert "access-control-allow-origin" not in answer.headers
            bodies.append(answer.json())
    names = [body["userid"].partition(":")[2] for body in bodies]
    assert names[0] == names[1] != names[2], "one name per person, whichever instance is asked"
    for body in bodies:
        credential = Credential(body["userid"], body["password"], 0)
        assert await refusal(coturn.config, credential) is None


async def test_what_one_instance_throws_out_no_other_gives_back(
    start_coturn: StartCoturn, redis: Redis, servers: TurnServers
) -> None:
    coturn = await start_coturn()
    other = TurnServers(TurnStore(redis), KEY, "", 300, SystemClock())
    for instance in (servers, other):
        await instance.look()
    issued = other.issue("004217", "eve@example.org")
    await servers.revoke("004217", "eve@example.org")
    assert await refusal(coturn.config, issued.servers[0].credential) == 401
    await other.look()
    assert not other.is_good(issued, "004217", "eve@example.org")
    await other.close()
