"""Puts a relay process together."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace

from app.bootstrap.process import entered, on_signals
from app.bootstrap.registration import node_info
from app.bootstrap.relay_recording import relay_recording
from app.bootstrap.secrets import redis_url
from app.cluster.commands import CommandBus
from app.cluster.condition import Condition
from app.cluster.drain import Drain
from app.cluster.heartbeat import Heartbeat
from app.cluster.lifeline import Lifeline
from app.cluster.registry import Registry
from app.core import garbage
from app.core.clock import SystemClock
from app.core.ids import NodeId, new_node_id
from app.relay.config import RelayConfig
from app.relay.places import RedisPlaces
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
        pipe_hosts=settings.pipe_host or (),
        fan_out=settings.fan_out,
    )
    async with contextlib.AsyncExitStack() as stack:
        redis = await entered(stack, Redis(redis_url(settings)))
        bus = await entered(stack, CommandBus(redis, node, clock))
        reports = await entered(stack, Reports(redis))
        region = settings.regions[0] if settings.regions else ""
        places = RedisPlaces(redis, node, config.fan_out, region)
        relay = RelayService(config, bus, clock, reports.notice, node=node, places=places)
        try:
            await entered(stack, relay)
        except OSError as error:
            where = f"UDP port {config.bind_port} of {config.bind_host}"
            raise SettingsError(
                [f"LECTERN_MEDIA_PORT: cannot listen on {where} ({error.strerror})"]
            ) from None
        await relay_recording(settings, redis, relay, node, clock, stack)
        registry, drain = Registry(redis), Drain(clock, settings.drain_seconds)
        info = node_info(settings, "relay", node, f"{config.public_hosts[0]}:{relay.port}")
        condition = Condition(
            replace(info, has_lifeline=True),
            clock,
            relay.load,
            media=lambda: _sent(relay.stats()),
            memory_cap_bytes=settings.max_memory_mb << 20,
        )
        condition.opened()
        await entered(stack, Lifeline(redis, node))
        heartbeat = await entered(stack, Heartbeat(registry, condition.describe, drain.ask))
        garbage.set_aside()
        on_signals(drain.ask)
        await drain.asked()
        condition.drain()
        _ = await heartbeat.beat()
        _ = await drain.until_empty(
            lambda: not relay.stats()["peers"], lambda: _has_heirs(registry, node)
        )


def _sent(stats: Mapping[str, int]) -> tuple[int, int]:
    return stats["packets_forwarded"], stats["bytes_forwarded"]


async def _has_heirs(registry: Registry, node: NodeId) -> bool:
    """Tell whether another relay takes rooms, and whether there is anybody to move them there."""
    relays, apis = await registry.alive("relay"), await registry.alive("api")
    return bool(apis) and any(one.is_available for one in relays if one.id != node)
