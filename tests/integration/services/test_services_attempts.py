"""Sign-ins and sign-ups are counted by all processes together."""

from collections.abc import AsyncIterator

import pytest

from app.auth.attempts import AttemptLimits, TooManyAttempts
from app.auth.shared_attempts import SharedAttempts
from app.store.redis import Redis
from tests.manual_clock import ManualClock

LIMITS = AttemptLimits(window_seconds=60, per_email_and_address=2, per_email=4, per_address=6)


@pytest.fixture
async def both(redis_url: str, clock: ManualClock) -> AsyncIterator[list[SharedAttempts]]:
    servers = [Redis(redis_url) for _ in range(2)]
    yield [SharedAttempts(redis, "sign-in", clock, LIMITS) for redis in servers]
    for redis in servers:
        await redis.close()


async def test_two_processes_count_together(both: list[SharedAttempts]) -> None:
    one, two = both
    await one.spend("ada", "10.0.0.1")
    await two.spend("ada", "10.0.0.1")
    for process in both:
        with pytest.raises(TooManyAttempts) as refusal:
            await process.spend("ada", "10.0.0.1")
        assert 55 <= refusal.value.retry_after_seconds <= 60
    await two.refund("ada", "10.0.0.1")
    await one.spend("ada", "10.0.0.1")


async def test_what_is_refused_is_not_counted(both: list[SharedAttempts]) -> None:
    one, two = both
    for host in range(4):
        await one.spend("ada", f"10.0.0.{host}")
    for host in range(4, 40):
        with pytest.raises(TooManyAttempts):
            await two.spend("ada", f"10.0.0.{host}")
    await two.spend("bob", "10.0.0.9")


async def test_one_place_for_everybody(both: list[SharedAttempts]) -> None:
    for person in range(6):
        await both[person % 2].spend(f"p{person}", "2001:db8::1")
    with pytest.raises(TooManyAttempts):
        await both[0].spend("another", "2001:db8::2")


async def test_windows_end_and_hold_no_address(both: list[SharedAttempts]) -> None:
    await both[0].spend("ada@example.org", "10.0.0.1")
    redis = both[0]._redis
    _, names = await redis.scan(0, "attempts:*")
    assert len(names) == 3
    for name in names:
        assert b"ada" not in name
        assert b"10.0" not in name
        assert 0 < await redis._connections.command("PTTL", name) <= 60_000


async def test_without_redis_each_counts_for_itself(clock: ManualClock) -> None:
    redis = Redis("redis://127.0.0.1:1")
    alone = SharedAttempts(redis, "sign-in", clock, LIMITS)
    for _ in range(2):
        await alone.spend("ada", "10.0.0.1")
    with pytest.raises(TooManyAttempts):
        await alone.spend("ada", "10.0.0.1")
    await alone.refund("ada", "10.0.0.1")
    await alone.spend("ada", "10.0.0.1")
    await redis.close()
