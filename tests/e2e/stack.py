"""The whole server as an operator starts it, and a second web server on another origin."""

import functools
import http.server
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.ports import free_port, free_range

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
READY_SECONDS = 60.0
STOP_SECONDS = 30.0

MOST_RELAYS = os.cpu_count() or 1
"""Of one server, unless a test says how many: each has a port of its own."""


def build_web_client() -> None:
    """Build the web client where it is missing."""
    if (WEB / "dist" / "index.html").exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("the end-to-end tests need Node: there is no npm on PATH")
    for command in (["ci"], ["run", "build"]):
        subprocess.run([npm, *command], cwd=WEB, check=True, timeout=600)


class Stack:
    """``python -m app serve`` on free ports with a data folder of its own; a context manager."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._log = folder / "serve.log"
        self._port = free_port()
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("LECTERN_")
                and name not in {"REDIS_URL", "DATABASE_URL", "JWT_SECRET_KEY"}
            },
            "LECTERN_PORT": str(self._port),
            "LECTERN_MEDIA_PORT": str(free_range(MOST_RELAYS)),
            "LECTERN_DATA_DIR": str(folder / "data"),
            **settings,
        }

    @property
    def url(self) -> str:
        """The server's origin."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def service_token(self) -> str:
        """The operator's token, which the development mode made."""
        return (self._folder / "data" / "service-token").read_text().strip()

    def log(self) -> str:
        """Return the end of what the server wrote."""
        return self._log.read_text(errors="replace")[-8000:] if self._log.exists() else ""

    def kill(self, role: str) -> None:
        """Kill the child that runs ``role`` without warning, as a crash would."""
        server = self._process.pid
        children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        for child in children:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if words[1:4] == [b"-m", b"app", role.encode()]:
                os.kill(int(child), signal.SIGKILL)
                return
        raise AssertionError(f"no child runs {role}")

    def __enter__(self) -> Self:
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve"],
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=output,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> int:
        """End it as an operator does; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"serve ended with {self._process.returncode}:\n{self.log()}")
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"serve was not ready in {READY_SECONDS:g} s:\n{self.log()}")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        pass


class OtherOrigin:
    """A web server that serves one folder from an origin that is not the server's."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(_Quiet, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        serve = functools.partial(self._server.serve_forever, poll_interval=0.02)
        self._thread = threading.Thread(target=serve, daemon=True)

    @property
    def url(self) -> str:
        """That origin."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
