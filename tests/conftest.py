"""What every test may use: a clock it owns, a real, empty Redis, and databases."""

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from app.core import garbage
from tests.databases import database_url, migrated_file, sqlite_url, tables_url
from tests.manual_clock import ManualClock
from tests.postgres import postgres_server, postgres_tables_url, postgres_url
from tests.redis_server import RedisServer

__all__ = [
    "database_url",
    "migrated_file",
    "postgres_server",
    "postgres_tables_url",
    "postgres_url",
    "sqlite_url",
    "tables_url",
]

IN_CI = bool(os.environ.get("CI"))
BEFORE = os.getpriority(os.PRIO_PROCESS, 0)

hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if IN_CI else "here")

structlog.configure(
    # As a server prints them: with every local variable an exception takes seconds to be written.
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


gc.disable()  # until all tests are loaded: none of that is garbage


def pytest_collection_finish() -> None:
    """Let no full collection walk over 400,000 objects of the tests: each stops all for 0.4 s."""
    gc.enable()
    garbage.set_aside()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in Path(str(item.path)).parts:
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI a skipped test is a failed one: there, every component must be installed."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"
    return report


FOREMOST = -15
"""The niceness of what a bound is promised of: about thirty times the share of an ordinary one."""


@pytest.fixture
def foremost() -> Iterator[None]:
    """This process, and those that it starts, go before all others of the machine (as root).

    For tests of promised times: they are promised of a server that has its cores, and whatever else
    this machine does meanwhile is not what is tested.
    """
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, FOREMOST)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, max(BEFORE, os.getpriority(os.PRIO_PROCESS, 0)))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still until the test moves it."""
    return ManualClock()


@pytest.fixture(scope="session")
def shared_redis_server() -> Iterator[RedisServer]:
    """The session's server. Tests that stop it or change its settings take ``redis_server``."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(shared_redis_server: RedisServer) -> str:
    """The address of a real Redis database that is empty when the test begins."""
    shared_redis_server.flush()
    return shared_redis_server.url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A durable server of the test's own, to kill, freeze and start again."""
    with RedisServer(durable=True) as server:
        yield server
