"""The server under test and the browser, once per module."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.e2e.chromium import chromium
from tests.e2e.stack import WEB, OtherOrigin, Stack, build_web_client

OLD_CLIENT = Path(__file__).parent / "old_client"


@pytest.fixture(scope="session")
def web_client() -> None:
    """The web client, built."""
    build_web_client()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, web_client: None) -> Iterator[Stack]:
    """A server of this module's own, ready; it must end cleanly."""
    with Stack(tmp_path_factory.mktemp("lectern")) as running:
        yield running
        assert running.stop() == 0, running.log()


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of this test's own."""
    async with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def other_origin(tmp_path_factory: pytest.TempPathFactory, web_client: None) -> Iterator[str]:
    """The origin of a server that serves the page of an existing client."""
    folder = tmp_path_factory.mktemp("old_client")
    for source in OLD_CLIENT.iterdir():
        shutil.copy(source, folder)
    shutil.copy(WEB / "node_modules/socket.io-client/dist/socket.io.min.js", folder)
    with OtherOrigin(folder) as server:
        yield server.url
