"""The feed as a Kafka topic, where ``LECTERN_KAFKA`` names brokers (seed row M6).

Optional: it needs the ``kafka`` extra.

A record's key is the event's source, so that a lecture's events keep their order in their
partition; its value is the CloudEvent, with ``content-type`` and ``ce_id`` as headers (CloudEvents'
Kafka protocol binding §3.3, structured mode).
"""

import asyncio
import importlib.util
from typing import Any, Protocol

import orjson
import structlog

from app.core import metrics
from app.core.errors import Unavailable
from app.core.tasks import OnCrash, Tasks
from app.feed.stream import Entry, FeedStream
from app.store.lease import Lease
from app.store.redis import Redis

log = structlog.get_logger(__name__)

GROUP = "kafka"
BATCH = 200
PAUSE_SECONDS = 0.25
RETRY_SECONDS = 2.0
LEASE_SECONDS = 10.0


class Producer(Protocol):
    """The part of aiokafka's producer that is used."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def send(self, topic: str, value: bytes, key: bytes, headers: Any) -> Any: ...


class KafkaMissing(Exception):
    """The ``kafka`` extra is not installed."""


def check() -> None:
    """Raise KafkaMissing unless the extra is installed."""
    if importlib.util.find_spec("aiokafka") is None:
        raise KafkaMissing("LECTERN_KAFKA needs the package aiokafka (requirements/extras.lock)")


def producer(servers: str) -> Producer:
    """Return a producer for brokers ``host:port,…``. Raises KafkaMissing.

    Idempotent (KIP-98), acknowledged by all replicas in sync: what Kafka confirmed is stored once
    per call of ours; after a crash of ours it may be stored again, with the same ``ce_id``.
    """
    check()
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415 only where it is wanted

    made: Producer = AIOKafkaProducer(
        bootstrap_servers=servers, enable_idempotence=True, acks="all", linger_ms=5
    )
    return made


class KafkaSink:
    """Guarantees that every event of the feed since the sink was first opened is in the topic, at
    least once and in order, as long as Kafka is back before the feed forgets (100,000 events).
    One process at a time does it."""

    def __init__(
        self, redis: Redis, stream: FeedStream, servers: str, topic: str, holder: str
    ) -> None:
        self._stream = stream
        self._servers = servers
        self._topic = topic
        self._lease = Lease(redis, GROUP, holder, LEASE_SECONDS)
        self._tasks = Tasks("kafka")
        self._complained = False

    async def open(self) -> None:
        """Begin, also while Redis or Kafka is away."""
        _ = self._tasks.start("forward", self._run, OnCrash.RESTART)

    async def close(self) -> None:
        """Stop, and let another process go on at once. Safe to call twice."""
        await self._tasks.close()
        await self._lease.release()

    async def _run(self) -> None:
        while True:
            try:
                await self._stream.begin(GROUP)
                if await self._lease.hold():
                    await self._work()
            except Unavailable as error:
                log.debug("Kafka waits", reason=error.message)
            except Exception as error:  # noqa: BLE001 whatever the library raises: Kafka is away
                self._complain(error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _work(self) -> None:
        """Send until the lease or Kafka is lost."""
        to = producer(self._servers)
        await to.start()
        try:
            self._complained = False
            log.info("events go to Kafka", topic=self._topic)
            first = True
            while await self._lease.hold():
                taken = await self._stream.take(GROUP, "sink", BATCH, old=first)
                first = first and len(taken) > 0
                await self._send(to, taken)
                if not taken and not first:
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await to.stop()

    async def _send(self, to: Producer, taken: list[Entry]) -> None:
        sent = []
        for entry in taken:
            if entry.body is None:
                metrics.QUEUE_DROPS.labels("kafka").inc()
                continue
            headers = [
                ("content-type", b"application/cloudevents+json"),
                ("ce_id", str(orjson.loads(entry.body)["id"]).encode()),
            ]
            key = entry.source.encode()
            sent.append(await to.send(self._topic, value=entry.body, key=key, headers=headers))
        _ = await asyncio.gather(*sent)
        await self._stream.acknowledge(GROUP, [entry.id for entry in taken])

    def _complain(self, error: Exception) -> None:
        if not self._complained:
            log.warning("Kafka takes no events", reason=f"{type(error).__name__}: {error}")
        self._complained = True
