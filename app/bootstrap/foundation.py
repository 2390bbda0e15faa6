"""What every part of an api process stands on."""

import contextlib
from dataclasses import dataclass

from app.bootstrap.process import entered
from app.bootstrap.registration import node_info
from app.bootstrap.secrets import redis_url
from app.cluster.commands import CommandBus
from app.cluster.condition import Condition
from app.cluster.drain import Drain
from app.cluster.heartbeat import Heartbeat
from app.cluster.registry import Registry
from app.cluster.scheduler import Scheduler
from app.core.clock import Clock
from app.core.ids import NodeId, new_node_id
from app.core.loop_watch import LoopWatch
from app.settings import Settings
from app.store.fanout import FanOut
from app.store.redis import Redis
from app.store.sql import Sql


@dataclass(frozen=True, slots=True)
class Foundation:
    """The stores and the cluster, open. Parts that need more of them take it whole."""

    settings: Settings
    clock: Clock
    node: NodeId
    redis: Redis
    sql: Sql
    fanout: FanOut
    bus: CommandBus
    registry: Registry
    scheduler: Scheduler
    condition: Condition
    heartbeat: Heartbeat
    drain: Drain


async def foundation(
    settings: Settings, clock: Clock, stack: contextlib.AsyncExitStack
) -> Foundation:
    """Open it; ``stack`` closes it, after all that was opened later."""
    node = new_node_id("api")
    await entered(stack, LoopWatch(clock))
    redis = await entered(stack, Redis(redis_url(settings)))
    sql = await entered(stack, Sql(settings.database))
    fanout = await entered(stack, FanOut(redis))
    bus = await entered(stack, CommandBus(redis, node, clock))
    registry = Registry(redis)
    scheduler = Scheduler(registry, settings.strategies)
    condition = Condition(
        node_info(settings, "api", node, settings.address or f"{settings.host}:{settings.port}"),
        clock,
        lambda: 0.0,
        memory_cap_bytes=settings.max_memory_mb << 20,
    )
    drain = Drain(clock, settings.drain_seconds)
    heartbeat = await entered(stack, Heartbeat(registry, condition.describe, drain.ask))
    return Foundation(
        settings, clock, node, redis, sql, fanout, bus, registry, scheduler, condition, heartbeat,
        drain,
    )  # fmt: skip
