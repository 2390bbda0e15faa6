"""How many sign-ins may fail."""

import pytest

from app.auth import attempts as attempts_module
from app.auth.attempts import AttemptLimits, Attempts, TooManyAttempts, network
from tests.manual_clock import ManualClock

LIMITS = AttemptLimits(window_seconds=60, per_email_and_address=2, per_email=4, per_address=6)


@pytest.fixture
def attempts(clock: ManualClock) -> Attempts:
    return Attempts(clock, LIMITS)


def test_one_person_at_one_place(attempts: Attempts, clock: ManualClock) -> None:
    attempts.spend("ada", "10.0.0.1")
    clock.advance(20)
    attempts.spend("ada", "10.0.0.1")
    with pytest.raises(TooManyAttempts) as refusal:
        attempts.spend("ada", "10.0.0.1")
    assert refusal.value.retry_after_seconds == 40
    assert refusal.value.http_status == 429
    attempts.spend("ada", "10.0.0.2")  # elsewhere
    attempts.spend("bob", "10.0.0.1")  # somebody else
    clock.advance(40)
    attempts.spend("ada", "10.0.0.1")


def test_one_person_everywhere(attempts: Attempts) -> None:
    for host in range(4):
        attempts.spend("ada", f"10.0.0.{host}")
    with pytest.raises(TooManyAttempts):
        attempts.spend("ada", "10.0.0.9")


def test_one_place_for_everybody(attempts: Attempts) -> None:
    for person in range(6):
        attempts.spend(f"p{person}", "10.0.0.1")
    with pytest.raises(TooManyAttempts):
        attempts.spend("another", "10.0.0.1")


def test_a_success_is_given_back(attempts: Attempts) -> None:
    for _ in range(50):
        attempts.spend("ada", "10.0.0.1")
        attempts.refund("ada", "10.0.0.1")
    attempts.spend("ada", "10.0.0.1")
    attempts.spend("ada", "10.0.0.1")
    with pytest.raises(TooManyAttempts):
        attempts.spend("ada", "10.0.0.1")


def test_attempts_under_way_count(attempts: Attempts) -> None:
    attempts.spend("ada", "10.0.0.1")
    attempts.spend("ada", "10.0.0.1")  # neither has an answer yet
    with pytest.raises(TooManyAttempts):
        attempts.spend("ada", "10.0.0.1")


def test_memory_is_bounded_and_the_newest_stay(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setattr(attempts_module, "MAX_KEYS", 9)
    for number in range(100):
        clock.advance(0.01)
        attempts.spend(f"p{number}", f"10.0.1.{number}")
        assert len(attempts._windows) <= 9
    attempts.spend("p99", "10.0.1.99")
    with pytest.raises(TooManyAttempts):
        attempts.spend("p99", "10.0.1.99")


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_what_counts_as_one_place(address: str, counted_as: str) -> None:
    assert network(address) == counted_as
