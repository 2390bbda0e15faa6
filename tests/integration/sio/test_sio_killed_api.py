"""A guest whose api process was killed comes back to another one, and is never refused (P5)."""

import asyncio
import contextlib
import signal
import sys
import textwrap
import time

import pytest
import socketio

from app.cluster.registry import GONE_SECONDS
from tests.integration.sio.conftest import Stack

GUEST = "guest-socket-id-0001"

CHILD = textwrap.dedent(
    """
    import asyncio, sys
    from app.cluster.heartbeat import Heartbeat
    from app.cluster.node import NodeInfo
    from app.cluster.registry import Registry
    from app.core.ids import ConnectionId, NodeId
    from app.rooms.guests import Guests
    from app.store import keys
    from app.store.redis import Redis

    async def main(url, guest, room):
        redis, node = Redis(url), NodeId("api-killed")
        await redis.open()
        registry = Registry(redis)
        await Heartbeat(registry, lambda: NodeInfo(node, "api", "", 0.0, 1.0)).open()
        await redis.script("remember", [keys.user(guest)], ["GUEST", room, 60_000])
        await Guests(redis, node, None).hold(guest, ConnectionId("old"))
        await asyncio.sleep(1.2)
        print("holding", flush=True)
        await asyncio.sleep(60)

    asyncio.run(main(*sys.argv[1:]))
    """
)


@pytest.mark.timeout(60)
async def test_a_guest_of_a_killed_api_process_is_let_in_elsewhere(
    stack: Stack, redis_url: str
) -> None:  # P5, X4
    room = await stack.room()
    await stack.presenter(room)
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, redis_url, GUEST, room,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert await child.stdout.readline() == b"holding\n"
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGKILL)
        await child.wait()
    killed_at = time.monotonic()
    tries = 0
    while True:  # as a client's Manager: a lost connection is made again, a refused one is not
        tries += 1
        guest = stack.client()
        with contextlib.suppress(socketio.exceptions.ConnectionError):
            await guest.join("/lecture", GUEST)
            break
        assert guest.refused == {}, guest.refused
        assert time.monotonic() - killed_at < 3 * GONE_SECONDS
        await asyncio.sleep(0.5)
    state = await guest.event("state")
    assert state["role"] == "guest"
    assert tries <= 3
