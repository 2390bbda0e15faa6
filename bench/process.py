"""The measured processes: a private Redis and a relay, and what the kernel says about them."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from bench.ports import free_port

STOP_SECONDS = 10.0
_CPU_CLOCK_OF_PROCESS = 2  # CPUCLOCK_SCHED of a whole thread group (linux/posix-timers.h)
_CORES = sorted(os.sched_getaffinity(0))
_PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """Return the user and system CPU time of a process, all its threads, in nanosecond steps.

    ``/proc/<pid>/stat`` holds the same sum in steps of 10 ms, which is too coarse for one join.
    """
    return time.clock_gettime(~pid << 3 | _CPU_CLOCK_OF_PROCESS)


def rss_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def pin(pid: int, cpu: int) -> None:
    """Keep a process on one core, where this one started with more than one to choose from."""
    if len(_CORES) > cpu:
        os.sched_setaffinity(pid, {_CORES[cpu]})


class Child:
    """A child process with a log file. ``stop`` it."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, command: list[str], environment: Mapping[str, str], log: Path) -> "Child":
        """Start ``command`` with those variables on top of our own environment."""
        assignments = [f"{name}={value}" for name, value in environment.items()]
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                "/usr/bin/env", *assignments, *command, stdout=output, stderr=output
            )
        return cls(process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise RuntimeError with the end of its log if it has ended."""
        if self._process.returncode is not None:
            tail = self._log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"a child ended with {self._process.returncode}:\n{tail}")

    async def stop(self) -> None:
        """End it with SIGTERM, after ``STOP_SECONDS`` with SIGKILL."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def start_redis(folder: Path) -> tuple[Child, str]:
    """Start a private Redis without persistence; return it and its URL once it accepts."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        raise RuntimeError("the bench needs a redis-server on PATH")
    port = free_port()
    command = [
        binary,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    child = await Child.start(command, {}, folder / "redis.log")
    for _ in range(100):
        child.check()
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return child, f"redis://127.0.0.1:{port}/0"
        await asyncio.sleep(0.05)
    await child.stop()
    raise RuntimeError("Redis did not start")
