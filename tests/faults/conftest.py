"""The fault matrix: one world for all rows of a run, one ``Row`` for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.faults.rows import Row
from tests.faults.world import World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Redis, two api processes and a relay, shared by the rows: each mends what it broke."""
    with World() as world:
        yield world


@pytest.fixture
async def row(world: World, request: pytest.FixtureRequest) -> AsyncIterator[Row]:
    """One row: begun in a world that is well, ended with everything given back."""
    await world.mend()
    row = Row(world, request.node.user_properties)
    await row.take_baseline()
    yield row
    for process in (*world.apis, *world.relays):
        if process not in row.killed:
            assert process.is_running, f"{process.name} ended:\n{process.log()}"
    await world.mend()
    await row.finish()
