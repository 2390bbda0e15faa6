"""Lets a relay's rooms be recorded: its feed, and the recorder process that it feeds."""

import asyncio
import contextlib
import sys

from app.bootstrap.process import entered
from app.core.clock import Clock
from app.core.ids import NodeId
from app.recorder import has_leftovers
from app.recording.feed import Feed
from app.recording.state import RecordingStates
from app.recording.watch import Watch
from app.relay.service import RelayService
from app.settings import Settings
from app.store.redis import Redis


async def relay_recording(
    settings: Settings,
    redis: Redis,
    relay: RelayService,
    node: NodeId,
    clock: Clock,
    stack: contextlib.AsyncExitStack,
) -> None:
    """Let a relay's rooms be recorded, where lectures may be."""
    if settings.recording == "off":
        return
    watch = Watch(RecordingStates(redis), node, lambda: relay.rooms)
    feed = Feed(relay, _spawn_recorder, clock, watch.note_fault)
    watch.attach(feed)
    relay.count_also(feed.figures)
    await entered(stack, feed)
    if has_leftovers(settings):
        feed.wake()
    await entered(stack, watch)


async def _spawn_recorder(link: int) -> asyncio.subprocess.Process:
    """Start a recorder with the same settings as this process'. It ends when its link does."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "recorder", "--link", str(link),
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=(link,),
        start_new_session=True,
    )  # fmt: skip
