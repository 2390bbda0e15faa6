"""What may reach OpenSSL: whole DTLS records, and no alert that anybody could have written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.relay.records import is_admissible, records


def record(kind: int, epoch: int, body: bytes, version: int = 0xFEFD) -> bytes:
    head = bytes([kind]) + version.to_bytes(2) + epoch.to_bytes(2) + bytes(6)
    return head + len(body).to_bytes(2) + body


def message(kind: int, body: bytes, number: int = 0, offset: int = 0, whole: int = 0) -> bytes:
    head = bytes([kind]) + (whole or len(body)).to_bytes(3) + number.to_bytes(2)
    return head + offset.to_bytes(3) + len(body).to_bytes(3) + body


HELLO = record(22, 0, message(1, b"hello"), 0xFEFF)
DATA = record(23, 1, b"sealed")
ALERT = record(21, 0, b"\x01\x00")
SEALED_ALERT = record(21, 1, bytes(24))


@pytest.mark.parametrize(
    "data",
    [
        HELLO,
        DATA,
        SEALED_ALERT,
        HELLO + DATA,
        b"\x2c\x00\x00\x00\x01x",
        record(20, 0, b"\x01"),
        record(22, 0, message(11, b"part", 2, 100, 300)),
        record(22, 0, message(15, b"x", 3) + message(16, b"y", 4)),
    ],
)
def test_whole_records_pass(data: bytes) -> None:
    assert is_admissible(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x16",
        HELLO[:-1],
        HELLO + b"\x00",
        HELLO + DATA[:12],
        record(22, 0, b"hello", 0x0303),
        record(19, 0, b"x"),
        record(27, 0, b"x"),
        b"\x80" * 40,
        b"\x3c\x00\x00\x00\x01x",  # with a connection id, which was never agreed
        ALERT,
        HELLO + ALERT,
        record(23, 0, b"x"),
        record(24, 0, b"x"),
        record(20, 0, b"\x02"),
        record(22, 0, b"hello"),
        record(22, 0, message(2, b"a server's")),
        record(22, 0, message(1, b"x", 17)),
        record(22, 0, message(1, b"xx", offset=1, whole=2)),
        record(22, 0, message(1, b"x", whole=16_385)),
        record(22, 0, message(1, b"xx")[:-1]),
    ],
)
def test_anything_else_does_not(data: bytes) -> None:  # P7
    assert not is_admissible(data)


def test_a_datagram_is_split_at_its_records() -> None:
    assert records(HELLO + DATA + SEALED_ALERT) == [HELLO, DATA, SEALED_ALERT]


@given(st.binary(max_size=80))
def test_no_bytes_raise(data: bytes) -> None:
    found = records(data)
    assert found is None or b"".join(found) == data
