"""What can be known to be wrong before anything is started: ports that are not to be had."""

import errno
import socket
from collections.abc import Iterator

from app.settings import LAST_PORT, Settings


def taken_ports(settings: Settings, relays: int) -> list[str]:
    """Return one finished sentence for each address on which we could not listen.

    The ports are tried and let go again: another program may still take one in between, and the
    child that then fails to bind says the same.
    """
    return list(_problems(settings, relays))


def _problems(settings: Settings, relays: int) -> Iterator[str]:
    fault = _fault(settings.host, settings.port, socket.SOCK_STREAM)
    if fault is not None:
        yield _sentence(fault, "LECTERN_HOST", settings.host, "LECTERN_PORT", settings.port, "TCP")
    if settings.media_port + relays - 1 > LAST_PORT:
        yield f"LECTERN_MEDIA_PORT: {settings.media_port} leaves no room for {relays} relays"
        return
    yield from _turn_problems(settings)
    bind = settings.media_bind_host
    for port in range(settings.media_port, settings.media_port + relays):
        fault = _fault(bind, port, socket.SOCK_DGRAM)
        if fault is not None:
            yield _sentence(fault, "LECTERN_MEDIA_BIND", bind, "LECTERN_MEDIA_PORT", port, "UDP")


def _turn_problems(settings: Settings) -> Iterator[str]:
    if settings.turn == "off":
        return
    bind, port = settings.turn_bind or settings.turn_address, settings.turn_port
    for kind, name in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
        fault = _fault(bind, port, kind)
        if fault is not None:
            yield _sentence(fault, "LECTERN_TURN_BIND", bind, "LECTERN_TURN_PORT", port, name)


def _fault(host: str, port: int, kind: socket.SocketKind) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:  # as the server does: a closed run's TIME_WAIT is no fault
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            if kind is socket.SOCK_STREAM:
                probe.listen()
        except OSError as fault:
            return fault
    return None


def _sentence(
    fault: OSError, host_variable: str, host: str, port_variable: str, port: int, kind: str
) -> str:
    where = f"{kind} port {port} of {host}"
    if fault.errno == errno.EADDRINUSE:
        return (
            f"{port_variable}: {where} is in use; stop the program that has it,"
            f" or set {port_variable} to a free one"
        )
    if fault.errno == errno.EADDRNOTAVAIL:
        return f"{host_variable}: {host} is not an address of this machine"
    if fault.errno == errno.EACCES:
        return f"{port_variable}: this user may not listen on {where}; set a number above 1023"
    return f"{port_variable}: cannot listen on {where} ({fault.strerror})"
