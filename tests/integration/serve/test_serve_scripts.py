"""The scripts behind ``make``: what is missing on a machine is one clear sentence."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BARE = ("sh", "sed", "dirname", "cksum", "cat", "mkdir", "find", "sort", "tr", "xargs", "id")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout without anything installed, and a PATH with the plainest commands alone."""
    for folder in ("deploy", "requirements"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "web").mkdir()
    (tmp_path / "bin").mkdir()
    for name in BARE:
        found = shutil.which(name)
        assert found is not None
        (tmp_path / "bin" / name).symlink_to(found)
    return tmp_path


def script(machine: Path, *command: str) -> tuple[int, str]:
    ended = subprocess.run(
        ["/bin/sh", *command],
        cwd=machine,
        env={"PATH": str(machine / "bin")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return ended.returncode, ended.stderr


def program(machine: Path, name: str, text: str) -> None:
    path = machine / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_node_the_server_still_runs(machine: Path) -> None:
    code, said = script(machine, "deploy/web.sh", "optional")
    assert code == 0
    assert "needs Node.js 20 or newer with npm, and none was found" in said
    assert "The server runs without it" in said


def test_without_node_the_tests_do_not(machine: Path) -> None:
    code, said = script(machine, "deploy/web.sh", "required")
    assert code == 1
    assert len(said.splitlines()) == 1


def test_an_old_node_is_named(machine: Path) -> None:
    program(machine, "node", "echo v18.19.0")
    program(machine, "npm", "exit 1")
    code, said = script(machine, "deploy/web.sh", "required")
    assert code == 1
    assert "version 18 was found" in said


def test_without_python_it_says_which_is_needed(machine: Path) -> None:
    program(machine, "python3", "exit 1")  # an old one: the check in it fails
    code, said = script(machine, "deploy/venv.sh", "run")
    assert code == 1
    assert said.startswith("Lectern needs Python 3.11 or newer, and none was found")


def test_missing_test_components_are_named_where_they_cannot_be_installed(machine: Path) -> None:
    code, said = script(machine, str(ROOT / "tests" / "setup" / "components.sh"))
    assert code == 1
    assert "redis-server chromium" in said
    assert len(said.splitlines()) == 1


def test_locks_hold_hashes_and_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text()
        assert "http" not in text.replace("httptools", "").replace("httpx", "").replace(
            "httpcore", ""
        ).replace("aiohttp", ""), "no index address"
        assert "--find-links" not in text
        for requirement in text.replace("\\\n", "").splitlines():
            assert "==" in requirement
            assert "--hash=sha256:" in requirement
