"""The canvas JSON of a returning presenter (X9)."""

import gzip
import json
import zlib

import orjson
import pytest

from app.transport.sio import canvas


async def read(objects: bytes) -> object:
    return json.loads(orjson.dumps(await canvas.canvas_json(objects)))


async def test_the_stored_objects_come_back() -> None:  # X9
    objects = [{"type": "path", "fill": "ä"}, {"left": 1.5}]
    assert await read(gzip.compress(json.dumps(objects).encode())) == {
        "version": canvas.VERSION,
        "objects": objects,
        "background": "white",
    }


async def test_a_large_board_comes_back() -> None:
    objects = [{"n": number, "text": str(number * 7919)} for number in range(40_000)]
    packed = gzip.compress(json.dumps(objects).encode())
    assert len(packed) > canvas.INLINE_BYTES
    restored = await read(packed)
    assert isinstance(restored, dict)
    assert restored["objects"] == objects


@pytest.mark.parametrize(
    "objects",
    [
        b"",
        b"garbage",
        gzip.compress(b"{}"),
        gzip.compress(b"[1,"),
        gzip.compress(b"[1]")[:-9],
        gzip.compress(b"\xff\xfe"),
        gzip.compress(b"[" * 100_000),
        gzip.compress(b" " * (canvas.MAX_INFLATED_BYTES + 10)),
    ],
)
async def test_what_cannot_be_read_is_an_empty_canvas(objects: bytes) -> None:
    restored = await read(objects)
    assert isinstance(restored, dict)
    assert restored["objects"] == []


async def test_zlib_without_the_gzip_header_is_read_too() -> None:
    restored = await read(zlib.compress(b"[1]"))
    assert isinstance(restored, dict)
    assert restored["objects"] == [1]
