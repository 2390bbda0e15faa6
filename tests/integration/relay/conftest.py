"""A relay on a free port, with real clients."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.relay.clients import Rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    await rig.service.open()
    yield rig
    await rig.close()
