"""coturn's configuration file, written whole for each start (4.6.1 is what it is tested with)."""

from dataclasses import dataclass
from pathlib import Path

from app.turn.config import TurnConfig

DENIED = (
    "0.0.0.0-255.255.255.255",
    "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
)
"""Every address, of which ``allowed-peer-ip`` takes our relays out again. All private, loopback
and link-local ranges are in it, and so are IPv4 addresses dressed as IPv6 (``::ffff:127.0.0.1``),
by which coturn before 4.9 lets clients around a shorter list."""

CONFIG_FILE = "coturn.conf"
LOG_FILE = "coturn.log"
DATABASE_FILE = "turndb"


@dataclass(frozen=True, slots=True)
class Door:
    """Where coturn finds what it takes for Redis, on this machine."""

    port: int
    password: str

    def __str__(self) -> str:
        return f'"ip=127.0.0.1 dbname=0 port={self.port} password={self.password}"'


def configuration(config: TurnConfig, door: Door | None) -> str:
    """Return the text of the file. Without a door: long-term users in coturn's own database."""
    lines = [
        f"listening-ip={config.bind}",
        f"relay-ip={config.bind}",
        f"listening-port={config.port}",
        f"min-port={config.relay_ports[0]}",
        f"max-port={config.relay_ports[1]}",
        f"realm={config.realm}",
        *_nat(config),
        *_tls(config),
        *_users(config, door),
        *_peers(config),
        f"user-quota={config.user_quota}",
        f"total-quota={config.total_quota}",
        # Nothing but relaying UDP: no telnet, no web page, no TCP to anybody.
        "no-cli",
        "no-tcp-relay",
        "no-multicast-peers",
        "no-dtls",
        "no-tlsv1",
        "no-tlsv1_1",
        "no-software-attribute",
        "fingerprint",
        "stale-nonce=600",
        "simple-log",
        "no-stdout-log",
        f"log-file={config.folder / LOG_FILE}",
        f"pidfile={config.folder / 'coturn.pid'}",
    ]
    if config.session_bytes_per_second:
        lines.append(f"max-bps={config.session_bytes_per_second}")
    return "\n".join(lines) + "\n"


def _nat(config: TurnConfig) -> list[str]:
    return [] if config.bind == config.host else [f"external-ip={config.host}/{config.bind}"]


def _tls(config: TurnConfig) -> list[str]:
    if config.certificate is None:
        return ["no-tls"]
    return [
        f"tls-listening-port={config.tls_port}",
        f"cert={config.certificate}",
        f"pkey={config.key}",
    ]


def _users(config: TurnConfig, door: Door | None) -> list[str]:
    if door is None:
        return ["lt-cred-mech", f"userdb={config.folder / DATABASE_FILE}"]
    return ["use-auth-secret", f"redis-userdb={door}", f"redis-statsdb={door}"]


def _peers(config: TurnConfig) -> list[str]:
    lines = [f"denied-peer-ip={each}" for each in DENIED]
    lines += [f"allowed-peer-ip={peer}" for peer in config.peers]
    if any(peer.startswith("127.") or peer == "::1" for peer in config.peers):
        # Development: a relay on this machine alone. The rest of 127.0.0.0/8 stays denied.
        lines.append("allow-loopback-peers")
    return lines


def write(config: TurnConfig, door: Door | None) -> Path:
    """Write the file (mode 0600: it holds the door's password) and return where it is."""
    config.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = config.folder / CONFIG_FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(configuration(config, door))
    return path


def command(config: TurnConfig) -> list[str]:
    """Return the command line, which names the file alone: arguments are for everybody to see."""
    return [config.executable, "-c", str(config.folder.absolute() / CONFIG_FILE)]
