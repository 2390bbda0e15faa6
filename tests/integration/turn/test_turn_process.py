"""``python -m app turn`` as a process: what is left of it, however it ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from app.store.redis import Redis
from app.turn.store import TurnStore
from tests.integration.serve.conftest import ROOT, clean_environment
from tests.integration.turn.coturns import (
    KEY,
    ShiftedClock,
    TurnServers,
    eventually,
    free_port,
    refusal,
    turn_config,
)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
async def turn(redis_url: str, tmp_path: Path) -> AsyncIterator[Start]:
    config = turn_config(tmp_path / "unused")
    settings = {
        "REDIS_URL": redis_url,
        "LECTERN_DATA_DIR": str(tmp_path / "data"),
        "LECTERN_TURN_PORT": str(config.port),
        "LECTERN_TURN_FIRST_PORT": str(config.relay_ports[0]),
        "LECTERN_TURN_LAST_PORT": str(config.relay_ports[1]),
        "LECTERN_TURN_METRICS_PORT": str(free_port()),
    }
    started: list[subprocess.Popen[str]] = []

    def start(**changes: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "turn"],
            cwd=ROOT,
            env=clean_environment(**(settings | changes)),
            stderr=subprocess.PIPE,
            text=True,
        )
        process.config = config
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(timeout=10)
        process.stderr.close()


@pytest.fixture
async def servers(redis_url: str) -> AsyncIterator[TurnServers]:
    redis = Redis(redis_url)
    await redis.open()
    yield TurnServers(TurnStore(redis), KEY, "", 300, ShiftedClock())
    await redis.close()


async def test_killed_it_vanishes_and_its_credentials_are_good_when_it_is_back(
    turn: Start, servers: TurnServers
) -> None:  # T4, T5
    process = turn()

    async def is_offered() -> bool:
        await servers.look()
        return bool(servers.issue("004217", "ada@example.org").servers)

    async def is_gone() -> bool:
        return not await is_offered()

    await eventually(is_offered, 30)
    given = servers.issue("004217", "ada@example.org").servers[0].credential
    (coturn,) = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    assert await eventually(is_gone, 10) < 10.0
    psutil.wait_procs([coturn], timeout=5)
    assert not coturn.is_running(), "it does not outlive its monitor"

    turn()
    await eventually(is_offered, 30)
    assert await refusal(process.config, given) is None


async def test_asked_to_end_it_leaves_at_once_and_takes_coturn_along(
    turn: Start, servers: TurnServers
) -> None:  # T9
    process = turn()

    async def is_offered() -> bool:
        await servers.look()
        return bool(servers.issue("004217", "ada@example.org").servers)

    await eventually(is_offered, 30)
    (coturn,) = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 10) == 0
    assert not coturn.is_running()
    assert not await is_offered(), "left, not merely silent"


def test_without_coturn_it_says_so(turn: Start, tmp_path: Path) -> None:
    process = turn(PATH=str(tmp_path))
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "there is no turnserver on PATH" in said
