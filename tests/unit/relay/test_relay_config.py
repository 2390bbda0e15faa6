"""Settings of a relay are checked where they are made."""

import pytest

from app.relay.config import RelayConfig


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("public_hosts", ()),
        ("public_hosts", ("media.example.org",)),
        ("bind_host", "localhost"),
        ("bind_port", 65_536),
        ("bind_port", -1),
        ("max_peers", 0),
        ("batch_datagrams", 0),
        ("packets_per_second", 0),
        ("publisher_sockets", -1),
    ],
)
def test_a_wrong_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        RelayConfig(**{field: value})


def test_defaults_are_for_one_machine() -> None:
    config = RelayConfig()
    assert (config.bind_host, config.bind_port) == ("127.0.0.1", 7882)
