"""The board as a fold: keyframes hold all of it, and say when they are due."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive.board import (
    KEYFRAME_BYTES,
    KEYFRAME_EVENTS,
    BoardState,
    Keyframes,
    freeze,
    rebuild,
    thaw,
)
from tests.board_replica import board_hash

VIEW = {"viewport": [1, 0, 0, 1, 0, 0], "eventTime": 1.5, "width": 2, "height": 3}


def put(ident: str, version: int = 1, page: int = 0) -> dict[str, Any]:
    return {"put": {"id": ident, "version": version, "versionNonce": 3, "page": page, "x": "é"}}


CHANGES = st.one_of(
    st.builds(put, st.sampled_from("abcdef"), st.integers(0, 2**53 - 1), st.integers(0, 3)),
    st.builds(lambda ident: {"del": ident, "version": 9}, st.sampled_from("abcdef")),
    st.just({"clear": True}),
    st.builds(lambda page: {"clear": True, "page": page}, st.integers(0, 3)),
)


@given(st.lists(st.lists(CHANGES, min_size=1, max_size=5), max_size=12), st.integers(0, 11))
def test_a_keyframe_anywhere_changes_nothing(draws: list[list[dict[str, Any]]], at: int) -> None:
    events = [
        (n, 10 * n, "drawn", {"rev": n, "hash": "", "ops": ops}, None)
        for n, ops in enumerate(draws, 1)
    ]
    whole = rebuild(None, events)
    first = rebuild(None, events[:at])
    again = rebuild(freeze(first), events[at:])
    assert again == whole
    elements = [orjson.loads(text) for text in whole.texts()]
    if draws:
        assert whole.hash == board_hash(elements)


def test_a_whole_board_and_elements_take_turns() -> None:
    state = BoardState()
    state.apply(1, 1, "board", VIEW, b"gz")
    state.apply(2, 2, "board", {**VIEW, "width": 9}, None)
    assert (state.kind, state.objects, state.hash) == ("whole", b"gz", "")
    assert state.view is not None
    assert state.view["width"] == 9
    assert thaw(freeze(state)) == state
    state.apply(3, 3, "drawn", {"rev": 3, "ops": [put("a")]}, None)
    assert (state.kind, state.objects, len(state.elements)) == ("elements", b"", 1)
    state.apply(4, 4, "board", VIEW, None)  # the view moves, the elements stand
    assert (state.kind, len(state.elements), state.rev) == ("elements", 1, 4)
    state.apply(5, 5, "page", {"page": 2}, None)
    assert (state.page, state.rev) == (2, 5)
    state.apply(6, 6, "board", VIEW, b"new")
    assert (state.kind, state.elements, state.first, state.second) == ("whole", {}, 0, 0)


@pytest.mark.parametrize("bad", [b"", b"x", freeze(BoardState())[:5]])
def test_what_is_no_keyframe_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        thaw(bad)


def test_keyframes_are_due_by_number_and_by_size() -> None:
    due = Keyframes()
    assert [due.note(1) for _ in range(KEYFRAME_EVENTS)] == [False] * (KEYFRAME_EVENTS - 1) + [True]
    due.written(10)
    assert not due.note(KEYFRAME_BYTES - 1)
    assert due.note(1)
    due.written(4 * KEYFRAME_BYTES)  # a large board: as many bytes of changes first
    assert not due.note(KEYFRAME_BYTES)
    assert due.note(3 * KEYFRAME_BYTES)
