"""``serve``: it comes up by itself, heals itself and ends cleanly."""

import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.integration.serve.conftest import Serve, Served

pytestmark = pytest.mark.usefixtures("foremost")


def status(served: Served, path: str) -> int | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{served.port}{path}", timeout=3) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code
    except OSError:
        return None


def wait_until(what: str, seconds: float, served: Served, *words: str, other_than: int) -> float:
    """Return the seconds until a new child with ``words`` runs and the server is ready."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        child = served.child(*words)
        if child is not None and child.pid != other_than:
            return time.monotonic() - began
        time.sleep(0.02)
    pytest.fail(f"no new {what} in {seconds} s:\n{served.output}")


def wait_ready(served: Served, seconds: float) -> None:
    began = time.monotonic()
    while status(served, "/ready") != 200:
        if time.monotonic() - began > seconds:
            pytest.fail(f"not ready again in {seconds} s:\n{served.output}")
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_comes_up_and_ends_cleanly(serve: Serve, how: signal.Signals) -> None:
    served = serve()
    line = served.wait_for("Lectern is ready")
    assert line == f"Lectern is ready: open http://127.0.0.1:{served.port} (Ctrl-C ends it)"
    assert status(served, "/ready") == 200, "the line is said when it is true"
    assert status(served, "/health") == 200
    children = psutil.Process(served.process.pid).children(recursive=True)
    commands = [" ".join(child.cmdline()) for child in children]
    for part in ("redis", "app relay", "app api"):
        assert any(part in command for command in commands), commands
    assert served.end(how) == 0
    assert "Traceback" not in served.output
    _, left = psutil.wait_procs(children, timeout=1)
    left = [child for child in left if child.status() != psutil.STATUS_ZOMBIE]
    assert not left, "no child is left"
    for port, kind in (
        (served.port, socket.SOCK_STREAM),
        (served.media_port, socket.SOCK_DGRAM),
    ):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))


def test_all_on_this_machine_alone_and_the_secrets_for_the_owner(serve: Serve) -> None:
    served = serve()
    served.wait_for("Lectern is ready")
    for process in psutil.Process(served.process.pid).children(recursive=True):
        for connection in process.net_connections(kind="inet"):
            assert connection.laddr.ip == "127.0.0.1"
    for name in ("jwt-secret", "service-token"):
        assert (served.data / name).stat().st_mode & 0o777 == 0o600


def test_a_killed_child_is_back_within_3_seconds(serve: Serve) -> None:
    served = serve()
    served.wait_for("Lectern is ready")
    for what, words in {  # relays: test_serve_pool.py
        "api": ("app api",),
        "redis": ("redis",),
    }.items():
        child = served.child(*words)
        assert child is not None, served.output
        child.kill()
        assert wait_until(what, 3.0, served, *words, other_than=child.pid) < 3.0
        wait_ready(served, 15.0)
    assert served.end() == 0
    assert "Traceback" not in served.output


def test_no_child_outlives_a_killed_supervisor_and_the_next_run_starts(serve: Serve) -> None:
    served = serve()
    served.wait_for("Lectern is ready")
    children = psutil.Process(served.process.pid).children(recursive=True)
    served.process.kill()
    served.process.wait(timeout=5)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    again = serve()
    again.wait_for("Lectern is ready")
    assert again.end() == 0


def test_a_second_run_on_the_same_folder_is_refused(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    served.wait_for("Lectern is ready")
    second = serve()
    assert second.process.wait(timeout=30) == 2
    second.wait_for("is in use by another Lectern", 5)
    assert status(served, "/ready") == 200
