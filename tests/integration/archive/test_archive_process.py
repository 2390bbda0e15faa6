"""The archive in a real api process, and the operator's command that erases somebody."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.core.clock import SystemClock
from app.core.ids import NodeId
from app.rooms.catalogue import Catalogue
from app.rooms.store import RoomStore
from app.store.migrate import migrate
from app.store.redis import Redis
from app.store.sql import Sql
from app.whiteboard.service import Boards
from app.whiteboard.store import RedisBoardStore
from bench.ports import free_port
from tests.integration.archive.test_archive_log import whole
from tests.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 100


def environment(redis: RedisServer, folder: Path, port: int) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("LECTERN_")},
        "REDIS_URL": redis.url,
        "LECTERN_DATA_DIR": str(folder),
        "LECTERN_PORT": str(port),
        "LECTERN_RECORDING": "off",
    }


async def run(*arguments: str, env: dict[str, str]) -> tuple[int, str]:
    """Run one command of the server to its end; return its status and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", *arguments, cwd=ROOT, env=env,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(SECONDS):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


class Api:
    """One api process, that may be killed and started again."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{env['LECTERN_PORT']}")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", "api", cwd=ROOT, env=self.env,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(SECONDS):
            while not await self._answers():
                await asyncio.sleep(0.1)

    async def _answers(self) -> bool:
        try:
            return (await self.client.get("/health")).status_code == 200
        except httpx.TransportError:
            return False

    async def end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            async with asyncio.timeout(SECONDS):
                assert await process.wait() in {0, -how}


@pytest.fixture
async def api(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Api]:
    port = free_port()
    await migrate(f"sqlite:///{tmp_path}/lectern.sqlite3")
    made = Api(environment(redis_server, tmp_path, port))
    await made.start()
    yield made
    await made.end(signal.SIGTERM)
    await made.client.aclose()


async def signed_in(client: httpx.AsyncClient, name: str) -> dict[str, str]:
    account = {"username": name, "email": f"{name}@example.org", "password": "secret"}
    assert (await client.post("/auth/signup", json=account)).status_code == 201
    answer = await client.post("/auth/signin", json=account)
    return {"Authorization": answer.json()["token"]}


@pytest.mark.timeout(300)
async def test_a_lecture_from_its_room_to_its_record(
    api: Api, redis_server: RedisServer, tmp_path: Path
) -> None:
    client = api.client
    ada = await signed_in(client, "ada")
    made = await client.post("/lecture", json={"title": "Graphs"}, headers=ada)
    redis, sql = Redis(redis_server.url), Sql(f"sqlite:///{tmp_path}/lectern.sqlite3")
    await redis.open()
    await sql.open()
    catalogue, rooms = Catalogue(sql, SystemClock()), RoomStore(redis)
    boards = Boards(RedisBoardStore(redis))
    lecture = await catalogue.open_by_code(made.json()["code"])
    assert lecture is not None
    await rooms.claim(
        lecture.code, lecture.id, lecture.owner_email, "api/1", 60, seen=(0, None),
        relay=NodeId("r"),
    )  # fmt: skip
    await catalogue.started(lecture.id)

    # Killed while it archives: some boards are stored, some wait, and each replaces the one before.
    for number in range(40):
        await boards.edit(lecture.code, 1, whole(number))
        await asyncio.sleep(0.04)
    await api.end(signal.SIGKILL)
    for number in range(40, 50):
        await boards.edit(lecture.code, 1, whole(number))
    await api.start()
    ended = await client.patch("/lecture/end", json={"code": lecture.code}, headers=ada)
    assert ended.status_code == 200
    async with asyncio.timeout(SECONDS):
        while True:
            (listed,) = (await client.get("/lecture/list", headers=ada)).json()
            if listed["state"] not in {"live", "archiving"}:
                break
            await asyncio.sleep(0.2)
    assert listed["state"] == "ready"
    record = (await client.get(f"/lecture/record/{lecture.id}", headers=ada)).json()
    drawn = [bytes(log["objects"]) for log in record["logs"]]
    assert drawn == [whole(number).objects for number in range(50)]
    await sql.close()
    await redis.close()

    status, said = await run("erase", "Ada@example.org", env=api.env)
    assert (status, "erased, with 1 lectures" in said) == (0, True), said
    assert (await client.get("/profile", headers=ada)).status_code == 401
    for path in (*redis_server.folder.rglob("*"), *tmp_path.rglob("*")):
        if path.is_file():
            assert b"ada@example.org" not in path.read_bytes(), path
