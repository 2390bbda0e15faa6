"""What a client may send as a draw: read as operations, or refused, whatever it is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import BadRequest, LecternError, TooLarge
from app.transport.sio.messages import Credentials, Draw, DrawingMessage, PageMessage, read
from app.whiteboard.model import Clear, Delete, Drawing, Put

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "put": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("id", "version", "versionNonce", "page", "x"), JSON)
        )
        | JSON,
        "del": JSON,
        "version": JSON,
        "clear": JSON,
        "page": JSON,
    },
)


def draw(*ops: Any) -> Draw:
    return read(Draw, [{"roomId": "004217", "opId": "1", "ops": list(ops)}])


def test_operations_are_read() -> None:
    element = {"id": "a", "version": 3, "versionNonce": 7, "page": 2, "x": 0.5}
    ops = draw({"put": element}, {"del": "b", "version": 4}, {"clear": True}).ops
    text = b'{"id":"a","version":3,"versionNonce":7,"page":2,"x":0.5}'
    assert ops == [Put("a", 3, 7, 2, text), Delete("b", 4), Clear()]
    assert draw({"put": {**element, "isDeleted": True}}).ops == [Delete("a", 3)]
    assert draw({"clear": True, "page": 0}).ops == [Clear(0)]


@given(st.lists(NEARLY | JSON, max_size=4) | JSON)
def test_anything_is_read_or_refused(ops: Any) -> None:
    try:
        message = read(Draw, [{"roomId": "004217", "opId": "1", "ops": ops}])
    except LecternError as error:
        assert error.code in {"bad_request", "too_large"}  # noqa: PT017 (both outcomes are fine)
    else:
        assert all(isinstance(op, Put | Delete | Clear) for op in message.ops)


def test_limits_have_a_code_of_their_own() -> None:
    put = {"put": {"id": "a", "version": 1, "versionNonce": 1, "text": "x" * 65_536}}
    for ops in ([put], [{"clear": True}] * 501):
        with pytest.raises(TooLarge):
            draw(*ops)
    with pytest.raises(BadRequest):
        draw({"put": {"id": "a", "version": 1, "versionNonce": 1, "data": b"binary"}})


def test_who_may_draw_is_read() -> None:
    def rule(**fields: Any) -> Drawing:
        return read(DrawingMessage, [{"roomId": "004217", **fields}]).drawing()

    assert rule(mode="list", members=["a@b.c", "x", "a@b.c"]) == Drawing("list", ("a@b.c", "x"))
    assert rule(mode="everyone", members=["a@b.c"]) == Drawing("everyone")
    for bad in (
        {"mode": "nobody"},
        {"mode": "list", "members": ["a\nb"]},
        {"mode": "list", "members": [""]},
    ):
        with pytest.raises(BadRequest):
            rule(**bad)
    with pytest.raises(BadRequest):
        read(PageMessage, [{"roomId": "004217", "page": 1000}])


def test_a_cursor_is_a_number_or_nothing() -> None:
    assert Credentials.model_validate({"cursor": 7}).cursor == 7
    assert Credentials.model_validate({}).cursor is None
    for bad in (-1, "7", 1.5, True, 2**60):
        with pytest.raises(ValueError, match="cursor"):
            Credentials.model_validate({"cursor": bad})
