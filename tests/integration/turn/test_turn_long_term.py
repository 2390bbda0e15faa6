"""Long-term users in coturn's own database, by turnadmin."""

import asyncio
import json
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from app.core.errors import Unavailable
from app.turn.credentials import long_term_key
from app.turn.keyring import UserRing
from app.turn.turnadmin import LongTermUsers, TurnAdmin, TurnAdminError
from tests.integration.turn.conftest import StartCoturn
from tests.integration.turn.coturns import Echo, ShiftedClock, allocate, eventually, refusal

TURNADMIN = shutil.which("turnadmin") or "turnadmin"
PERIOD, OVERLAP = 3600, 330


@pytest.fixture
def admin(tmp_path: Path) -> TurnAdmin:
    return TurnAdmin(TURNADMIN, tmp_path / "turndb", "north.gov")


async def test_users_come_and_go_as_arguments_never_through_a_shell(
    admin: TurnAdmin, tmp_path: Path
) -> None:  # T1, T2
    password = f"hero; touch {tmp_path}/owned $(touch {tmp_path}/owned) '\""
    await admin.add("gorst", password)
    await admin.add("dora", "pw")
    assert sorted(await admin.users()) == ["dora", "gorst"]
    await admin.remove("gorst")
    assert await admin.users() == ["dora"]
    await admin.remove("gorst")
    assert not (tmp_path / "owned").exists()


async def test_what_turnadmin_stores_is_the_key_of_the_specification(
    admin: TurnAdmin, tmp_path: Path
) -> None:  # T12
    await admin.add("gorst", "hero")
    with sqlite3.connect(tmp_path / "turndb") as database:
        (key,) = database.execute("select hmackey from turnusers_lt").fetchone()
    database.close()
    assert key == long_term_key("gorst", "north.gov", "hero") == "7da2270ccfa49786e0115366d3a3d14d"


async def test_a_deletion_is_what_the_list_says_not_the_exit_code(tmp_path: Path) -> None:  # T1
    liar = tmp_path / "turnadmin"
    liar.write_text('#!/bin/sh\n[ "$1" = -l ] && echo "gorst[north.gov]"\nexit 0\n')
    liar.chmod(0o755)
    with pytest.raises(TurnAdminError, match="still in the list"):
        await TurnAdmin(str(liar), tmp_path / "db", "north.gov").remove("gorst")
    with pytest.raises(TurnAdminError, match="not in the list"):
        await TurnAdmin(str(liar), tmp_path / "db", "south.gov").add("gorst", "pw")


async def test_a_turnadmin_that_is_not_there(tmp_path: Path) -> None:
    nowhere = TurnAdmin(str(tmp_path / "turnadmin"), tmp_path / "db", "r")
    with pytest.raises(TurnAdminError, match="cannot be run"):
        await nowhere.users()
    ring = UserRing(LongTermUsers(nowhere, tmp_path / "credential", PERIOD, OVERLAP))
    with pytest.raises(Unavailable):
        await ring.turn(0.0)


async def test_rotation_with_overlap_then_deletion(admin: TurnAdmin, tmp_path: Path) -> None:  # T1
    users = LongTermUsers(admin, tmp_path / "credential", PERIOD, OVERLAP)
    await users.turn(1000.0)
    first = users.credential
    await users.turn(1000.0 + PERIOD - 1)
    assert users.credential == first
    await users.turn(1000.0 + PERIOD)
    second = users.credential
    assert first
    assert second
    assert second.username != first.username
    assert set(await admin.users()) == {first.username, second.username}
    await users.turn(1000.0 + PERIOD + OVERLAP - 1)
    assert first.username in await admin.users()
    await users.turn(1000.0 + PERIOD + OVERLAP)
    assert await admin.users() == [second.username]


async def test_the_same_credential_after_a_crash(admin: TurnAdmin, tmp_path: Path) -> None:  # T4
    file = tmp_path / "credential"
    users = LongTermUsers(admin, file, PERIOD, OVERLAP)
    await users.turn(1000.0)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    kept = json.loads(file.read_text())
    assert set(kept) >= {"userid", "password", "expired_time"}
    again = LongTermUsers(admin, file, PERIOD, OVERLAP)  # nothing was said goodbye to
    again.load()
    await again.turn(1001.0)
    assert again.credential == users.credential
    file.write_text("{half a fi")
    broken = LongTermUsers(admin, file, PERIOD, OVERLAP)
    broken.load()
    assert broken.credential is None


async def test_a_coturn_without_redis_relays(start_coturn: StartCoturn, echo: Echo) -> None:  # T1
    clock = ShiftedClock()
    coturn = await start_coturn(clock, long_term=True)
    old = await coturn.issue()
    allocation = await allocate(coturn.config, old)
    await allocation.echo(echo.address, b"hello")

    clock.shift = coturn.config.secret_seconds

    async def is_new() -> bool:
        return (await coturn.issue()).username != old.username

    await eventually(is_new)
    new = await coturn.issue()
    assert await refusal(coturn.config, new) is None
    assert await refusal(coturn.config, old) is None, "until the overlap is over"
    clock.shift += coturn.config.overlap_seconds
    admin = coturn.role.monitor._keyring._users._admin

    async def is_deleted() -> bool:
        return old.username not in await admin.users()

    await eventually(is_deleted)
    assert await refusal(coturn.config, old) == 401
    await allocation.echo(echo.address, b"the live one goes on")
    await allocation.close()
    await asyncio.sleep(0)
