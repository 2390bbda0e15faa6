"""What each setting takes, what it refuses, and the one line that says so."""

import os
from pathlib import Path

import pytest

from app import settings
from app.settings import SettingsError

SECRET = "s" * 32
PRODUCTION = {
    "LECTERN_ENV": "production",
    "JWT_SECRET_KEY": SECRET,
    "REDIS_URL": "redis://redis.internal:6379/0",
    "DATABASE_URL": "postgresql://lectern:secret@db.internal/lectern",
    "LECTERN_ALLOWED_ORIGINS": "https://lectures.example.org, https://www.example.org",
    "LECTERN_MEDIA_HOST": "192.0.2.7",
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("LECTERN_") or name in {"REDIS_URL", "DATABASE_URL", "JWT_SECRET_KEY"}:
            monkeypatch.delenv(name)


def set_all(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_with_nothing_set_it_is_the_development_mode_on_this_machine_alone() -> None:
    found = settings.load()
    assert not found.is_production
    assert (found.host, found.port) == ("127.0.0.1", 8000)
    assert (found.media_host, found.media_port) == (("127.0.0.1",), 7882)
    assert found.media_bind_host == "127.0.0.1"
    assert found.origins == ("*",)
    assert found.redis_url is None
    assert found.database == f"sqlite:///{Path.cwd() / 'data' / 'lectern.sqlite3'}"
    assert (found.presenter_grace_seconds, found.guest_grace_seconds) == (300, 60)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("LECTERN_ENV", "staging", "development or production"),
        ("LECTERN_HOST", "everywhere", "an IP address of this machine"),
        ("LECTERN_PORT", "eighty", "a whole number from 1 to 65535"),
        ("LECTERN_PORT", "0", "a whole number from 1 to 65535"),
        ("LECTERN_PORT", "65536", "a whole number from 1 to 65535"),
        ("LECTERN_MEDIA_HOST", "relay.example.org", "IP addresses"),
        ("LECTERN_MEDIA_HOST", ",", "IP addresses"),
        ("LECTERN_MEDIA_BIND", "eth0", "an IP address"),
        ("LECTERN_MEDIA_PORT", "-1", "a whole number from 1 to 65535"),
        ("LECTERN_RELAYS", "65", "a whole number from 0 to 64"),
        ("LECTERN_MAX_PEERS", "1", "a whole number from 2 to 20000"),
        ("LECTERN_ALLOWED_ORIGINS", "lectures.example.org", "origins such as https://"),
        ("LECTERN_ALLOWED_ORIGINS", "https://example.org/page", "origins such as https://"),
        ("LECTERN_PRESENTER_GRACE_SECONDS", "0", "from 1 to 86400"),
        ("LECTERN_GUEST_GRACE_SECONDS", "1.5", "from 1 to 86400"),
        ("LECTERN_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("REDIS_URL", "localhost:6379", "redis://, rediss:// or unix://"),
        ("REDIS_URL", "redis://", "redis://, rediss:// or unix://"),
        ("DATABASE_URL", "mysql://u:p@host/db", "postgresql://"),
        ("DATABASE_URL", "sqlite://", "postgresql://"),
        ("JWT_SECRET_KEY", "x" * 31, "at least 32 bytes"),
        ("LECTERN_SERVICE_TOKEN", "x", "at least 32 bytes"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        settings.load()
    (line,) = refused.value.lines
    assert line.startswith(f"{name}: ")
    assert allowed in line
    assert "\n" not in line


@pytest.mark.parametrize("name", ["JWT_SECRET_KEY", "REDIS_URL", "DATABASE_URL"])
def test_a_refusal_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hunter2")
    with pytest.raises(SettingsError) as refused:
        settings.load()
    assert "hunter2" not in str(refused.value)


def test_several_wrong_values_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"LECTERN_PORT": "x", "LECTERN_RELAYS": "y", "LECTERN_LOG_LEVEL": "z"})
    with pytest.raises(SettingsError) as refused:
        settings.load()
    assert [line.split(":")[0] for line in refused.value.lines] == [
        "LECTERN_PORT",
        "LECTERN_LOG_LEVEL",
        "LECTERN_RELAYS",
    ]


def test_relays_must_fit_below_the_last_port(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"LECTERN_MEDIA_PORT": "65535", "LECTERN_RELAYS": "1"})
    assert settings.load().media_port == 65_535
    monkeypatch.setenv("LECTERN_RELAYS", "2")
    with pytest.raises(SettingsError, match=r"^LECTERN_MEDIA_PORT: 65535 leaves no room for 2"):
        settings.load()


def test_production_names_everything_that_is_missing_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LECTERN_ENV", "production")
    with pytest.raises(SettingsError) as refused:
        settings.load()
    (line,) = refused.value.lines
    for name in PRODUCTION:
        assert name in line


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "LECTERN_ENV"])
def test_production_needs_each_of_them(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    set_all(monkeypatch, PRODUCTION)
    monkeypatch.setenv(name, "")
    with pytest.raises(SettingsError, match=f"needs {name} to be set"):
        settings.load()


def test_production_starts_with_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, PRODUCTION)
    found = settings.load()
    assert found.is_production
    assert found.origins == ("https://lectures.example.org", "https://www.example.org")
    assert found.database == PRODUCTION["DATABASE_URL"]
    assert found.media_bind_host == "0.0.0.0"
    assert SECRET not in repr(found)
    assert found.jwt_secret_key is not None
    assert found.jwt_secret_key.get_secret_value() == SECRET


def test_production_never_admits_any_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, PRODUCTION | {"LECTERN_ALLOWED_ORIGINS": "*"})
    with pytest.raises(SettingsError, match=r"^LECTERN_ALLOWED_ORIGINS: "):
        settings.load()


@pytest.mark.parametrize(
    ("hosts", "bind"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("192.0.2.7,127.0.0.1", "0.0.0.0"),
        ("192.0.2.7,2001:db8::7", "::"),
    ],
)
def test_relays_bind_no_wider_than_their_candidates_need(
    monkeypatch: pytest.MonkeyPatch, hosts: str, bind: str
) -> None:
    monkeypatch.setenv("LECTERN_MEDIA_HOST", hosts)
    assert settings.load().media_bind_host == bind
    monkeypatch.setenv("LECTERN_MEDIA_BIND", "192.0.2.8")
    assert settings.load().media_bind_host == "192.0.2.8"


@pytest.mark.parametrize(
    ("asked", "cores", "relays"), [("0", 1, 1), ("0", 2, 1), ("0", 8, 7), ("3", 2, 3)]
)
def test_one_relay_per_spare_core_at_least_one(
    monkeypatch: pytest.MonkeyPatch, asked: str, cores: int, relays: int
) -> None:
    monkeypatch.setenv("LECTERN_RELAYS", asked)
    assert settings.load().relay_count(cores) == relays


def test_a_slip_in_a_name_is_a_warning_with_the_likely_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings.unknown_variables() == []
    set_all(monkeypatch, {"LECTERN_MEDIAPORT": "1", "LECTERN_PORT": "1"})
    (warning,) = settings.unknown_variables()
    assert warning.startswith("LECTERN_MEDIAPORT ")
    assert "LECTERN_MEDIA_PORT" in warning


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings.load().port = 9


def test_the_documentation_is_the_models_own_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()
    assert page.endswith(settings.reference())
    for name in settings.Settings.model_fields:
        assert f"`{settings.variable(name)}`" in page
