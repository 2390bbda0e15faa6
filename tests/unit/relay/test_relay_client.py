"""The api side: a refusal comes back as the error it was, anything else odd as a defect."""

import pytest

from app.core.errors import Internal, LecternError, StalePresenter, Unavailable
from app.core.ids import NodeId, PeerId, RoomId
from app.relay.answers import Done, Refused, RoomDescribed
from app.relay.client import COMMAND_SECONDS, RelayClient
from app.relay.messages import ClosePeer

NODE = NodeId("relay-1")
ROOM = RoomId("004217")


class OneAnswer:
    """A bus on which every call has the same answer."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.calls: list[tuple[NodeId, bytes, float]] = []

    async def call(self, to: NodeId, payload: bytes, timeout: float) -> bytes:
        self.calls.append((to, payload, timeout))
        return self.answer


async def test_a_command_goes_to_its_node_with_a_deadline() -> None:
    bus = OneAnswer(Done().model_dump_json().encode())
    await RelayClient(bus).close_peer(NODE, ROOM, PeerId("p"))
    [(node, payload, timeout)] = bus.calls
    assert (node, timeout) == (NODE, COMMAND_SECONDS)
    assert ClosePeer.model_validate_json(payload) == ClosePeer(room=ROOM, peer=PeerId("p"))


async def test_figures_come_back_as_a_value() -> None:
    room = RoomDescribed(participants=2, connected=1, tracks=[], packets_forwarded=7)
    assert (
        await RelayClient(OneAnswer(room.model_dump_json().encode())).describe(NODE, ROOM) == room
    )


@pytest.mark.parametrize(
    ("code", "error"),
    [("stale_presenter", StalePresenter), ("unavailable", Unavailable), ("new_code", Internal)],
)
async def test_a_refusal_is_raised_again(code: str, error: type[LecternError]) -> None:
    answer = Refused(code=code, message="because").model_dump_json().encode()
    with pytest.raises(error, match="because"):
        await RelayClient(OneAnswer(answer)).close_room(NODE, ROOM)


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"op":"done"}'])
async def test_an_answer_to_something_else_is_a_defect(answer: bytes) -> None:
    with pytest.raises(Internal):
        await RelayClient(OneAnswer(answer)).describe(NODE, ROOM)
