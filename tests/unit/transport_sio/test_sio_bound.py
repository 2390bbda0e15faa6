"""``bound``: each member hears of its own sections, and never another's peer, which is a secret."""

from app.core.ids import RoomId
from app.store.events import RoomEvent
from app.transport.sio import wire

EVENT = RoomEvent(
    RoomId("004217"),
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


def test_a_replay_names_no_peer() -> None:
    assert "peer-" not in text_of(wire.room_event_for(EVENT)(None))
