"""The fixtures that all other tests stand on."""

import pytest
import redis

from tests.manual_clock import ManualClock
from tests.redis_server import RedisServer


def test_manual_clock_moves_both_hands_only_when_told(clock: ManualClock) -> None:
    now, wall = clock.now(), clock.wall()
    assert clock.now() == now
    clock.advance(2.5)
    assert clock.now() - now == 2.5
    assert clock.wall() - wall == 2.5
    clock.set_wall(5.0)
    assert (clock.now() - now, clock.wall()) == (2.5, 5.0)


def test_manual_clock_never_runs_backwards(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-0.1)


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_gets_an_empty_database(redis_url: str, turn: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left behind", turn)


def test_own_server_keeps_what_it_acknowledged_through_a_kill(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("kept", "yes")
    redis_server.kill()
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("kept") == b"yes"
