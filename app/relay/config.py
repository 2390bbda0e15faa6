"""What a relay process is told at its start."""

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """Settings of one relay process. Raises ValueError, naming the field, where one is wrong."""

    bind_host: str = "127.0.0.1"
    """IP address of the media socket; ``::`` serves IPv6 and IPv4 on one socket. With a wildcard
    the kernel picks the source address of what is sent, by route: on a machine with several
    addresses bind the one that clients are given, or they take no answer for one."""
    bind_port: int = 7882
    """UDP port for every peer of this process; 0 takes a free one. TCP has the same number."""
    has_tcp: bool = True
    """Offer ICE-TCP, for clients whose network blocks UDP."""
    max_streams: int = 2_000
    """TCP connections at once; each may hold 136 KB, and the kernel as much again."""
    public_hosts: tuple[str, ...] = ("127.0.0.1",)
    """IP addresses at which clients reach this relay, the most wanted first. A name must be
    resolved by whoever makes this value: ICE candidates of names are not understood everywhere."""
    max_peers: int = 2_000
    """Peers at once; each costs about 130 KB. The next one is refused as ``unavailable``."""
    packets_per_second: int = 150_000
    """Forwarded packets per second at which this process counts as fully loaded (one core)."""
    pipe_hosts: tuple[str, ...] = ()
    """IP addresses at which other relays reach this one; empty: as clients do. A private network
    between the machines is cheaper, and mostly nearer."""
    fan_out: int = 32
    """Other relays that one relay feeds of one room before some of those feed others in its
    stead: each costs as much as a participant, and one more step costs a few ms of delay."""
    socket_buffer_bytes: int = 4 * 1024 * 1024
    """Asked of the kernel for each direction, which may give less (``net.core.rmem_max``)."""
    publisher_sockets: int = 64
    """Publishers at once that have a socket of their own, each with such a buffer; 0: everything
    comes by one socket, as it does where there is one publisher more, or no Linux."""
    batch_datagrams: int = 64
    """At most so many datagrams are read per wake-up; each holds 2 KB of buffer."""
    wake_seconds: float = 0.004
    """How long one wake-up may hold the event loop; the batch shrinks to keep it."""

    def __post_init__(self) -> None:
        if not self.public_hosts:
            raise ValueError("public_hosts: at least one address is needed")
        for host in (self.bind_host, *self.public_hosts, *self.pipe_hosts):
            if "%" in host:
                raise ValueError(f"bind_host, public_hosts: {host!r} names an interface")
            try:
                ipaddress.ip_address(host)
            except ValueError:
                raise ValueError(
                    f"bind_host, public_hosts: {host!r} is not an IP address"
                ) from None
        if not 0 <= self.bind_port <= 65535:
            raise ValueError(f"bind_port: {self.bind_port} is not a port")
        counts = (
            self.max_peers,
            self.max_streams,
            self.batch_datagrams,
            self.packets_per_second,
            self.fan_out,
        )
        if self.publisher_sockets < 0:
            raise ValueError("publisher_sockets: must not be negative")
        if min(counts) < 1:
            raise ValueError(
                "max_peers, max_streams, batch_datagrams, packets_per_second, fan_out: "
                "must be positive"
            )
