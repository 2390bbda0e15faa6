"""Roles and what they permit: cell by cell."""

import itertools

import pytest

from app.auth.permissions import PUBLISHED, Permission, read_permission
from app.auth.policy import ROLES, permission_of

ACTIONS = ("publish.audio", "publish.video", "publish.screen", "publish.data", "subscribe.audio",
           "subscribe.video", "subscribe.data", "record", "stats", "controlhandlers")  # fmt: skip
MATRIX = {
    "presenter": "1111 111 111",
    "assistant": "0001 111 010",
    "viewer": "0000 111 000",
    "viewerWithData": "0001 111 000",
    "audio_only_presenter": "1001 101 000",
    "video_only_viewer": "0000 011 000",
    "recorder": "0000 111 100",
    "nobody knows this role": "0000 000 000",
}


def may(permission: Permission, action: str) -> bool:
    said = permission.as_object()
    head, _, kind = action.partition(".")
    return bool(said[head][kind] if kind else said[head])


@pytest.mark.parametrize("role", MATRIX)
def test_the_matrix(role: str) -> None:
    # L12
    expected = [cell == "1" for cell in MATRIX[role].replace(" ", "")]
    assert [may(permission_of(role), action) for action in ACTIONS] == expected


def test_no_role_is_left_out_of_the_matrix() -> None:
    assert set(ROLES) < set(MATRIX)


@pytest.mark.parametrize("asked", list(itertools.product([True, False], repeat=4)))
def test_an_object_refuses_what_is_true_where_it_says_false(asked: tuple[bool, ...]) -> None:
    # L12
    permission = read_permission({"publish": {"audio": True, "video": False, "data": True}})
    options = dict(zip(PUBLISHED, asked, strict=True))
    assert permission.allows(options) is not (options["video"] or options["screen"])


def test_reading_what_was_written_changes_nothing() -> None:
    for permission in ROLES.values():
        assert read_permission(permission.as_object()) == permission


@pytest.mark.parametrize(
    "said",
    [{"publish": 1}, {"publish": {"audio": "yes"}}, {"publish": {"smell": True}},
     {"subscribe": {"screen": True}}, {"record": "yes"}, {"publish": [True]}],
)  # fmt: skip
def test_what_is_no_permission(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_permission(said)


def test_a_change_by_path() -> None:
    # O27
    viewer = ROLES["viewer"]
    heard = viewer.changed("/permission/subscribe/video", False)
    assert heard.hears == ["audio"]
    assert heard.changed("/permission/subscribe", True) == viewer
    speaker = viewer.changed("/permission/publish/audio", True)
    assert speaker.sources == ["microphone"]
    assert speaker.changed("/permission/publish", {"video": True}).sources == ["camera", "screen"]
    assert speaker.changed("/permission/publish", False) == viewer
    for path, value in (("/permission", True), ("/permission/record", True), ("/publish", True),
                        ("/permission/publish/smell", True), ("/permission/publish/audio", 1),
                        ("/permission/publish/audio/x", True), ("", True)):  # fmt: skip
        with pytest.raises(ValueError, match=r"."):
            viewer.changed(path, value)


def test_livekits_words_say_the_same() -> None:
    grants = ROLES["audio_only_presenter"].as_grants("004217")
    assert grants == {
        "room": "004217", "roomJoin": True, "canPublish": True, "canPublishData": True,
        "canPublishSources": ["microphone"], "canSubscribe": True, "roomAdmin": False,
        "roomRecord": False,
    }  # fmt: skip
