"""Boards: merging, and the JSON that stands in the room's hash."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.whiteboard.model import IDENTITY, Board
from app.whiteboard.store import read_board, view_json

numbers = st.floats(allow_nan=False, allow_infinity=False)
boards = st.builds(
    Board,
    st.binary(max_size=50),
    st.tuples(*[numbers] * 6),
    numbers,
    numbers,
    numbers,
)


def test_empty_objects_are_unchanged_objects() -> None:  # X2
    board = Board(b"strokes", IDENTITY, 1, 800, 600)
    panned = Board(b"", (2, 0, 0, 2, 0, 0), 2, 801, 601)
    assert board.merged(panned) == Board(b"strokes", (2, 0, 0, 2, 0, 0), 2, 801, 601)
    assert board.merged(Board(b"new")) == Board(b"new")


@given(boards)
def test_a_board_reads_back_as_it_was_stored(board: Board) -> None:
    assert read_board(view_json(board).encode(), board.objects) == board


def test_the_stored_view_has_the_contracts_names() -> None:  # B2
    view = json.loads(view_json(Board(b"x", (1, 2, 3, 4, 5, 6), 7, 8, 9)))
    assert view == {"viewport": [1, 2, 3, 4, 5, 6], "eventTime": 7, "width": 8, "height": 9}


def test_no_view_is_the_empty_board() -> None:
    assert read_board(b"", b"") == Board()
