"""A network namespace for the bench: Janus offers no loopback address, and needs one of its own.

The whole bench runs inside it: both servers and the load generator, so that the way of a packet is
the same for both (the kernel delivers to its own addresses over loopback).
"""

import os
import shutil
import subprocess
import sys

ADDRESS = "10.77.0.1"
_INSIDE = "LECTERN_BENCH_NAMESPACE"
_SET_UP = (
    "ip link set lo up",
    "ip link add bench0 type veth peer name bench1",
    f"ip addr add {ADDRESS}/24 dev bench0",
    "ip link set bench0 up",
    "ip link set bench1 up",
)


def enter(module: str) -> None:
    """Run this program again inside a namespace of its own, unless it runs in one already.

    Exits with a sentence where the machine does not allow that.
    """
    if os.environ.get(_INSIDE):
        return
    unshare, ip = shutil.which("unshare"), shutil.which("ip")
    if unshare is None or ip is None:
        sys.exit("unshare and ip (util-linux, iproute2) are needed; or measure --servers lectern")
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = [unshare, "--net", *as_root, "sh", "-c", " && ".join(_SET_UP) + ' && exec "$@"', "sh"]
    probe = subprocess.run([*command, "true"], capture_output=True, check=False)
    if probe.returncode:
        why = probe.stderr.decode(errors="replace").strip()
        sys.exit(f"no network namespace can be made ({why}); or measure --servers lectern")
    os.environ[_INSIDE] = "1"
    os.execv(unshare, [*command, sys.executable, "-m", module, *sys.argv[1:]])
