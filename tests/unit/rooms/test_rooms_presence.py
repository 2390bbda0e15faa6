"""Who this process serves."""

from app.core.ids import ConnectionId, RoomId
from app.rooms.presence import HeldSlot, Presence

ROOM, OTHER = RoomId("1"), RoomId("2")
TAB1, TAB2 = ConnectionId("tab1"), ConnectionId("tab2")


def test_a_late_loss_does_not_drop_a_newer_slot() -> None:  # X7
    presence = Presence()
    old, new = HeldSlot(ROOM, TAB1, 1), HeldSlot(ROOM, TAB2, 2)
    presence.hold(old)
    presence.hold(new)
    presence.drop(old)
    presence.hold(old)
    assert presence.held() == [new]
    presence.drop(new)
    assert presence.held() == []


def test_listeners_are_counted_by_connection() -> None:
    presence = Presence()
    for _ in range(2):
        presence.present(ROOM, TAB1)
    presence.present(ROOM, TAB2)
    presence.absent(ROOM, ConnectionId("stranger"))
    presence.absent(OTHER, TAB1)
    assert presence.count(ROOM) == 2
    assert presence.take_changed() == [ROOM]
    assert presence.take_changed() == []


def test_an_empty_room_is_said_once_and_forgotten() -> None:
    presence = Presence()
    presence.present(ROOM, TAB1)
    presence.absent(ROOM, TAB1)
    assert presence.take_changed() == [ROOM]
    assert presence.listening() == []
    assert presence.rooms() == set()
    presence.mark_changed(ROOM)
    assert presence.take_changed() == [ROOM]
