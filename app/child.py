"""One child process of ``serve``: how it starts, how it ends, and that it never outlives us."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

_PR_SET_PDEATHSIG = 1
"""Linux' prctl(2): the signal that a process gets when its parent dies."""


def _dies_with_parent() -> Callable[[], None] | None:
    """Return what a fresh child runs before its program, or None where there is no prctl."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return tie


class Child:
    """A program that is started again and again.

    It leads a process group of its own, so that a Ctrl-C in the terminal reaches the supervisor
    alone, and it gets SIGTERM when the supervisor dies, however that happens.
    """

    def __init__(
        self,
        name: str,
        command: Callable[[], Sequence[str]],
        environment: Mapping[str, str],
        *,
        inherited: Sequence[int] = (),
        is_told: bool = False,
    ) -> None:
        """``is_told`` gives the program a standard input, for ``tell``."""
        self.name = name
        self._command = command
        self._environment = dict(environment)
        self._inherited = tuple(inherited)
        self._stdin = asyncio.subprocess.PIPE if is_told else asyncio.subprocess.DEVNULL
        self._process: asyncio.subprocess.Process | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the program. Raises OSError when it cannot be."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=self._stdin,
            env=self._environment,
            start_new_session=True,
            pass_fds=self._inherited,
            preexec_fn=_dies_with_parent(),
        )

    def tell(self, line: bytes) -> None:
        """Write to the program's standard input, and close it. One that has ended hears nothing."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line)
            self._process.stdin.close()

    async def wait(self) -> int:
        """Return the exit code of the running program; a signal is negative."""
        assert self._process is not None, "start() comes first"
        return await self._process.wait()

    async def stop(self, patience: float) -> bool:
        """End the program: SIGTERM, and SIGKILL after ``patience`` seconds.

        Returns whether it ended by itself. Safe to call when it is not running."""
        if self._process is None:
            return True
        try:
            if self.is_running:
                self._process.terminate()
            await asyncio.wait_for(self._process.wait(), patience)
        except ProcessLookupError:
            return True
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            return False
        return True

    def kill(self) -> None:
        """End the program at once."""
        if self._process is not None and self.is_running:
            self._process.kill()
