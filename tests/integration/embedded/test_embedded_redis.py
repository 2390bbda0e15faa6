"""The embedded Redis: a real redis-server over real files."""

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from app.store import embedded
from app.store.embedded import EmbeddedRedis, EmbeddedRedisError


@contextmanager
def running(server: EmbeddedRedis) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(server.command())
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=10)
        server.close()


@pytest.fixture(params=["on PATH", "bundled"])
def executable(request: pytest.FixtureRequest) -> str:
    if request.param == "on PATH":
        return embedded.find_server()
    found = embedded.bundled()
    assert found is not None
    return found


async def test_acknowledged_writes_survive_a_kill(tmp_path: Path, executable: str) -> None:
    server = EmbeddedRedis(tmp_path / "redis", executable)
    server.prepare()
    with running(server) as process:
        await server.wait_until_ready()
        with redis.Redis.from_url(server.url) as client:
            client.set("question", "why?")
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
    again = EmbeddedRedis(tmp_path / "redis", executable)
    again.prepare()
    with running(again):
        await again.wait_until_ready()
        with redis.Redis.from_url(again.url) as client:
            assert client.get("question") == b"why?"


async def test_it_is_durable_never_evicts_and_listens_on_no_port(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "redis")
    server.prepare()
    with running(server):
        await server.wait_until_ready()
        with redis.Redis.from_url(server.url, decode_responses=True) as client:
            for name, value in {
                "appendonly": "yes",
                "appendfsync": "always",
                "maxmemory-policy": "noeviction",
                "save": "",
                "port": "0",
            }.items():
                assert client.config_get(name) == {name: value}
        assert stat.S_IMODE((tmp_path / "redis").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "redis" / "redis.sock").stat().st_mode) == 0o700


async def test_a_dead_servers_socket_is_no_obstacle(tmp_path: Path) -> None:
    first = EmbeddedRedis(tmp_path / "redis")
    first.prepare()
    process = subprocess.Popen(first.command())
    await first.wait_until_ready()
    process.kill()
    process.wait(timeout=10)
    assert (tmp_path / "redis" / "redis.sock").exists(), "a killed server leaves its socket"
    second = EmbeddedRedis(tmp_path / "redis")
    second.prepare()
    with running(second):
        await second.wait_until_ready()


async def test_a_path_with_spaces_or_longer_than_a_socket_address_works(tmp_path: Path) -> None:
    for folder in (tmp_path / "my 'data' ü", tmp_path / ("deep" * 30)):
        server = EmbeddedRedis(folder)
        server.prepare()
        assert len(server.url.removeprefix("unix://").encode()) < 108
        with running(server):
            await server.wait_until_ready()
            with redis.Redis.from_url(server.url) as client:
                assert client.set("a", "b")
            assert any(folder.rglob("*.aof")), "its data is in the folder it was given"
        assert not Path(server.url.removeprefix("unix://")).exists()


async def test_a_server_that_cannot_start_is_a_sentence_with_its_last_words(
    tmp_path: Path,
) -> None:
    server = EmbeddedRedis(tmp_path / "redis")
    server.prepare()
    (tmp_path / "redis" / "redis.log").write_text("Bad file format reading the append only file\n")
    with pytest.raises(EmbeddedRedisError, match="Bad file format"):
        await server.wait_until_ready(start_timeout=0.1)


def test_without_a_usable_server_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=5.0.7 sha=00000000:0'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    assert embedded.version(str(old)) == (5, 0)
    assert embedded.find_server() == embedded.bundled(), "an old one on PATH is passed over"
    monkeypatch.setattr(embedded, "bundled", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedRedisError, match=r"6\.2 or newer"):
        embedded.find_server()


def test_valkey_says_its_version_in_the_same_way(tmp_path: Path) -> None:
    valkey = tmp_path / "valkey-server"
    valkey.write_text("#!/bin/sh\necho 'Valkey server v=8.1.3 sha=00000000:0 malloc=libc'\n")
    valkey.chmod(0o755)
    assert embedded.version(str(valkey)) == (8, 1)
    assert embedded.version(str(tmp_path / "missing")) is None
