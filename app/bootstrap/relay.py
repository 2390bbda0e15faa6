"""Puts a relay process together."""

import contextlib

from app.bootstrap.process import entered, signalled
from app.bootstrap.secrets import redis_url
from app.cluster.commands import CommandBus
from app.cluster.heartbeat import Heartbeat
from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.core import garbage
from app.core.clock import SystemClock
from app.core.ids import new_node_id
from app.relay.config import RelayConfig
from app.relay.reports import Reports
from app.relay.service import RelayService
from app.settings import Settings, SettingsError
from app.store.redis import Redis


async def run_relay(settings: Settings, index: int) -> None:
    """Forward media on UDP port ``media_port + index`` until SIGTERM or SIGINT."""
    clock = SystemClock()
    node = new_node_id("relay")
    config = RelayConfig(
        bind_host=settings.media_bind_host,
        bind_port=settings.media_port + index,
        public_hosts=settings.media_host,
        max_peers=settings.max_peers,
    )
    async with contextlib.AsyncExitStack() as stack:
        redis = await entered(stack, Redis(redis_url(settings)))
        bus = await entered(stack, CommandBus(redis, node, clock))
        reports = await entered(stack, Reports(redis))
        relay = RelayService(config, bus, clock, reports.notice)
        try:
            await entered(stack, relay)
        except OSError as error:
            where = f"UDP port {config.bind_port} of {config.bind_host}"
            raise SettingsError(
                [f"LECTERN_MEDIA_PORT: cannot listen on {where} ({error.strerror})"]
            ) from None
        address = f"{config.public_hosts[0]}:{relay.port}"

        def describe() -> NodeInfo:
            return NodeInfo(node, "relay", address, load=relay.load(), capacity=1.0)

        await entered(stack, Heartbeat(Registry(redis), describe))
        garbage.set_aside()
        await signalled()
