"""The relays of ``serve``: pinned, one that waits, replaced at once, none left behind."""

import contextlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.integration.serve.conftest import ROOT, Serve, Served, clean_environment

pytestmark = pytest.mark.usefixtures("foremost")

READ = "0" if platform.machine() == "x86_64" else "63"
"""The number of that system call (asm/unistd_64.h; asm-generic/unistd.h)."""
CORES = sorted(os.sched_getaffinity(0))


def relays(served: Served) -> dict[int, psutil.Process]:
    """Return the relay processes by the number of each; the one that waits has no port yet."""
    found = {}
    for process in psutil.Process(served.process.pid).children():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="udp"):
                found[connection.laddr.port - served.media_port] = process
    return found


def reads_its_input(process: psutil.Process) -> bool:
    """Tell whether it waits in read(2) for its standard input (/proc/<pid>/syscall: number, fd)."""
    try:
        number, descriptor, *_ = Path(f"/proc/{process.pid}/syscall").read_text().split()
    except (OSError, ValueError):  # it has ended, or it computes
        return False
    return number == READ and descriptor == "0x0"


def spare(served: Served) -> psutil.Process | None:
    """Return the process that waits to become a relay, if it has loaded its code by now."""
    taken = {process.pid for process in relays(served).values()}
    for process in psutil.Process(served.process.pid).children():
        with contextlib.suppress(psutil.Error):
            is_relay = "--standby" in process.cmdline()
            if is_relay and process.pid not in taken and reads_its_input(process):
                return process
    return None


def until(served: Served, holds: Callable[[], object], seconds: float, what: str) -> float:
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            pytest.fail(f"{what}: not in {seconds} s\n{served.output}")
        time.sleep(0.02)
    return time.monotonic() - began


def drain(served: Served, *node: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", "drain", *node],
        cwd=ROOT,
        env=clean_environment(LECTERN_DATA_DIR=str(served.data)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.timeout(180)
def test_relays_are_replaced_at_once_and_none_is_left(serve: Serve) -> None:  # L32, L33, M1, M2
    served = serve(LECTERN_RELAYS="2")
    served.wait_for("Lectern is ready")
    until(served, lambda: len(relays(served)) == 2, 10, "two relays")

    pinned = [tuple(relays(served)[n].cpu_affinity()) for n in (0, 1)]
    assert all(len(cores) == 1 for cores in pinned)  # M1
    assert len(set(pinned)) == min(2, len(CORES))  # and even

    until(served, lambda: spare(served), 30, "a spare")
    waiting = spare(served)
    assert waiting is not None
    first = relays(served)[0]
    first.kill()
    took = until(
        served, lambda: relays(served).get(0, first).pid != first.pid, 10, "relay 0 is back"
    )
    assert took < 3.0  # M2
    assert relays(served)[0].pid == waiting.pid
    assert tuple(relays(served)[0].cpu_affinity()) == pinned[0]

    until(served, lambda: spare(served), 30, "the next spare")  # L33: the pool is refilled
    another = spare(served)
    assert another is not None
    another.kill()
    until(served, lambda: (spare(served) or another).pid != another.pid, 30, "a spare for it")

    everything = psutil.Process(served.process.pid).children(recursive=True)
    served.process.kill()
    served.process.wait(timeout=5)
    _, alive = psutil.wait_procs(everything, timeout=20)
    assert not alive  # L33: no orphans


@pytest.mark.timeout(120)
def test_unpinned_where_the_operator_says_so_and_drained_when_asked(serve: Serve) -> None:
    served = serve(LECTERN_PIN="off")
    served.wait_for("Lectern is ready")
    until(served, lambda: relays(served), 10, "a relay")
    assert sorted(relays(served)[0].cpu_affinity()) == CORES

    listed = drain(served)
    assert listed.returncode == 0
    lines = [line.split() for line in listed.stdout.splitlines()]
    assert [(line[0].partition("-")[0], line[1]) for line in lines] == [
        ("api", "ready"),
        ("relay", "ready"),
    ]
    first = relays(served)[0]
    drained = drain(served, lines[1][0])  # nobody is on it: it ends at once, and is started again
    assert drained.returncode == 0, drained.stderr
    assert drained.stdout.splitlines()[-1] == f"{lines[1][0]} has ended"
    until(served, lambda: relays(served).get(0, first).pid != first.pid, 30, "another relay 0")
    unknown = drain(served, lines[1][0])
    assert unknown.returncode == 1
    assert unknown.stderr == f"Worker [{lines[1][0]}] does NOT exist.\n"  # O16
    assert served.end() == 0
