"""Events as they are published and logged."""

import pytest

from app.core.ids import RoomId
from app.store.events import RoomEvent, read_logged, read_published

ROOM = RoomId("004217")


def test_a_published_event_keeps_its_blob_whole() -> None:
    message = b'{"seq":7,"type":"board","audience":"room","data":{"width":1}}\n\n\x00{"seq":8}\n'
    assert read_published(ROOM, message) == RoomEvent(
        ROOM, 7, "board", {"width": 1}, b'\n\x00{"seq":8}\n', "room"
    )


@pytest.mark.parametrize("message", [b"", b"\n", b"{}", b"[1]\n", b'{"seq":"x","type":"a"}\n'])
def test_anything_else_is_refused(message: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_published(ROOM, message)


def test_a_logged_event_has_the_number_of_its_entry() -> None:
    fields = {b"type": b"asked", b"audience": b"presenter", b"data": b'{"name":"Sam"}'}
    assert read_logged(ROOM, b"12-0", fields) == RoomEvent(
        ROOM, 12, "asked", {"name": "Sam"}, b"", "presenter"
    )
