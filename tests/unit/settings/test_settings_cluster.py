"""What a process is told of its place, its limits and how others are picked."""

import os

import pytest

from app import settings
from app.cluster.scheduler import STRATEGIES
from app.cluster.strategy import Strategy
from app.settings import SettingsError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LECTERN_") or name in {"REDIS_URL", "DATABASE_URL", "JWT_SECRET_KEY"}:
            monkeypatch.delenv(name)


def test_a_process_stands_nowhere_in_particular_and_serves_everybody() -> None:
    found = settings.load()
    assert (found.regions, found.isps, found.address) == ((), (), None)
    assert (found.max_load, found.drain_seconds, found.pin) == (0.85, 20, "on")
    assert found.strategies == {}
    assert STRATEGIES == {"api": Strategy.LEAST_USED, "relay": Strategy.LEAST_USED}


def test_strategies_are_chosen_by_purpose(monkeypatch: pytest.MonkeyPatch) -> None:  # O15, L31
    monkeypatch.setenv("LECTERN_PLACING", "relay=round-robin, api=last-used")
    assert settings.load().strategies == {
        "relay": Strategy.ROUND_ROBIN,
        "api": Strategy.LAST_USED,
    }


def test_places_are_lists_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LECTERN_REGIONS", "seoul, busan,")
    monkeypatch.setenv("LECTERN_ISPS", "kt")
    found = settings.load()
    assert (found.regions, found.isps) == (("seoul", "busan"), ("kt",))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("LECTERN_REGIONS", "south korea", "names without spaces"),
        ("LECTERN_ISPS", "x" * 65, "names without spaces"),
        ("LECTERN_PLACING", "relay", "purposes (api, relay) with a strategy each"),
        ("LECTERN_PLACING", "sip=random", "purposes (api, relay) with a strategy each"),
        ("LECTERN_PLACING", "relay=first", "purposes (api, relay) with a strategy each"),
        ("LECTERN_ADDRESS", "lectures.example.org", "a host, a colon and a port"),
        ("LECTERN_MAX_LOAD", "0", "a number from 0.05 to 1"),
        ("LECTERN_MAX_MEMORY_MB", "1", "from 64 to 1048576"),
        ("LECTERN_DRAIN_SECONDS", "-1", "from 0 to 86400"),
        ("LECTERN_PIN", "yes", "off or on"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        settings.load()
    (line,) = refusal.value.lines
    assert line.startswith(f"{name}: ")
    assert allowed in line
