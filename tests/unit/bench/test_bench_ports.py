"""The ports of servers under test: free, and of one process alone."""

import socket
import subprocess
import sys
from pathlib import Path

from bench import ports

ROOT = Path(__file__).resolve().parents[3]


def test_no_port_is_given_twice_in_a_row() -> None:
    given = [ports.free_port() for _ in range(ports.BLOCK // 2)]
    assert len(set(given)) == len(given)
    last_of_ours = ports.FIRST + ports.BLOCKS * ports.BLOCK
    first_of_the_systems = int(
        Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0]
    )
    assert max(given) < last_of_ours <= first_of_the_systems


def test_a_port_that_is_taken_is_left_out() -> None:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        following = ports.free_port() + 1
        if not ports._is_free(following):
            continue
        with socket.socket(socket.AF_INET, kind) as other:
            other.bind((ports.HOST, following))
            assert following not in [ports.free_port() for _ in range(5)]


def test_a_range_is_free_from_its_first_to_its_last_and_given_once() -> None:
    first = ports.free_range(8)
    assert all(ports._is_free(port) for port in range(first, first + 8))
    assert ports.free_port() not in range(first, first + 8)


def test_two_processes_have_different_ports() -> None:
    count = "from bench import ports; print(*(ports.free_port() for _ in range(40)))"
    ours = {ports.free_port() // ports.BLOCK for _ in range(40)}
    said = subprocess.run(
        [sys.executable, "-c", count], cwd=ROOT, capture_output=True, text=True, check=True
    )
    theirs = {int(port) // ports.BLOCK for port in said.stdout.split()}
    assert len(ours) == len(theirs) == 1
    assert ours.isdisjoint(theirs)
