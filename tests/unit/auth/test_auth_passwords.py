"""Passwords: hashed in few threads, waiting in a bounded queue."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.auth.passwords import PasswordConfig, Passwords
from app.core.errors import Unavailable

CHEAP = PasswordConfig(memory_kib=64, passes=1, threads=2, waiting=3)


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords(CHEAP)
    yield passwords
    passwords.close()


async def test_a_hash_matches_its_password_alone(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert "correct" not in stored
    assert stored != await passwords.hash("correct horse")
    assert await passwords.matches("correct horse", stored)
    assert not await passwords.matches("Correct horse", stored)
    assert not await passwords.matches("correct horse", "not a hash")


async def test_an_unknown_account_costs_the_same_work(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    verify = passwords._hash.verify

    def counted(password: str, stored: str) -> bool:
        verified.append(stored)
        return verify(password, stored)

    monkeypatch.setattr(passwords._hash, "verify", counted)
    stored = await passwords.hash("x")
    assert not await passwords.matches("wrong", stored)
    assert not await passwords.matches("wrong", None)
    assert not await passwords.matches("nobody has this account", None)
    assert len(verified) == 3
    # The same algorithm with the same parameters, so the same time.
    assert {one.split("$")[1:4] == stored.split("$")[1:4] for one in verified} == {True}


async def test_a_flood_is_refused_beyond_its_bound_and_runs_in_few_threads(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    running, most = 0, 0
    lock = threading.Lock()

    def slow(_password: str) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        gate.wait(5)
        with lock:
            running -= 1
        return "hash"

    monkeypatch.setattr(passwords._hash, "hash", slow)
    flood = asyncio.gather(*(passwords.hash("x") for _ in range(20)), return_exceptions=True)
    await asyncio.sleep(0)
    gate.set()
    ends: list[Any] = await flood
    assert ends.count("hash") == 5  # two threads and three waiting
    assert sum(isinstance(end, Unavailable) for end in ends) == 15
    assert most <= 2
    assert await passwords.hash("x") == "hash"  # the queue is empty again


async def test_one_that_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords(PasswordConfig(memory_kib=64, passes=1, threads=1, timeout_seconds=0.01))
    gate = threading.Event()
    monkeypatch.setattr(passwords._hash, "hash", lambda _password: gate.wait(5))
    with pytest.raises(Unavailable):
        await passwords.hash("x")
    gate.set()
    passwords.close()


async def test_closed(passwords: Passwords) -> None:
    passwords.close()
    passwords.close()
    with pytest.raises(Unavailable):
        await passwords.hash("x")
