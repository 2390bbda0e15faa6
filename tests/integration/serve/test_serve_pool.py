"""The relays of ``serve``: pinned, one that waits, replaced at once, none left behind."""

import contextlib
import os
import time
from collections.abc import Callable

import psutil
import pytest

from tests.integration.serve.conftest import Serve, Served

CORES = sorted(os.sched_getaffinity(0))


def relays(served: Served) -> dict[int, psutil.Process]:
    """Return the relay processes by the number of each; the one that waits has no port yet."""
    found = {}
    for process in psutil.Process(served.process.pid).children():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections(kind="udp"):
                found[connection.laddr.port - served.media_port] = process
    return found


def spare(served: Served) -> psutil.Process | None:
    """Return the process that waits to become a relay, if it has read its code by now."""
    taken = {process.pid for process in relays(served).values()}
    for process in psutil.Process(served.process.pid).children():
        with contextlib.suppress(psutil.Error):
            is_relay = "--standby" in process.cmdline()
            if is_relay and process.pid not in taken and process.status() == "sleeping":
                return process
    return None


def until(served: Served, holds: Callable[[], object], seconds: float, what: str) -> float:
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > seconds:
            pytest.fail(f"{what}: not in {seconds} s\n{served.output}")
        time.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.timeout(180)
def test_relays_are_replaced_at_once_and_none_is_left(serve: Serve) -> None:  # L32, L33, M1, M2
    served = serve(LECTERN_RELAYS="2", LECTERN_MEDIA_PORT="27310")
    served.media_port = 27310
    served.wait_for("Lectern is ready")
    until(served, lambda: len(relays(served)) == 2, 10, "two relays")

    pinned = [tuple(relays(served)[n].cpu_affinity()) for n in (0, 1)]
    assert all(len(cores) == 1 for cores in pinned)  # M1
    assert len(set(pinned)) == min(2, len(CORES))  # and even

    until(served, lambda: spare(served), 30, "a spare")
    time.sleep(4.0)  # it reads its code; until then it would be a start from nothing
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
def test_unpinned_where_the_operator_says_so(serve: Serve) -> None:
    served = serve(LECTERN_PIN="off")
    served.wait_for("Lectern is ready")
    until(served, lambda: relays(served), 10, "a relay")
    assert sorted(relays(served)[0].cpu_affinity()) == CORES
    assert served.end() == 0
