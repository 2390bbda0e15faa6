"""coturn's configuration file."""

import dataclasses
from pathlib import Path

import pytest

from app.turn import coturn
from app.turn.config import TurnConfig
from app.turn.coturn import Door, configuration

CONFIG = TurnConfig(
    folder=Path("/var/lib/lectern/turn-3478"),
    executable="/usr/bin/turnserver",
    host="192.0.2.7",
    name="turn.example.org",
    bind="10.0.0.7",
    port=3478,
    tls_port=5349,
    certificate=None,
    key=None,
    relay_ports=(49160, 49170),
    peers=("192.0.2.8",),
)
DOOR = Door(4000, "pw")


def lines(config: TurnConfig = CONFIG, door: Door | None = DOOR) -> list[str]:
    return configuration(config, door).splitlines()


def test_peers_are_all_denied_but_the_relays() -> None:  # T14
    found = lines()
    assert "denied-peer-ip=0.0.0.0-255.255.255.255" in found
    assert any(line.startswith("denied-peer-ip=::-ffff") for line in found)
    assert [line for line in found if line.startswith("allowed")] == ["allowed-peer-ip=192.0.2.8"]
    assert "no-multicast-peers" in found
    assert "allow-loopback-peers" not in found


def test_loopback_only_where_a_relay_is_there() -> None:
    assert "allow-loopback-peers" in lines(dataclasses.replace(CONFIG, peers=("127.0.0.1",)))


def test_nothing_listens_but_turn() -> None:  # T14
    found = lines()
    assert "no-cli" in found
    assert "no-tcp-relay" in found
    assert "no-tls" in found
    assert not any(line.startswith(("cli-", "web-admin", "prometheus")) for line in found)


def test_secrets_are_in_redis() -> None:  # T11, T13
    found = lines()
    assert "use-auth-secret" in found
    assert 'redis-userdb="ip=127.0.0.1 dbname=0 port=4000 password=pw"' in found
    assert 'redis-statsdb="ip=127.0.0.1 dbname=0 port=4000 password=pw"' in found
    assert not any(line.startswith("static-auth-secret") for line in found)


def test_long_term_users_are_in_a_database_of_its_own() -> None:  # T1
    found = lines(door=None)
    assert "lt-cred-mech" in found
    assert "userdb=/var/lib/lectern/turn-3478/turndb" in found
    assert not any("redis" in line for line in found)


def test_quotas() -> None:  # T14
    found = lines(dataclasses.replace(CONFIG, user_quota=3, session_bytes_per_second=125_000))
    assert {"user-quota=3", "total-quota=2000", "max-bps=125000"} <= set(found)
    assert not any(line.startswith("max-bps") for line in lines())


def test_nat_and_tls() -> None:
    found = lines()
    assert "external-ip=192.0.2.7/10.0.0.7" in found
    secure = dataclasses.replace(CONFIG, certificate=Path("/c.pem"), key=Path("/k.pem"))
    assert {"cert=/c.pem", "pkey=/k.pem", "tls-listening-port=5349"} <= set(lines(secure))
    assert not any(
        line.startswith("external-ip")
        for line in lines(dataclasses.replace(CONFIG, bind=CONFIG.host))
    )


def test_urls() -> None:
    assert CONFIG.urls == (
        "turn:192.0.2.7:3478?transport=udp",
        "turn:192.0.2.7:3478?transport=tcp",
    )
    secure = dataclasses.replace(CONFIG, certificate=Path("/c.pem"), key=Path("/k.pem"))
    assert secure.urls[2] == "turns:turn.example.org:5349?transport=tcp"
    six = dataclasses.replace(CONFIG, host="2001:db8::7")
    assert six.urls[0] == "turn:[2001:db8::7]:3478?transport=udp"


def test_the_file_is_private(tmp_path: Path) -> None:  # T2
    config = dataclasses.replace(CONFIG, folder=tmp_path / "turn")
    path = coturn.write(config, DOOR)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    command = coturn.command(config)
    assert command == ["/usr/bin/turnserver", "-c", str(path)]
    assert "pw" not in command


@pytest.mark.parametrize("overlap", [300, 3600])
def test_the_overlap_is_longer_than_a_credential(overlap: int) -> None:  # T11
    config = dataclasses.replace(CONFIG, credential_seconds=overlap)
    assert config.overlap_seconds == overlap + 30


@pytest.mark.parametrize(
    ("host", "address"),
    [("10.0.0.7", "10.0.0.7:9641"), ("0.0.0.0", "192.0.2.7:9641"), ("::1", "[::1]:9641")],
)
def test_the_address_of_its_figures(host: str, address: str) -> None:  # T5
    assert dataclasses.replace(CONFIG, rest_host=host).rest_address == address
