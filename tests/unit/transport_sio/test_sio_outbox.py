"""The outbox: order, bounds, and what it does when a reader is slow."""

import asyncio
from typing import Any

import pytest
from engineio.packet import PING, Packet

from app.transport.sio.outbox import BATCH_BYTES, Outbox
from app.transport.sio.parcel import BoardPart, Parcel, SharedPacket


def drain(outbox: Outbox) -> list[Any]:
    """Take everything, batch after batch, as the library's writer does."""
    taken = []
    while not outbox.empty():
        outbox._taken = 0
        taken.append(outbox.get_nowait().data)
    return taken


def board(text: str, part: BoardPart = BoardPart.WHOLE) -> Parcel:
    return Parcel([text, b"objects"] if part is BoardPart.WHOLE else [text], part)


async def test_a_message_and_its_attachments_stay_together() -> None:
    outbox = Outbox(10, 1000)
    outbox.offer(Parcel(["5first", b"a", b"b"]))
    await outbox.put(Packet(PING))
    outbox.offer(Parcel(["2second"]))
    assert drain(outbox) == ["5first", b"a", b"b", None, "2second"]
    assert outbox.waiting_bytes == 0


async def test_a_newer_board_replaces_the_one_that_waits_and_keeps_the_order() -> None:
    outbox = Outbox(10, 1000)
    outbox.offer(board("old"))
    outbox.offer(Parcel(["asked"]))
    outbox.offer(board("new"))
    assert drain(outbox) == ["asked", "new", b"objects"]
    assert outbox.replaced == 1
    assert outbox.waiting_bytes == 0


async def test_a_view_never_replaces_objects() -> None:  # X2
    outbox = Outbox(10, 1000)
    outbox.offer(board("whole"))
    for number in range(5):
        outbox.offer(board(f"view{number}", BoardPart.VIEW))
    assert drain(outbox) == ["whole", b"objects", "view4"]
    outbox.offer(board("view", BoardPart.VIEW))
    outbox.offer(board("whole"))
    assert drain(outbox) == ["whole", b"objects"]


async def test_a_board_that_is_half_written_is_finished() -> None:
    outbox = Outbox(10, 1000)
    outbox.offer(board("first"))
    assert outbox.get_nowait().data == "first"
    outbox.offer(board("second"))
    assert drain(outbox) == [b"objects", "second", b"objects"]


@pytest.mark.parametrize(("messages", "size", "fits"), [(3, 10_000, 3), (1000, 250, 3)])
async def test_beyond_its_bounds_the_session_is_cut_once(
    messages: int, size: int, fits: int
) -> None:
    outbox, cuts = Outbox(messages, size), []
    outbox.on_overflow = lambda: cuts.append(1)
    results = [outbox.offer(Parcel(["x" * 100])) for _ in range(fits + 3)]
    assert results == [True] * fits + [False] * 3
    assert cuts == [1]
    assert outbox.waiting_bytes == 0
    assert outbox.get_nowait() is None


async def test_the_librarys_own_packets_count_too() -> None:
    outbox, cuts = Outbox(5, 10_000), []
    outbox.on_overflow = lambda: cuts.append(1)
    for _ in range(8):
        await outbox.put(Packet(PING))
    assert cuts == [1]


async def test_an_empty_outbox_takes_any_message() -> None:
    outbox = Outbox(5, 100)
    assert outbox.offer(Parcel(["x" * 10_000]))
    assert not outbox.offer(Parcel(["y"]))


async def test_a_batch_is_bounded_and_the_rest_waits() -> None:
    outbox = Outbox(100, 10 * BATCH_BYTES)
    for _ in range(4):
        outbox.offer(Parcel(["x" * BATCH_BYTES]))
    assert await outbox.get()
    with pytest.raises(asyncio.QueueEmpty):
        outbox.get_nowait()
    assert outbox.qsize() == 3
    assert await outbox.get()


async def test_a_waiting_writer_wakes() -> None:
    outbox = Outbox(5, 100)
    writer = asyncio.ensure_future(outbox.get())
    await asyncio.sleep(0)
    outbox.offer(Parcel(["x"]))
    assert (await writer).data == "x"


async def test_a_cancelled_writer_loses_nothing() -> None:
    outbox = Outbox(5, 100)
    gone, next_one = asyncio.ensure_future(outbox.get()), asyncio.ensure_future(outbox.get())
    await asyncio.sleep(0)
    gone.cancel()
    outbox.offer(Parcel(["x"]))
    assert (await next_one).data == "x"


def test_both_transports_get_their_own_encoding_whoever_comes_first() -> None:
    for first in (True, False):
        packet = SharedPacket(b"\x00\x01")
        packet.encode(b64=first)
        assert packet.encode(b64=False) == b"\x00\x01"
        assert packet.encode(b64=True) == "bAAE="
    assert SharedPacket("2[]").encode(b64=True) == SharedPacket("2[]").encode() == "42[]"
    assert SharedPacket(b"").encode() == b""
    assert SharedPacket(b"").encode(b64=True) == "b"


async def test_a_pong_proves_what_was_written_before_its_ping() -> None:
    outbox = Outbox(10, 1000)
    outbox.offer(Parcel(["asked"], seq=4))
    await outbox.put(Packet(PING))
    outbox.offer(Parcel(["asked"], seq=5))
    drain(outbox)
    assert outbox.proved == 0
    outbox.pong()
    assert outbox.proved == 4
    outbox.pong()
    assert outbox.proved == 4
