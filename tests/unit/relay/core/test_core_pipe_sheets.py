"""What two relays tell each other: whole or not at all, in any order, and nothing breaks it."""

import random
import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import PeerId
from app.relay.core.media import Codec
from app.relay.core.pipe_sheet import (
    MAX_BYTES,
    Assembly,
    LayerSheet,
    Sheet,
    StreamSheet,
    decode,
    parts_of,
    write,
)
from app.relay.core.rtcp import parse, receiver_report


def sheet(streams: int, layers: int = 3) -> Sheet:
    rng = random.Random(streams)
    return Sheet(
        tuple(
            StreamSheet(
                PeerId(f"{rng.randbytes(16).hex()}.relay-{number}"),
                number == 0,
                "camera",
                "video",
                (Codec(96, "vp8", 90_000), Codec(63, "red", 48_000, apt=1)),
                (("urn:ietf:params:rtp-hdrext:ssrc-audio-level", 1),),
                ("owner", "presenter") if number % 2 else (),
                tuple(
                    LayerSheet(rng.getrandbits(32) | 1, bool(layer), 320, 180, (1, 2, 3, 4))
                    for layer in range(layers)
                ),
            )
            for number in range(streams)
        ),
        ((5, 3), (9, 0)),
    )


@pytest.mark.parametrize("streams", [0, 1, 8, 48])
def test_a_sheet_comes_as_it_was_whatever_the_order_of_its_parts(streams: int) -> None:
    told = sheet(streams)
    packets = write(77, 4, 9, told.encode())
    assert all(len(packet) <= 1_100 for packet in packets)
    assert (len(packets) > 1) == (streams > 8)
    random.Random(3).shuffle(packets)
    assembly, whole = Assembly(), None
    for packet in [*packets, *packets]:  # and each twice
        compound = receiver_report(()) + packet
        assert parse(compound) is not None  # RTCP that others pass over
        (part,) = parts_of(compound)
        assert part.has == 9
        found = assembly.add(part)
        assert found is None or whole is None
        whole = found or whole
    assert whole is not None
    assert decode(whole) == told
    assert assembly.version == 4


def test_parts_of_an_older_sheet_are_dropped() -> None:
    assembly = Assembly()
    old, new = (write(1, version, 0, sheet(48).encode()) for version in (1, 2))
    for packet in old[:-1]:
        assert assembly.add(next(iter(parts_of(packet)))) is None
    for packet in new[:-1]:
        assert assembly.add(next(iter(parts_of(packet)))) is None
    assert assembly.add(next(iter(parts_of(old[-1])))) is None
    assert assembly.add(next(iter(parts_of(new[-1])))) is not None
    assert assembly.add(next(iter(parts_of(new[0])))) is None


def test_a_sheet_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ValueError, match="too long"):
        write(1, 1, 0, random.Random(1).randbytes(40_000))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'{"streams":[],"wants":[[0,1]]}',
        b'{"streams":[],"wants":[[4294967296,1]]}',
        b'{"streams":{},"wants":[]}',
        b'{"streams":[{"source":"camera"}],"wants":[]}',
        b'{"streams":[[]],"wants":[]}',
        b'{"streams":[],"wants":[1]}',
        b'{"streams":[{"owner":"x","source":"oven","kind":"video"}],"wants":[]}',
    ],
)
def test_what_is_no_sheet_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="no sheet"):
        decode(zlib.compress(body))


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(ValueError, match="no sheet"):
        decode(zlib.compress(b" " * (2 * MAX_BYTES) + b"{}"))


@given(st.binary(max_size=200))
def test_bytes_never_raise_anything_else(data: bytes) -> None:
    list(parts_of(data))
    with pytest.raises(ValueError, match="no sheet"):
        decode(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_JSON, _JSON)
def test_any_json_is_a_sheet_or_refused(streams: object, wants: object) -> None:
    try:
        text = orjson.dumps({"streams": streams, "wants": wants})
    except TypeError:  # an integer beyond 64 bits
        return
    try:
        decode(zlib.compress(text))
    except ValueError as error:
        if "no sheet" not in str(error):
            raise
