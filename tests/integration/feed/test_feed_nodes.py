"""The coming, going and changing of our own processes is told once, whoever looks."""

from typing import Any

import orjson

from app.cluster.node import NodeInfo, NodeState
from app.core.ids import NodeId
from app.feed.nodes import NodeWatch
from app.feed.stream import FeedStream
from tests.manual_clock import ManualClock

RELAY = NodeInfo(NodeId("relay-1"), "relay", "127.0.0.1:7882")


async def test_each_change_is_told_once(stream: FeedStream, clock: ManualClock) -> None:  # L30, M6
    alive = [RELAY]

    async def look() -> list[NodeInfo]:
        return alive

    watches = [NodeWatch(stream, look, clock) for _ in range(2)]

    async def all_look(times: int) -> list[tuple[str, Any]]:
        for _ in range(times):
            for watch in watches:
                await watch.look()
        entries = await stream.after("0", 100)
        documents = [orjson.loads(entry.body or b"") for entry in entries]
        return [(one["type"].removeprefix("lectern."), one["data"]["state"]) for one in documents]

    assert await all_look(2) == [("worker.joined", "ready")]
    alive[0] = NodeInfo(RELAY.id, "relay", RELAY.address, state=NodeState.DRAINING)
    assert (await all_look(2))[1:] == [("worker.state", "draining")]
    alive.clear()
    assert len(await all_look(1)) == 2, "one look that misses it proves nothing"
    assert (await all_look(2))[2:] == [("worker.left", "gone")]
    alive.append(RELAY)
    assert (await all_look(2))[3:] == [("worker.joined", "ready")]
