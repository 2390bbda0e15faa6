"""Puts together what other systems hear of: the feed, webhooks, Kafka."""

import contextlib
from dataclasses import dataclass

from app.auth.sealing import Sealer
from app.bootstrap.foundation import Foundation
from app.bootstrap.process import entered
from app.bootstrap.secrets import jwt_secret
from app.feed import kafka
from app.feed.announcer import Announcer
from app.feed.door import Door, check_url
from app.feed.forwarder import Forwarder
from app.feed.hooks import Hooks
from app.feed.kafka import KafkaMissing, KafkaSink
from app.feed.nodes import NodeWatch
from app.feed.owners import Owners
from app.feed.stream import FeedStream
from app.feed.webhooks import Webhooks
from app.settings import SettingsError


@dataclass(frozen=True, slots=True)
class Feed:
    """What the rest of an api process needs of it."""

    stream: FeedStream
    forwarder: Forwarder
    announcer: Announcer
    webhooks: Webhooks


async def feed(base: Foundation, stack: contextlib.AsyncExitStack) -> Feed:
    """Open it."""
    settings = base.settings
    private = (settings.webhook_private or ("off" if settings.is_production else "on")) == "on"
    stream = FeedStream(base.redis)
    forwarder = await entered(stack, Forwarder(base.redis, stream, base.node))
    await entered(stack, NodeWatch(stream, base.registry.all, base.clock))
    announcer = await entered(stack, Announcer(stream, base.clock))
    hooks = Hooks(
        base.sql,
        Sealer(jwt_secret(settings), "webhooks"),
        base.clock,
        lambda url: check_url(url, private=private),
    )
    door = Door(private=private)
    owner_of = Owners(base.sql).of
    webhooks = Webhooks(base.redis, hooks, stream, door, base.clock, owner_of, base.node)
    await entered(stack, webhooks)
    if settings.kafka is not None:
        try:
            kafka.check()
        except KafkaMissing as error:
            raise SettingsError([str(error)]) from None
        sink = KafkaSink(base.redis, stream, settings.kafka, settings.kafka_topic, base.node)
        await entered(stack, sink)
    return Feed(stream, forwarder, announcer, webhooks)
