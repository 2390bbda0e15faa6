"""Signed requests: the vectors of both systems, and what makes a header no signature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.auth.signatures import (
    WINDOW_SECONDS,
    SignatureError,
    is_timely,
    mauth_text,
    own_text,
    read_mauth,
    read_own,
    sign_mauth,
    sign_own,
)

SHA1 = "MTM5NjZlOTcwODFjYTkxNTkxOTZmNTE2MWVlNjU1NWExZTc1ZWFiNA=="
SHA256 = "MTI5MThmMWFmMzNkMzJlNmYxZjFmZjhmNTUyYWI3NGRjOGJlNmFlZTA1MjBlYjkxM2RmYzg2NGFjZjUzMjE0MA=="
FIELDS = {
    "mauth_signature_method": "HMAC_SHA1",
    "mauth_username": "teacher",
    "mauth_role": "presenter",
    "mauth_serviceid": "5a1",
    "mauth_cnonce": "12345",
    "mauth_timestamp": "1700000000000",
    "mauth_signature": SHA1,
}


def header(**changes: str) -> str:
    fields = {**FIELDS, **changes}
    said = ",".join(f"{name}={value}" for name, value in fields.items() if value)
    return f"MAuth realm=http://host/path,{said}"


def test_the_golden_vectors() -> None:
    # L3, O6
    text = mauth_text("1700000000000", "12345", "teacher", "presenter")
    assert text == "1700000000000,12345,teacher,presenter"
    assert sign_mauth("key", "HMAC_SHA1", text) == SHA1
    owt = mauth_text("1700000000000", "12345", "dGVhY2hlcg==", "presenter")
    assert sign_mauth("key", "HMAC_SHA256", owt) == SHA256, "OWT signs the name as it is sent"
    assert mauth_text("1", "2", None, None) == "1,2"


def test_a_header_is_proved_by_its_key_alone() -> None:
    # L3
    said = read_mauth(header())
    assert (said.service, said.username, said.role) == ("5a1", "teacher", "presenter")
    assert said.is_by("key")
    assert not said.is_by("kez")


@pytest.mark.parametrize(
    "name", ["mauth_username", "mauth_role", "mauth_cnonce", "mauth_timestamp", "mauth_signature"]
)
def test_an_altered_field_is_no_signature(name: str) -> None:
    # L3
    assert not read_mauth(header(**{name: FIELDS[name] + "1"})).is_by("key")


def test_the_other_algorithm_is_another_signature() -> None:
    assert not read_mauth(header(mauth_signature_method="HMAC_SHA256")).is_by("key")
    both = {"mauth_signature_method": "HMAC_SHA256", "mauth_signature": SHA256}
    owt = read_mauth(header(**both, mauth_username="dGVhY2hlcg=="))
    assert owt.is_by("key")
    assert owt.username == "teacher"


def test_names_survive() -> None:
    # L4 (an equals sign inside), L6 (UTF-8), O6 (base64)
    assert read_mauth(header(mauth_username="a=b")).username == "a=b"
    assert read_mauth(header(mauth_username="Zoë 김")).username == "Zoë 김"
    owt = header(mauth_signature_method="HMAC_SHA256", mauth_username="6rmA")
    assert read_mauth(owt).username == "김"


@pytest.mark.parametrize(
    "text",
    ["", "MAuth", "MAuth realm=x", "Bearer x", header(mauth_signature_method="HMAC_MD5"),
     header(mauth_cnonce=""), header(mauth_timestamp=""), header(mauth_serviceid=""),
     header() + ",mauth_cnonce=1", header() + ",x", "MAuth " + "a" * 5000],
)  # fmt: skip
def test_what_is_no_header(text: str) -> None:
    with pytest.raises(SignatureError):
        read_mauth(text)


@given(st.text(max_size=300))
def test_no_text_raises_anything_else(text: str) -> None:
    for read in (read_mauth, read_own):
        for head in ("", "MAuth ", "Lectern-HMAC-SHA256 "):
            try:
                _ = read(head + text)
            except SignatureError:
                continue


def test_our_own_form_signs_method_path_and_body() -> None:
    # L4
    text = own_text("1700000000000", "n1", "post", "/v1/rooms?a=b", b'{"name":"x"}')
    signature = sign_own("key", text)
    said = read_own(
        f"Lectern-HMAC-SHA256 service=5a1,timestamp=1700000000000,nonce=n1,signature={signature}"
    )
    assert said.is_by("key", "POST", "/v1/rooms?a=b", b'{"name":"x"}')
    assert not said.is_by("key", "PUT", "/v1/rooms?a=b", b'{"name":"x"}')
    assert not said.is_by("key", "POST", "/v1/rooms?a=c", b'{"name":"x"}')
    assert not said.is_by("key", "POST", "/v1/rooms?a=b", b'{"name":"y"}')
    assert not said.is_by("kez", "POST", "/v1/rooms?a=b", b'{"name":"x"}')
    assert signature == "85bbd69b119e0fc80d1adc9a27b1b2dd3a17c26969df19d294efc4cab801261d"


def test_the_window() -> None:
    # L5
    now = 1_700_000_000.0
    for seconds, good in ((0, True), (WINDOW_SECONDS, True), (-WINDOW_SECONDS, True),
                          (WINDOW_SECONDS + 1, False), (-WINDOW_SECONDS - 1, False)):  # fmt: skip
        assert is_timely(str(round((now + seconds) * 1000)), now) is good
    assert is_timely("1700000000", now), "in seconds"
    for text in ("", "-1", "1e12", "x", "٣", "9" * 17):
        assert not is_timely(text, now)
