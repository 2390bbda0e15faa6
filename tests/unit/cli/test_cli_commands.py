"""The command line itself: what it offers and how it refuses."""

import os

import pytest
from typer.testing import CliRunner

from app.__main__ import main
from app.settings import reference

run = CliRunner()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LECTERN_") or name in {"REDIS_URL", "DATABASE_URL", "JWT_SECRET_KEY"}:
            monkeypatch.delenv(name)


def test_settings_prints_the_reference() -> None:
    answer = run.invoke(main, ["settings"])
    assert answer.exit_code == 0
    assert answer.stdout == reference()


def test_help_names_every_role() -> None:
    said = run.invoke(main, ["--help"]).stdout
    for role in ("serve", "api", "relay", "migrate", "drain", "settings"):
        assert role in said


@pytest.mark.parametrize("command", [[], ["serve"], ["api"], ["relay"], ["migrate"]])
def test_each_role_refuses_a_wrong_setting_in_one_line(command: list[str]) -> None:
    answer = run.invoke(main, command, env={"LECTERN_PORT": "eighty"})
    assert answer.exit_code == 2
    assert answer.stderr == (
        "LECTERN_PORT: 'eighty' is not usable; it must be a whole number from 1 to 65535\n"
    )
    assert answer.stdout == ""


def test_a_relay_has_a_number_from_zero_on() -> None:
    assert run.invoke(main, ["relay", "--index", "-1"]).exit_code == 2
