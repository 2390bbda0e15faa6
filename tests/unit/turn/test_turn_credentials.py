"""What clients are given."""

from app.turn.credentials import long_term_key, name_in, password_of, pseudonym, signed


def test_password_is_the_base64_of_the_raw_digest() -> None:  # T10
    assert password_of("s", "1700000000:alice") == "XaIcf3gNS8RFL+AAPhjb17HRIjU="


def test_signed_credential_names_its_end() -> None:  # T10
    credential = signed("s", "alice", 1_700_000_000)
    assert credential.username == "1700000000:alice"
    assert credential.password == "XaIcf3gNS8RFL+AAPhjb17HRIjU="
    assert credential.expires == 1_700_000_000


def test_long_term_key_of_coturns_documentation() -> None:  # T12
    assert long_term_key("gorst", "north.gov", "hero") == "7da2270ccfa49786e0115366d3a3d14d"


def test_the_name_in_a_user_name() -> None:
    assert name_in("1700000000:alice") == "alice"
    assert name_in("alice") == "alice"
    assert name_in("x:alice") == "x:alice"


def test_pseudonyms_are_per_person_and_room_and_tell_nothing() -> None:  # X20
    key = b"key"
    name = pseudonym(key, "004217", "ada@example.org")
    assert name == pseudonym(key, "004217", "ada@example.org")
    others = {
        pseudonym(key, "004218", "ada@example.org"),
        pseudonym(key, "004217", "bob@example.org"),
        pseudonym(b"other", "004217", "ada@example.org"),
    }
    assert len(others | {name}) == 4
    assert "ada" not in name
    assert name.isalnum()
