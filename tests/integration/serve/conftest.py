"""``python -m app serve`` as an operator starts it, on free ports and a folder of its own."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from bench.ports import free_port, free_range

ROOT = Path(__file__).parents[3]
START_SECONDS = 60.0
MOST_RELAYS = 2  # each has a port of its own
STOP_SECONDS = 30.0
"""What is promised: a stop is done in 30 s, however it went before."""


def clean_environment(**changes: str) -> dict[str, str]:
    """Return this environment without any setting, but for ``changes``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LECTERN_")
        and name not in {"REDIS_URL", "DATABASE_URL", "JWT_SECRET_KEY", "CI"}
    }
    return kept | changes


class Served:
    """One running ``serve`` and all that it has printed."""

    def __init__(self, data: Path, **changes: str) -> None:
        self.data = data
        self.port = free_port()
        self.media_port = free_range(MOST_RELAYS)
        settings = {
            "LECTERN_PORT": str(self.port),
            "LECTERN_MEDIA_PORT": str(self.media_port),
            "LECTERN_RELAYS": "1",
            "LECTERN_DATA_DIR": str(data),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"],
            cwd=ROOT,
            env=clean_environment(**(settings | changes)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.said)

    def wait_for(self, part: str, seconds: float = START_SECONDS) -> str:
        """Return the next line that holds ``part``; fail with the output after ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"{part!r} was not said in {seconds} s:\n{self.output}")
            if part in line:
                return line

    def child(self, *words: str) -> psutil.Process | None:
        """Return the child whose command line holds all ``words``."""
        for child in psutil.Process(self.process.pid).children():
            try:
                if all(word in " ".join(child.cmdline()) for word in words):
                    return child
            except psutil.Error:
                continue
        return None

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(timeout=STOP_SECONDS)
        self._reader.join(timeout=5)
        return code

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)
        self._reader.join(timeout=10)  # its children hold the pipe until they have ended
        assert self.process.stdout is not None
        self.process.stdout.close()


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers; whatever a test leaves of them is ended."""
    started: list[Served] = []

    def start(data: Path = tmp_path / "data", **changes: str) -> Served:
        served = Served(data, **changes)
        started.append(served)
        return served

    yield start
    for served in started:
        served.clean_up()
