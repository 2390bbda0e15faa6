"""Who connects and enters no lecture is not kept for ever."""

import asyncio

import pytest

from app.transport.sio.config import SioConfig
from tests.integration.sio.conftest import STUDENT, Stack

LOBBY_SECONDS = 0.8


@pytest.fixture
def sio_config() -> SioConfig:
    return SioConfig(close_seconds=1.0, lobby_seconds=LOBBY_SECONDS)


async def test_who_enters_no_lecture_is_closed_after_three_minutes(stack: Stack) -> None:
    # O22, with a shorter time; three minutes is the default
    assert SioConfig().lobby_seconds == 180
    room = await stack.room()
    presenter = await stack.presenter(room)
    idle, waiting = stack.client(), stack.client()
    for client in (idle, waiting):
        await client.join("/enter-room", stack.token(STUDENT))
    for _ in range(8):  # one who keeps asking is waiting for something
        answer = await waiting.ask("/enter-room", "clientCandidate", {})
        assert answer["ok"]
        await asyncio.sleep(LOBBY_SECONDS / 4)
    await idle.until(lambda: not idle.sio.connected)
    assert waiting.sio.connected
    assert presenter.sio.connected, "who is in a lecture may be silent as long as it likes"
    await waiting.until(lambda: not waiting.sio.connected)
    await idle.join("/enter-room", stack.token(STUDENT))
    assert idle.sio.connected, "and may come back"
