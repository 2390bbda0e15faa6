"""``python -m app service``: a service is made, and its key opens the server API."""

import asyncio
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import __main__ as command_line
from app.auth.services import Services
from app.core.clock import SystemClock
from app.core.errors import Internal
from app.store.sql import Sql

SECRET = "the operator's secret of at least 32 bytes"


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("LECTERN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    return CliRunner()


def test_a_service_is_made_and_its_key_is_shown_once(operator: CliRunner) -> None:
    made = operator.invoke(command_line.main, ["service", "create", "Campus", "--super"])
    assert made.exit_code == 0, made.output
    found = re.fullmatch(r"id: ([0-9a-f]{32})\nkey: (\S{43})\n", made.stdout)
    assert found, made.stdout
    listed = operator.invoke(command_line.main, ["service", "list"])
    assert listed.stdout == f"{found[1]}  super  Campus\n"
    again = operator.invoke(command_line.main, ["service", "create", "Campus"])
    assert again.exit_code != 0
    assert "already" in again.stderr
    blank = operator.invoke(command_line.main, ["service", "create", "  "])
    assert blank.exit_code != 0
    assert blank.stderr.startswith("name: ")


async def test_a_key_opens_under_the_secret_that_sealed_it_alone(
    operator: CliRunner, tmp_path: Path
) -> None:
    made = await asyncio.to_thread(
        operator.invoke, command_line.main, ["service", "create", "Campus"]
    )
    ident, key = re.findall(r": (\S+)", made.stdout)
    sql = Sql(f"sqlite:///{tmp_path}/lectern.sqlite3")
    await sql.open()
    assert (await Services(sql, SECRET, SystemClock()).get(ident)).key == key
    with pytest.raises(Internal, match="JWT_SECRET_KEY"):
        await Services(sql, SECRET + "x", SystemClock()).get(ident)
    await sql.close()
