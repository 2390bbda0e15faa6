"""How one TURN server is run, and how its credentials are handed out."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TurnConfig:
    """One coturn and the monitor that runs it."""

    folder: Path
    """The monitor's own folder (mode 0700): coturn's configuration, log and database."""
    executable: str
    """The turnserver program."""
    host: str
    """The address that clients are given; they must reach it."""
    name: str
    """The name in ``turns:`` addresses, which its certificate is for."""
    bind: str
    """The address of this machine on which coturn listens and relays; where it is not ``host``,
    a one-to-one NAT is between the two."""
    port: int
    """UDP and TCP."""
    tls_port: int
    certificate: Path | None
    """PEM chain; no TLS without it."""
    key: Path | None
    relay_ports: tuple[int, int]
    """First and last UDP port of allocations: also how many there can be at once."""
    peers: tuple[str, ...]
    """The only addresses that a client may reach through it: our relays'."""
    region: str = ""
    """Clients of this region are given this server first."""
    interface: str | None = None
    """The network interface whose traffic is measured; None: all but loopback, together."""
    capacity_bps: int = 1_000_000_000
    """What that interface carries in one direction, in bits per second."""
    user_quota: int = 24
    """Allocations of one user at once; a browser makes one for each transport and network, and
    leaves them behind for ten minutes when its network changes."""
    total_quota: int = 2_000
    """Allocations at once."""
    session_bytes_per_second: int = 0
    """Of one allocation, in each direction; 0: no limit."""
    rest_host: str = "127.0.0.1"
    rest_port: int = 9641
    """Where the monitor answers ``/metrics``; 0: any free port."""
    credential_seconds: int = 300
    """How long a credential may open allocations; what it opened lives on."""
    secret_seconds: int = 3_600
    """How long a secret signs new credentials."""
    long_term: bool = False
    """Users in coturn's own database (turnadmin) instead of secrets in Redis."""

    @property
    def id(self) -> str:
        """The server's id: the same after every restart, so that credentials stay good."""
        return f"turn-{self.host}-{self.port}"

    @property
    def realm(self) -> str:
        """Each server's own, so that one server's secrets open no other."""
        return realm_of(self.id)

    @property
    def rest_address(self) -> str:
        """``host:port`` of ``/metrics``, as other machines may reach it."""
        is_any = self.rest_host in {"0.0.0.0", "::"}  # noqa: S104
        host = self.host if is_any else self.rest_host
        return f"[{host}]:{self.rest_port}" if ":" in host else f"{host}:{self.rest_port}"

    @property
    def overlap_seconds(self) -> int:
        """How long a replaced secret is still taken: as long as the last credential that it
        signed, and half a minute for processes and clocks that are behind."""
        return self.credential_seconds + 30

    @property
    def urls(self) -> tuple[str, ...]:
        """What clients are given, the cheapest way first."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        name = f"[{self.name}]" if ":" in self.name else self.name
        plain = (f"turn:{host}:{self.port}?transport=udp", f"turn:{host}:{self.port}?transport=tcp")
        if self.certificate is None:
            return plain
        return (*plain, f"turns:{name}:{self.tls_port}?transport=tcp")


def realm_of(server_id: str) -> str:
    """Return the realm of a server."""
    return f"lectern-{server_id}"
