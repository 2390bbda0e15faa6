"""The storage against a real server that speaks S3, and one that fails."""

import asyncio
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.core.errors import NotFound, Unavailable
from app.recording.storage.port import StoredObject
from app.recording.storage.s3 import PART_BYTES, S3Config, S3Storage
from bench.ports import free_port

LECTURE = "0123456789abcdef0123456789abcdef"
BUCKET = "lectures"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The endpoint of a server with an empty bucket."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")
                urllib.request.urlopen(request, timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.1)
        yield endpoint
    finally:
        process.kill()
        process.wait()


def storage_at(endpoint: str, secret: str = "secret") -> S3Storage:
    return S3Storage(
        S3Config.of(
            f"s3://{BUCKET}/lectern/here",
            endpoint=endpoint,
            region="eu-central-1",
            key_id="key",
            secret=secret,
        )
    )


class Hurdle:
    """A proxy before the server, which breaks the first connections off or answers 503."""

    def __init__(self, endpoint: str, breaks: int) -> None:
        self._target = urllib.parse.urlsplit(endpoint)
        self.breaks = breaks
        self.connections = 0

    async def open(self) -> str:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    async def close(self) -> None:
        self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.connections <= self.breaks:
                await reader.readuntil(b"\r\n\r\n")
                if self.connections % 2:
                    writer.write(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n")
                    await writer.drain()
                return
            up, down = await asyncio.open_connection(self._target.hostname, self._target.port)
            await asyncio.gather(_copy(reader, down), _copy(up, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
    target.close()


@pytest.fixture
async def hurdle(server: str) -> AsyncIterator[Hurdle]:
    made = Hurdle(server, breaks=0)
    yield made
    await made.close()


def get(url: str, span: str) -> tuple[int, str, bytes]:
    request = urllib.request.Request(url, headers={"Range": span})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.status, answer.headers["Content-Type"], answer.read()


@pytest.mark.parametrize("size", [0, 1000, 2 * PART_BYTES + 7])
async def test_a_file_goes_up_and_comes_back(server: str, tmp_path: Path, size: int) -> None:
    storage = storage_at(server)
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes((bytes(range(256)) * (size // 256 + 1))[:size])
    key = f"{LECTURE}/raw/camera-{size}.webm"
    await storage.put(key, source, "video/webm")
    assert StoredObject(key, size) in await storage.names(f"{LECTURE}/raw/")
    assert await storage.names(f"{'f' * 32}/") == []
    await storage.fetch(key, back)
    assert back.read_bytes() == source.read_bytes()
    if size:
        url = await storage.url(key, 60, 0)
        assert "X-Amz-Signature" in url
        assert "X-Amz-Expires=60" in url
        assert await asyncio.to_thread(get, url, "bytes=10-19") == (
            206,
            "video/webm",
            source.read_bytes()[10:20],
        )
    await storage.delete(key)
    await storage.delete(key)  # one that is not there is fine
    assert await storage.names(f"{LECTURE}/raw/") == []
    with pytest.raises(NotFound):
        await storage.fetch(key, back)


async def test_requests_that_fail_are_tried_again(hurdle: Hurdle, tmp_path: Path) -> None:
    hurdle.breaks = 2
    storage = storage_at(await hurdle.open())
    source = tmp_path / "source"
    source.write_bytes(b"sound")
    await storage.put(f"{LECTURE}/again.webm", source, "audio/webm")
    assert hurdle.connections > 2
    assert [one.bytes for one in await storage.names(f"{LECTURE}/")] == [5]
    await storage.delete(f"{LECTURE}/again.webm")


async def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    storage = storage_at(f"http://127.0.0.1:{free_port()}")
    source = tmp_path / "source"
    source.write_bytes(b"sound")
    calls = [
        storage.put(f"{LECTURE}/a.webm", source, "audio/webm"),
        storage.names(f"{LECTURE}/"),
        storage.fetch(f"{LECTURE}/a.webm", tmp_path / "b"),
        storage.delete(f"{LECTURE}/a.webm"),
    ]
    for answer in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(answer, Unavailable)
        assert "127.0.0.1" not in answer.message
    assert source.read_bytes() == b"sound"  # still there, to be tried again


def test_an_address_is_a_bucket_with_or_without_a_prefix() -> None:
    def read(url: str) -> S3Config:
        return S3Config.of(url, endpoint=None, region="r", key_id="k", secret="s")

    assert (read("s3://b").bucket, read("s3://b").prefix) == ("b", "")
    assert (read("s3://b/p/q/").bucket, read("s3://b/p/q/").prefix) == ("b", "p/q")
    assert "secret" not in repr(read("s3://b"))
    for wrong in ("s3://", "https://b/p", "b", "s3://b?x=1"):
        with pytest.raises(ValueError, match="s3://"):
            read(wrong)
