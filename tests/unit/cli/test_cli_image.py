"""The container image, as far as it can be checked without a container engine."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from app import settings

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def copied() -> list[str]:
    """Return what is copied from the build context (not from another stage)."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
    assert "*" in rules, "nothing reaches the build but what is named"
    for source in copied():
        assert (ROOT / source).exists()
        assert any(source == path or source.startswith(f"{path}/") for path in let_in)


def test_it_runs_from_what_is_copied_alone(tmp_path: Path) -> None:
    for source in copied():
        if source.startswith(("web", "requirements")):
            continue
        shutil.copytree(ROOT / source, tmp_path / source)
    said = subprocess.run(
        [sys.executable, "-m", "app", "settings"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout == settings.reference()


def test_ports_and_settings_are_the_servers_own() -> None:
    fields = settings.Settings.model_fields
    exposed = f"EXPOSE {fields['port'].default}/tcp {fields['media_port'].default}/udp"
    assert exposed in DOCKERFILE
    known = {settings.variable(name) for name in fields}
    assert set(re.findall(r"LECTERN_\w+", DOCKERFILE)) <= known


def test_it_has_a_user_without_rights_a_health_check_and_locked_packages() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    assert "\nUSER lectern\n" in last_stage
    assert "/health" in last_stage.split("HEALTHCHECK", 1)[1]
    assert "--require-hashes -r requirements/${LOCK}.lock" in DOCKERFILE
    assert "\nARG LOCK=run\n" in DOCKERFILE
    assert "LECTERN_HOST=0.0.0.0" in last_stage


def test_it_is_compiled_when_it_is_made() -> None:
    """Its user may write nothing beside the code, so each start would compile everything anew."""
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]
    made = last_stage.split("\nUSER ", 1)[0]
    assert "-m compileall -q app migrations" in made.split("COPY app app", 1)[1]
