"""One request, one answer; a line of requests, in order and bounded; rates."""

import asyncio

import orjson
import pytest

from app.core.errors import Forbidden, RateLimited, Unavailable
from app.core.ids import ConnectionId
from app.core.tasks import Tasks
from app.transport.sio.connection import Connection, Outside, Reply
from app.transport.sio.inbox import Inbox
from app.transport.sio.outbox import Outbox
from app.transport.sio.packets import Request
from app.transport.sio.rate import Budget, Budgets
from tests.manual_clock import ManualClock


def connection(clock: ManualClock) -> Connection:
    budget = Budget.full(1, 1, clock.now())
    return Connection(
        ConnectionId("c"),
        Outbox(100, 10_000),
        Inbox(Tasks("test"), clock, 3, 100, 5.0),
        Budgets(budget, budget, budget, budget),
        lambda: None,
    )


def sent(to: Connection) -> list[str]:
    messages = []
    while not to.outbox.empty():
        messages.append(to.outbox.get_nowait().data)
    return messages


async def test_an_acknowledgement_is_sent_where_one_was_asked_for(clock: ManualClock) -> None:
    client = connection(clock)
    Reply(client, Request("/lecture", "ask", 4)).accept({"questionId": "1-1"})
    Reply(client, Request("/lecture", "ask", None)).accept({"questionId": "1-1"})
    assert sent(client) == ['3/lecture,4[{"ok":true,"questionId":"1-1"}]']


async def test_a_refusal_is_acknowledged_or_emitted(clock: ManualClock) -> None:
    client = connection(clock)
    Reply(client, Request("/lecture", "edit", 0)).refuse(Forbidden("no"))
    Reply(client, Request("/lecture", "edit", None)).refuse(Forbidden("no"))
    acknowledged, failed = sent(client)
    assert orjson.loads(acknowledged.removeprefix("3/lecture,0")) == [
        {"ok": False, "error": {"code": "forbidden", "message": "no", "retryable": False}}
    ]
    assert orjson.loads(failed.removeprefix("2/lecture,")) == [
        "failed",
        {"event": "edit", "code": "forbidden", "message": "no", "retryable": False},
    ]


async def test_a_request_is_answered_once(clock: ManualClock) -> None:
    client = connection(clock)
    reply = Reply(client, Request("/lecture", "edit", 1))
    reply.accept({})
    reply.refuse(Forbidden("late"))
    reply.accept({})
    assert sent(client) == ['3/lecture,1[{"ok":true}]']


async def test_nothing_is_emitted_into_a_namespace_that_was_left(clock: ManualClock) -> None:
    client = connection(clock)
    client.emit("/lecture", "update", {})
    assert sent(client) == []
    client.namespaces["/lecture"] = "sid"
    client.emit("/lecture", "update", {})
    assert sent(client) == ['2/lecture,["update",{}]']


async def test_a_new_connection_is_nowhere(clock: ManualClock) -> None:
    client = connection(clock)
    assert client.place == Outside()
    assert client.seat is None
    assert client.epoch == 0


async def test_the_inbox_keeps_order_and_bounds(clock: ManualClock) -> None:
    tasks, done, gate = Tasks("test"), [], asyncio.Event()
    inbox = Inbox(tasks, clock, 2, 100, 5.0)

    def job(name: str):  # type: ignore[no-untyped-def]
        async def run() -> None:
            await gate.wait()
            done.append(name)

        return run

    inbox.file(job("a"), 1, lambda _: None)
    await asyncio.sleep(0)
    inbox.file(job("b"), 1, lambda _: None)
    inbox.file(job("c"), 1, lambda _: None)
    with pytest.raises(RateLimited):
        inbox.file(job("d"), 1, lambda _: None)
    inbox.file_always(job("loss"))
    gate.set()
    while inbox.is_busy:
        await asyncio.sleep(0)
    assert done == ["a", "b", "c", "loss"]
    assert len(tasks) <= 1
    await tasks.close()


async def test_what_waited_too_long_is_refused_but_a_loss_is_not(clock: ManualClock) -> None:
    tasks, done, gate = Tasks("test"), [], asyncio.Event()
    inbox = Inbox(tasks, clock, 10, 100, 5.0)
    expired: list[Unavailable] = []

    async def wait() -> None:
        await gate.wait()

    async def run() -> None:
        done.append("ran")

    inbox.file(wait, 1, expired.append)
    await asyncio.sleep(0)
    inbox.file(run, 1, expired.append)
    inbox.file_always(run)
    clock.advance(6)
    gate.set()
    while inbox.is_busy:
        await asyncio.sleep(0)
    assert done == ["ran"]
    assert len(expired) == 1
    await tasks.close()


def test_a_budget_allows_a_burst_and_then_its_rate() -> None:
    budget = Budget.full(10, 5, now=0.0)
    assert [budget.take(0.0) for _ in range(6)] == [True] * 5 + [False]
    assert budget.take(0.1)
    assert not budget.take(0.1)
    assert [budget.take(100.0) for _ in range(6)] == [True] * 5 + [False]
