"""Puts one server's monitor together."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server

from app.core.clock import Clock
from app.turn.config import TurnConfig
from app.turn.coturn import DATABASE_FILE
from app.turn.door import RedisDoor
from app.turn.figures import TurnFigures
from app.turn.keyring import Keyring, SecretRing, UserRing
from app.turn.monitor import ChildPort, Monitor
from app.turn.store import TurnStore
from app.turn.turnadmin import LongTermUsers, TurnAdmin
from app.turn.usage import UsageBook

CREDENTIAL_FILE = "credential"
NETWORK_FILE = Path("/proc/net/dev")


def read_network() -> str:
    """Return the counters of this machine's interfaces; nothing where there are none."""
    return NETWORK_FILE.read_text() if NETWORK_FILE.exists() else ""


class TurnRole:
    """A monitor and its ``/metrics``."""

    def __init__(
        self,
        config: TurnConfig,
        store: TurnStore,
        child: ChildPort,
        clock: Clock,
        metrics: CollectorRegistry,
        network: Callable[[], str] = read_network,
    ) -> None:
        self._config = config
        self._metrics = metrics
        book = UsageBook()
        ring, door = _keyring(config, store, book, clock)
        self.monitor = Monitor(
            config, store, ring, child, clock, door=door, book=book, network=network
        )
        self._figures = TurnFigures(book, self.monitor.health)
        self._close_metrics: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Answer ``/metrics``, then start coturn. Raises OSError for a port that is taken."""
        self._metrics.register(self._figures)
        server, thread = start_http_server(
            self._config.rest_port, self._config.rest_host, self._metrics
        )

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()
            self._metrics.unregister(self._figures)

        self._close_metrics = close
        await self.monitor.open()

    async def close(self) -> None:
        """End coturn in order, then the metrics. Safe to call twice."""
        await self.monitor.close()
        close, self._close_metrics = self._close_metrics, lambda: None
        await asyncio.to_thread(close)  # its server looks twice a second whether it shall end


def _keyring(
    config: TurnConfig, store: TurnStore, book: UsageBook, clock: Clock
) -> tuple[Keyring, RedisDoor | None]:
    if config.long_term:
        admin = TurnAdmin(
            shutil.which("turnadmin") or "turnadmin", config.folder / DATABASE_FILE, config.realm
        )
        file = config.folder / CREDENTIAL_FILE
        users = LongTermUsers(admin, file, config.secret_seconds, config.overlap_seconds)
        return UserRing(users), None
    ring = SecretRing(config, store)
    door = RedisDoor(config.realm, ring, lambda key, said: book.hear(key, said, clock.now()))
    return ring, door
