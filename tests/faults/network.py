"""A network namespace with wires to this one, which can be unplugged (root; iproute2)."""

import ctypes
import os
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_CLONE_NEWNET = 0x40000000  # linux/sched.h; os.setns is of Python 3.12
CONNECT_SECONDS = 10.0


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=20)


class Network:
    """A context manager. Wire ``n`` is a veth pair: ``near(n)`` is our address, ``far(n)`` its own.

    A wire is unplugged at the other's end, so that whoever looks at it keeps its interface and its
    routes, and its packets vanish without a word: what a cable that is cut, or a switch that is
    switched off, looks like.
    """

    def __init__(self, wires: int = 1) -> None:
        number = os.getpid()
        self.name = f"lf{number}"
        self._wires = range(wires)
        self._prefix = f"10.{64 + number % 64}.{number // 64 % 256}"

    def near(self, wire: int = 0) -> str:
        return f"{self._prefix}.{4 * wire + 1}"

    def far(self, wire: int = 0) -> str:
        return f"{self._prefix}.{4 * wire + 2}"

    def __enter__(self) -> Self:
        _ip("netns", "add", self.name)
        try:
            _ip("-n", self.name, "link", "set", "lo", "up")
            for wire in self._wires:
                ours, theirs = self._ends(wire)
                end = ("peer", "name", theirs, "netns", self.name)
                _ip("link", "add", ours, "type", "veth", *end)
                _ip("addr", "add", f"{self.near(wire)}/30", "dev", ours)
                _ip("-n", self.name, "addr", "add", f"{self.far(wire)}/30", "dev", theirs)
                self._set(wire, near="up", far="up")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._remove()

    def command(self, *words: str) -> list[str]:
        """Return the command that runs ``words`` inside."""
        return ["ip", "netns", "exec", self.name, *words]

    def vanish(self, wire: int = 0) -> None:
        """Let what is inside vanish, as it looks from here."""
        self._set(wire, far="down")

    def maroon(self, wire: int = 0) -> None:
        """Let what is here vanish, as it looks from inside."""
        self._set(wire, near="down")

    def heal(self, wire: int = 0) -> None:
        """Plug it in again at both ends."""
        self._set(wire, near="up", far="up")

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a TCP socket of the inside that is connected to an address of ours."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/self/ns/net").open("rb") as ours:
            with Path(f"/run/netns/{self.name}").open("rb") as theirs:
                _check(libc.setns(theirs.fileno(), _CLONE_NEWNET))
            try:
                inside = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            finally:
                _check(libc.setns(ours.fileno(), _CLONE_NEWNET))
        inside.settimeout(CONNECT_SECONDS)
        inside.connect((host, port))
        inside.setblocking(False)
        return inside

    def _ends(self, wire: int) -> tuple[str, str]:
        return f"{self.name}h{wire}", f"{self.name}n{wire}"

    def _set(self, wire: int, near: str = "", far: str = "") -> None:
        ours, theirs = self._ends(wire)
        if near:
            _ip("link", "set", ours, near)
        if far:
            _ip("-n", self.name, "link", "set", theirs, far)

    def _remove(self) -> None:
        for wire in self._wires:  # with it goes its peer
            subprocess.run(
                ["ip", "link", "del", self._ends(wire)[0]],
                check=False,
                capture_output=True,
                timeout=20,
            )
        subprocess.run(["ip", "netns", "del", self.name], check=True, timeout=20)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")
