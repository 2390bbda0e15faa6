"""The key of a callback opens one lecture's text, for some days (X17)."""

from app.core.ids import LectureId
from app.subtitles.callback_key import DAYS, CallbackKeys

SECRET = "the tests' secret of at least 32 bytes"
ONE, OTHER = LectureId("a" * 32), LectureId("b" * 32)
NOW = 1_750_000_000.0


def test_it_is_good_for_its_lecture_until_it_expires() -> None:
    keys = CallbackKeys(SECRET)
    key = keys.issue(ONE, NOW)
    assert keys.is_good(key, ONE, NOW)
    assert keys.is_good(key, ONE, NOW + DAYS * 86_400 - 1)
    assert not keys.is_good(key, ONE, NOW + DAYS * 86_400 + 1)
    assert not keys.is_good(key, OTHER, NOW)
    assert not CallbackKeys(SECRET + "x").is_good(key, ONE, NOW)


def test_what_is_no_key_is_refused() -> None:
    keys = CallbackKeys(SECRET)
    expires, _, signature = keys.issue(ONE, NOW).partition(".")
    later = f"{int(expires) + 1}.{signature}"
    for bad in ("", ".", later, expires, f"{expires}.", f"x.{signature}", f"{expires}.é", "9" * 99):
        assert not keys.is_good(bad, ONE, NOW)
