"""The Kafka sink against a real broker: nothing is missed, also while the broker is away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from app.core.ids import LectureId
from app.feed import kafka
from app.feed.kafka import KafkaMissing, KafkaSink
from app.feed.stream import FeedStream
from tests.integration.feed.broker import Broker
from tests.integration.feed.test_feed_webhooks import OTHERS, THEIRS, event
from tests.integration.store.live_room import LiveRoomWorld

TOPIC = "lectern"


@pytest.fixture
async def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Broker]:
    monkeypatch.setattr(kafka, "RETRY_SECONDS", 0.2)
    made = Broker(tmp_path)
    await made.open()
    yield made
    await made.close()


async def read(broker: Broker, count: int) -> list[tuple[str, str]]:
    """Return (key, CloudEvent id) of the first records, in the order of their partitions."""
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=broker.address, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[tuple[str, str]] = []
    try:
        async with asyncio.timeout(60):
            async for record in consumer:
                document = orjson.loads(record.value)
                assert ("ce_id", document["id"].encode()) in record.headers
                found.append((record.key.decode(), document["id"]))
                if len(set(found)) >= count:
                    return found
    finally:
        await consumer.stop()
    return found


def numbers(found: list[tuple[str, str]], lecture: LectureId) -> list[int]:
    """Return one lecture's events in order, a repeated one where it came first."""
    ids = [unique for key, unique in found if key.endswith(lecture)]
    return [int(unique.partition(":")[2]) for unique in dict.fromkeys(ids)]


async def test_a_broker_that_dies_misses_nothing(
    broker: Broker, live: LiveRoomWorld, stream: FeedStream
) -> None:  # M6
    sink = KafkaSink(live.redis, stream, broker.address, TOPIC, "api-1")
    await stream.begin(kafka.GROUP)
    await stream.add([event(number) for number in range(1, 51)])
    await sink.open()
    first = await read(broker, 50)
    assert numbers(first, THEIRS) == list(range(1, 51))
    await broker.close()
    await stream.add([event(number) for number in range(51, 101)])
    await stream.add([event(number, OTHERS) for number in range(1, 21)])
    await asyncio.sleep(0.5)
    await broker.open()
    found = await read(broker, 120)
    await sink.close()
    assert numbers(found, THEIRS) == list(range(1, 101))
    assert numbers(found, OTHERS) == list(range(1, 21))


async def test_without_the_package_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(KafkaMissing, match="aiokafka"):
        kafka.producer("127.0.0.1:1")
