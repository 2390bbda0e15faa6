"""Each member hears of its own sections and tracks, and never another's peer, a secret."""

from dataclasses import replace

from app.core.ids import ConnectionId, Email, RoomId
from app.lecture.seat import AudienceSeat, PresenterSeat
from app.rooms.floor import member_id
from app.store.events import RoomEvent
from app.transport.sio import wire

ROOM = RoomId("004217")
PRESENTER = PresenterSeat(ROOM, ConnectionId("p"), Email("kim@example.org"), "Kim", 1)
EVENT = RoomEvent(
    ROOM,
    7,
    "bound",
    {"bindings": [["peer-a", "3", "sam", "microphone"], ["peer-b", "4", "", ""]]},
)


def text_of(parcel) -> str:
    return "".join(str(packet.data) for packet in parcel.packets)


def test_each_hears_of_its_own_sections_alone() -> None:
    own = text_of(wire.bound(EVENT, "peer-a"))
    assert '"mid":"3"' in own.replace('\\"', '"')
    assert "peer-" not in own
    assert '"mid":"4"' not in own.replace('\\"', '"')
    freed = text_of(wire.bound(EVENT, "peer-b")).replace('\\"', '"')
    assert '"id":null' in freed


def test_who_has_no_section_in_it_hears_nothing() -> None:
    assert wire.bound(EVENT, "peer-c") is None
    assert wire.bound(EVENT, None) is None


def test_without_a_peer_it_is_told_to_nobody() -> None:
    assert wire.room_event_for(EVENT)(None) is None


def test_what_a_section_gets_and_lacks_is_its_members_alone() -> None:  # L29
    layer = RoomEvent(ROOM, 8, "layer", {"sections": [["peer-a", "1", 2, -1, False]]})
    alert = RoomEvent(ROOM, 9, "bandwidth", {"sections": [["peer-a", "1", True, 210_000]]})
    assert wire.layer(layer, "peer-b") is None
    assert wire.bandwidth(alert, None) is None
    told = text_of(wire.layer(layer, "peer-a")).replace('\\"', '"')
    assert '{"mid":"1","layer":2,"temporal":-1,"paused":false}' in told
    told = text_of(wire.bandwidth(alert, "peer-a")).replace('\\"', '"')
    assert '{"mid":"1","short":true,"available":210000}' in told


def test_layers_that_are_watched_are_told_to_who_sends_them() -> None:  # M10
    sam = AudienceSeat(ROOM, ConnectionId("c"), "STUDENT", "sam@example.org", "Sam")
    name = member_id(ROOM, sam.identity)
    wanted = [["presenter", "camera", "h q"], [name, "camera", "*"], [name, "screen", ""]]
    event = RoomEvent(ROOM, 8, "layers", {"wanted": wanted})
    told = text_of(wire.layers(event, PRESENTER)).replace('\\"', '"')
    assert '"tracks":[{"source":"camera","rids":["h","q"]}]' in told
    told = text_of(wire.layers(event, sam)).replace('\\"', '"')
    assert '{"source":"camera","rids":[""]},{"source":"screen","rids":[]}' in told
    other = AudienceSeat(ROOM, ConnectionId("d"), "STUDENT", "ann@example.org", "Ann")
    assert wire.layers(event, other) is None
    assert wire.layers(event, None) is None


def test_a_relay_beside_the_first_moves_those_who_are_on_it() -> None:  # P5
    branch = RoomEvent(ROOM, 7, "media_moved", {"relay": "relay-2"})
    whole = replace(branch, data={})
    heard = {peer: wire.concerns(branch, peer) for peer in ("a.relay-1", "b.relay-2", "old", None)}
    assert heard == {"a.relay-1": False, "b.relay-2": True, "old": True, None: True}
    assert all(wire.concerns(whole, peer) for peer in ("a.relay-1", "b.relay-2", None))
    assert "media_moved" in wire.PERSONAL
    # Who comes back by a cursor hears of it whatever relay it is on.
    assert wire.room_event_for(branch)(None) is not None
