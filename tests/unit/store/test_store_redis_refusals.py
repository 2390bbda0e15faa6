"""What Redis replies, as errors of ours."""

import re

import pytest
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError

from app.core.errors import Ended, Internal, LecternError, StalePresenter, Unavailable
from app.store.replies import refusal
from app.store.script import SCRIPTS, room_keys


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        (ResponseError("ended the lecture is over"), Ended, "the lecture is over"),
        (ResponseError("ERR stale_presenter taken"), StalePresenter, "taken"),
        (ResponseError("ended"), Ended, "ended"),
        (ReadOnlyError("You can't write against a read only replica."), Unavailable, None),
        (OutOfMemoryError("command not allowed"), Unavailable, None),
        (NoPermissionError("this user"), Unavailable, None),
        (ResponseError("MISCONF Redis is configured to save"), Unavailable, None),
        (
            ResponseError("Error running script (call to f_1): -READONLY You can't write"),
            Unavailable,
            None,
        ),
        (ResponseError("WRONGTYPE Operation against a key"), Internal, None),
        (ResponseError("wrong number of arguments"), Internal, None),
    ],
)
def test_a_reply_is_one_of_our_errors(
    reply: ResponseError, kind: type[LecternError], message: str | None
) -> None:
    error = refusal(reply)
    assert type(error) is kind
    assert message is None or error.message == message


def test_every_room_key_is_in_the_rooms_slot() -> None:
    keys = room_keys("004217")  # type: ignore[arg-type]
    assert len(set(keys)) == len(keys)
    assert all("{004217}" in key for key in keys)


def test_every_room_script_names_its_preludes_first() -> None:
    for path in SCRIPTS.glob("[!_]*.lua"):
        text = path.read_text()
        names_its_keys = re.search(r"KEYS\[\d", text) is not None
        assert text.startswith("-- prelude: room") != names_its_keys, path.name
