"""What entries of a log become; nothing in a log stops what follows it."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from app.archive.board import BoardState, Keyframes
from app.archive.model import MAX_GAPS, Entry, Gap, with_gap
from app.archive.reduction import reduce_log


def entry(seq: int, kind: str, data: Any, **more: Any) -> Entry:
    return Entry(seq, 1000 + seq, kind, data, orjson.dumps(data), **more)


def test_a_question_from_its_asking_to_its_answer() -> None:
    ident = "1-0"
    asked = {"questionId": ident, "content": "why\x00?", "name": "n" * 99, "memberId": "m",
             "anonymous": True, "shown": "waiting"}  # fmt: skip
    entries = [
        entry(1, "asked", asked),
        entry(2, "question", {"questionId": ident}),
        entry(3, "votes", {"votes": {ident: 4, "9-9": 1}}),
        entry(4, "answered", {"questionId": ident, "content": "so", "name": "Ada"}, who="w"),
        entry(5, "solved", {"questionId": ident}),
        entry(6, "hidden", {"questionId": "9-9"}),
    ]
    changes = reduce_log(entries, 0, BoardState(), Keyframes())
    row = changes.questions[ident]
    assert row["content"] == "why\N{REPLACEMENT CHARACTER}?"
    assert len(row["name"]) == 64
    assert (row["shown"], row["votes"], row["answer"], row["answer_member"]) == (
        "visible", 4, "so", "w"
    )  # fmt: skip
    assert (row["answered_ms"], row["solved_ms"], row["member_id"]) == (1004, 1005, "m")
    assert changes.questions["9-9"] == {"votes": 1, "shown": "hidden"}  # asked in a gap


def test_a_caption_stands_as_long_as_it_takes_to_read() -> None:
    entries = [
        entry(1, "caption", {"text": "short", "ago": 500}),
        entry(2, "caption", {"text": "x" * 50}),
        entry(3, "caption", {"text": "x" * 500, "ago": 60_000}),
    ]
    rows = reduce_log(entries, 0, BoardState(), Keyframes()).captions
    assert [(row["start_ms"], row["end_ms"] - row["start_ms"]) for row in rows] == [
        (501, 1200), (1002, 3000), (0, 7000)
    ]  # fmt: skip


def test_a_board_that_is_another_than_the_live_one_is_noticed() -> None:
    put = {"put": {"id": "a", "version": 1, "versionNonce": 0}}
    good = {"rev": 1, "hash": "053ec20d1eccf062", "ops": [put]}  # docs/protocol.md
    board = BoardState()
    assert reduce_log([entry(1, "drawn", good)], 0, board, Keyframes()).diverged is None
    bad = {"rev": 2, "hash": "0" * 16, "ops": [put]}
    assert reduce_log([entry(2, "drawn", bad)], 0, board, Keyframes()).diverged == 2


def test_objects_that_are_sent_again_are_stored_once() -> None:
    view = {"viewport": [1, 0, 0, 1, 0, 0], "eventTime": 0, "width": 1, "height": 1}
    entries = [
        entry(seq, "board", view, objects=objects)
        for seq, objects in enumerate([b"one", b"one", None, b"one", b"two", b"one"], 1)
    ]
    board = BoardState()
    changes = reduce_log(entries, 0, board, Keyframes())
    stored = [row["objects"] for row in changes.board]
    assert stored == [b"one", None, None, None, b"two", b"one"]
    assert board.objects == b"one"


def test_what_the_board_has_already_is_not_told_twice() -> None:
    board = BoardState(seq=5)
    changes = reduce_log([entry(5, "page", {"page": 1})], 0, board, Keyframes())
    assert (changes.board, board.page) == ([], 0)
    assert len(changes.chapters) == 1  # it is a chapter all the same


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
KINDS = ["asked", "question", "votes", "answered", "solved", "hidden", "caption", "chapter", "page",
         "board", "drawn", "ended", "listeners", "sources", ""]  # fmt: skip
FIELDS = st.sampled_from(
    [
        "questionId",
        "content",
        "votes",
        "text",
        "ago",
        "title",
        "page",
        "ops",
        "rev",
        "hash",
        "viewport",
        "eventTime",
        "at",
    ]
)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(FIELDS, JSON)), max_size=8))
def test_nothing_in_a_log_raises(log: list[tuple[str, dict[str, Any]]]) -> None:
    entries = [Entry(seq, seq, kind, data, b"{}") for seq, (kind, data) in enumerate(log, 1)]
    reduce_log(entries, 0, BoardState(), Keyframes())


def test_gaps_are_bounded() -> None:
    gaps: tuple[Gap, ...] = ()
    for number in range(MAX_GAPS + 50):
        gaps = with_gap(gaps, Gap(number, number, number, "log"))
    assert len(gaps) == MAX_GAPS
    assert gaps[-1].to_seq == MAX_GAPS + 49
