"""Who is given TURN servers, and when others."""

from typing import Any

import pytest

from app.core.ids import ConnectionId, Email, RoomId
from app.lecture.seat import AudienceSeat, PresenterSeat
from app.transport.sio.ice_servers import CHUNK, IceServers
from app.turn.credentials import Credential, IceServer
from app.turn.service import Issued
from tests.manual_clock import ManualClock

ROOM = RoomId("004217")
HALF_LIFE = 150.0


class Turn:
    """Issues numbered credentials."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.generation = 0
        self.issued: list[tuple[str, str]] = []
        self.bad: set[str] = set()

    def issue(self, room: str, identity: str) -> Issued:
        self.issued.append((room, identity))
        credential = Credential(f"user-{len(self.issued)}", "pw", 0)
        server = IceServer("turn-a", ("turn:a",), credential)
        return Issued((server,), self.clock.now() + HALF_LIFE)

    def is_good(self, issued: Issued, room: str, identity: str) -> bool:
        return identity not in self.bad


class Someone:
    """A connection, by the little of it that is used."""

    def __init__(self, number: int, presents: bool = False) -> None:
        ident = ConnectionId(f"connection-{number}")
        self.id = ident
        self.is_open = True
        self.namespaces = {"/create-room" if presents else "/enter-room": "sid"}
        self.sent: list[tuple[str, str, Any]] = []
        identity = f"student-{number}@example.org"
        self.seat: Any = (
            PresenterSeat(ROOM, ident, Email("ada@example.org"), "Ada", 1)
            if presents
            else AudienceSeat(ROOM, ident, "STUDENT", identity, "Bob")
        )

    def emit(self, namespace: str, event: str, payload: dict[str, Any]) -> None:
        self.sent.append((namespace, event, payload))


@pytest.fixture
def turn(clock: ManualClock) -> Turn:
    return Turn(clock)


@pytest.fixture
def ice(turn: Turn, clock: ManualClock) -> IceServers:
    return IceServers(turn, clock)


def test_without_turn_an_answer_is_as_it_always_was(clock: ManualClock) -> None:
    someone, ice = Someone(1), IceServers(None, clock)
    assert ice.with_answer(someone, someone.seat) == {}
    ice.on_return(someone, someone.seat)
    assert someone.sent == []


def test_every_answer_has_the_persons_own_servers(ice: IceServers, turn: Turn) -> None:  # X20, L20
    ada, bob = Someone(1, presents=True), Someone(2)
    first = ice.with_answer(ada, ada.seat)
    second = ice.with_answer(bob, bob.seat)
    assert first == {"iceServers": [{"urls": ["turn:a"], "username": "user-1", "credential": "pw"}]}
    assert second["iceServers"][0]["username"] == "user-2"
    assert turn.issued == [(ROOM, "ada@example.org"), (ROOM, "student-2@example.org")]


async def test_renewed_in_place_after_half_a_life(
    ice: IceServers, turn: Turn, clock: ManualClock
) -> None:
    someone = Someone(1)
    ice.with_answer(someone, someone.seat)
    clock.advance(HALF_LIFE - 1)
    await ice.look(turn)
    assert someone.sent == []
    clock.advance(1)
    await ice.look(turn)
    ((namespace, event, payload),) = someone.sent
    assert (namespace, event) == ("/enter-room", "iceServers")
    assert payload["iceServers"][0]["username"] == "user-2"
    await ice.look(turn)
    assert len(someone.sent) == 1
    someone.namespaces["/lecture"] = "sid"
    clock.advance(HALF_LIFE)
    await ice.look(turn)
    assert someone.sent[1][0] == "/lecture"


async def test_a_dead_server_is_replaced_at_once(ice: IceServers, turn: Turn) -> None:  # row 35
    people = [Someone(number) for number in range(3 * CHUNK)]
    for someone in people:
        ice.with_answer(someone, someone.seat)
    turn.bad = {"student-7@example.org"}
    await ice.look(turn)
    assert not any(someone.sent for someone in people), "nothing has changed"
    turn.generation += 1
    await ice.look(turn)
    assert [someone.id for someone in people if someone.sent] == ["connection-7"]
    await ice.look(turn)
    assert len(people[7].sent) == 1


async def test_one_who_returns_without_an_offer_is_given_some_once(ice: IceServers) -> None:
    someone = Someone(1)
    someone.namespaces["/lecture"] = "sid"
    ice.on_return(someone, someone.seat)
    ice.on_return(someone, someone.seat)
    assert [event for _, event, _ in someone.sent] == ["iceServers"]


async def test_who_is_gone_is_forgotten(ice: IceServers, turn: Turn, clock: ManualClock) -> None:
    left, closed, ended = Someone(1), Someone(2), Someone(3)
    for someone in (left, closed, ended):
        ice.with_answer(someone, someone.seat)
    ice.forget(left)
    closed.is_open = False
    ended.seat = None
    clock.advance(HALF_LIFE)
    await ice.look(turn)
    assert not ice._given
    assert [left.sent, closed.sent, ended.sent] == [[], [], []]
