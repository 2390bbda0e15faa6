"""Each member hears of its own sections and tracks, and never another's peer, a secret."""

from dataclasses import replace

from app.core.ids import ConnectionId, Email, RoomId
from app.lecture.seat import AudienceSeat, PresenterSeat
from app.rooms.floor import member_id
from app.store.events import RoomEvent
from app.transport.sio import room_events

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
    own = text_of(room_events.bound(EVENT, "peer-a"))
    assert '"mid":"3"' in own.replace('\\"', '"')
    assert "peer-" not in own
    assert '"mid":"4"' not in own.replace('\\"', '"')
    freed = text_of(room_events.bound(EVENT, "peer-b")).replace('\\"', '"')
    assert '"id":null' in freed


def test_who_has_no_section_in_it_hears_nothing() -> None:
    assert room_events.bound(EVENT, "peer-c") is None
    assert room_events.bound(EVENT, None) is None


def test_without_a_peer_it_is_told_to_nobody() -> None:
    assert room_events.room_event_for(EVENT)(None) is None


def test_what_a_section_gets_and_lacks_is_its_members_alone() -> None:  # L29
    layer = RoomEvent(ROOM, 8, "layer", {"sections": [["peer-a", "1", 2, -1, False]]})
    alert = RoomEvent(ROOM, 9, "bandwidth", {"sections": [["peer-a", "1", True, 210_000]]})
    assert room_events.layer(layer, "peer-b") is None
    assert room_events.bandwidth(alert, None) is None
    told = text_of(room_events.layer(layer, "peer-a")).replace('\\"', '"')
    assert '{"mid":"1","layer":2,"temporal":-1,"paused":false}' in told
    told = text_of(room_events.bandwidth(alert, "peer-a")).replace('\\"', '"')
    assert '{"mid":"1","short":true,"available":210000}' in told


def test_layers_that_are_watched_are_told_to_who_sends_them() -> None:  # M10
    sam = AudienceSeat(ROOM, ConnectionId("c"), "STUDENT", "sam@example.org", "Sam")
    name = member_id(ROOM, sam.identity)
    wanted = [["presenter", "camera", "h q"], [name, "camera", "*"], [name, "screen", ""]]
    event = RoomEvent(ROOM, 8, "layers", {"wanted": wanted})
    told = text_of(room_events.layers(event, PRESENTER)).replace('\\"', '"')
    assert '"tracks":[{"source":"camera","rids":["h","q"]}]' in told
    told = text_of(room_events.layers(event, sam)).replace('\\"', '"')
    assert '{"source":"camera","rids":[""]},{"source":"screen","rids":[]}' in told
    other = AudienceSeat(ROOM, ConnectionId("d"), "STUDENT", "ann@example.org", "Ann")
    assert room_events.layers(event, other) is None
    assert room_events.layers(event, None) is None


def test_a_relay_beside_the_first_moves_those_who_are_on_it() -> None:  # P5
    branch = RoomEvent(ROOM, 7, "media_moved", {"relay": "relay-2"})
    whole = replace(branch, data={})
    heard = {
        peer: room_events.concerns(branch, peer) for peer in ("a.relay-1", "b.relay-2", "old", None)
    }
    assert heard == {"a.relay-1": False, "b.relay-2": True, "old": True, None: True}
    assert all(room_events.concerns(whole, peer) for peer in ("a.relay-1", "b.relay-2", None))
    assert "media_moved" in room_events.PERSONAL
    # Who comes back by a cursor hears of it whatever relay it is on.
    assert room_events.room_event_for(branch)(None) is not None
