"""The protocol that coturn speaks to its Redis."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.turn import resp

COMMANDS = [[b"AUTH", b"pw"], [b"smembers", b"turn/realm/r/secret"], [b"set", b"k", b"a\r\nb"]]
STREAM = b"".join(resp.array(words) for words in COMMANDS)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_commands_however_they_are_cut(sizes: list[int]) -> None:
    reader, got, at = resp.CommandReader(), [], 0
    for size in sizes:
        got += reader.feed(STREAM[at : at + size])
        at += size
    got += reader.feed(STREAM[at:])
    assert got == COMMANDS


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n",
        b"*x\r\n",
        b"*-1\r\n",
        b"*1000000\r\n",
        b"*1\r\n$99999999\r\n",
        b"*1\r\n:5\r\n",
        b"*1" + b"0" * 20_000,
    ],
)
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(resp.ProtocolError):
        resp.CommandReader().feed(garbage)


def test_replies() -> None:
    assert resp.array([b"a", b""]) == b"*2\r\n$1\r\na\r\n$0\r\n\r\n"
    assert resp.number(3) == b":3\r\n"
    assert resp.refusal("flushall") == b"-ERR unknown command 'flushall'\r\n"
