"""A network namespace that is joined to this one by one cable, and has no route beyond it."""

import contextlib
import ipaddress
import os
import secrets
import subprocess
from typing import Self


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


class Namespace:
    """A context manager. Needs root.

    ``host`` is our end of the cable. ``hidden`` is an address of this machine that cannot be
    reached from within: nothing in there knows a way to it.
    """

    def __init__(self) -> None:
        tag = secrets.token_hex(3)
        self.name = f"lectern-{tag}"
        self._cable = f"lt{tag}"
        network = ipaddress.ip_network(f"10.{200 + os.getpid() % 50}.{secrets.randbelow(256)}.0/24")
        self.host, self.guest, self.hidden = (str(network[n]) for n in (1, 2, 129))

    def __enter__(self) -> Self:
        try:
            ip("netns", "add", self.name)
            ip(
                "link",
                "add",
                self._cable,
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                self.name,
            )
            ip("addr", "add", f"{self.host}/30", "dev", self._cable)
            ip("link", "set", self._cable, "up")
            ip("addr", "add", f"{self.hidden}/32", "dev", "lo")
            ip("-n", self.name, "addr", "add", f"{self.guest}/30", "dev", "eth0")
            ip("-n", self.name, "link", "set", "eth0", "up")
            ip("-n", self.name, "link", "set", "lo", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for words in (
            ("link", "del", self._cable),
            ("addr", "del", f"{self.hidden}/32", "dev", "lo"),
            ("netns", "del", self.name),
        ):
            with contextlib.suppress(subprocess.CalledProcessError):
                ip(*words)

    def command(self, *words: str) -> list[str]:
        """Return the command line that runs ``words`` in the namespace."""
        return ["ip", "netns", "exec", self.name, *words]
