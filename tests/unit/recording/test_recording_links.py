"""Links to files: signed, ending, and made out to one file each."""

from urllib.parse import parse_qs, urlsplit

import pytest

from app.recording.storage.signing import Signer

KEY = f"{'0123456789abcdef' * 2}/presenter-microphone-opus.webm"
NOW = 1_750_000_000.0


def parts(path: str) -> tuple[int, str]:
    query = parse_qs(urlsplit(path).query)
    return int(query["expires"][0]), query["signature"][0]


def test_a_link_is_good_until_it_ends() -> None:
    signer = Signer("s" * 32)
    path = signer.path(KEY, 60, NOW)
    assert urlsplit(path).path == f"/recordings/{KEY}"
    expires, signature = parts(path)
    assert signer.is_good(KEY, expires, signature, NOW + 59)
    assert not signer.is_good(KEY, expires, signature, NOW + 60)
    assert not signer.is_good(KEY, expires + 1, signature, NOW)


def test_a_link_opens_nothing_else() -> None:
    signer = Signer("s" * 32)
    expires, signature = parts(signer.path(KEY, 60, NOW))
    assert not signer.is_good(KEY.replace("microphone", "camera"), expires, signature, NOW)
    assert not Signer("t" * 32).is_good(KEY, expires, signature, NOW)
    assert not signer.is_good(KEY, expires, "", NOW)
    assert not signer.is_good(KEY, expires, "ä" * 64, NOW)


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        f"{'a' * 32}/../secret",
        f"{'a' * 32}/.draft-1",
        f"{'a' * 32}/raw/x.webm",
        f"{'A' * 32}/x.webm",
        "004217/x.webm",
        f"{'a' * 32}/x\n.webm",
        f"{'a' * 32}/",
    ],
)
def test_no_link_is_made_out_to_anything_but_a_lectures_file(key: str) -> None:
    signer = Signer("s" * 32)
    expires = int(NOW) + 60
    assert not signer.is_good(key, expires, signer._sign(key, expires), NOW)
