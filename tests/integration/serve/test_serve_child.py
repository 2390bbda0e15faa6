"""One child process: its environment, its end, its group."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence

import pytest

from app.child import Child


def child(code: str, **environment: str) -> Child:
    command: Sequence[str] = [sys.executable, "-c", code]
    return Child("test", lambda: command, {"PATH": os.environ["PATH"], **environment})


async def test_it_says_how_it_ended() -> None:
    program = child("import os; raise SystemExit(int(os.environ['CODE']))", CODE="7")
    await program.start()
    assert await program.wait() == 7
    assert not program.is_running


async def test_stop_asks_and_waits() -> None:
    program = child("import signal; signal.pause()")
    await program.start()
    assert program.is_running
    assert await program.stop(patience=10)
    assert await program.wait() == -signal.SIGTERM
    assert await program.stop(patience=10), "safe to call twice"


async def test_a_child_that_ignores_us_is_killed_when_patience_ends() -> None:
    reader, writer = os.pipe()
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"os.write({writer}, b'x'); time.sleep(60)"
    )
    command = [sys.executable, "-c", code]
    program = Child("test", lambda: command, {}, inherited=[writer])
    await program.start()
    assert await asyncio.to_thread(os.read, reader, 1) == b"x"
    began = time.monotonic()
    assert not await program.stop(patience=0.2)
    assert time.monotonic() - began < 10
    assert await program.wait() == -signal.SIGKILL
    os.close(reader)
    os.close(writer)


async def test_a_child_leads_a_session_of_its_own() -> None:
    """Otherwise a Ctrl-C in the terminal would end the children before the supervisor does."""
    program = child("import os; raise SystemExit(0 if os.getsid(0) == os.getpid() else 1)")
    await program.start()
    assert await program.wait() == 0


async def test_a_program_that_is_not_there_is_an_error() -> None:
    command = ["/nonexistent/program"]
    with pytest.raises(OSError, match="No such file"):
        await Child("test", lambda: command, {}).start()
