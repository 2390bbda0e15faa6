"""The only reader of the environment: every setting, its default and what it may be.

``docs/settings.md`` is printed from this model (``python -m app settings``), and a test holds the
two together.
"""

import difflib
import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.store.address import normal_url

PREFIX = "LECTERN_"

SECRET_BYTES = 32
"""The shortest secret that is taken: HS256 keys shorter than its hash are refused by PyJWT too."""

LAST_PORT = 65_535

_SEPARATE = "separated by commas"


class SettingsError(Exception):
    """Settings that cannot be used. ``lines`` has one finished sentence per problem."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _address(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if value == "*":
        return value
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an origin")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError("an origin has no path")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _long_enough(value: SecretStr) -> SecretStr:
    length = len(value.get_secret_value().encode())
    if length < SECRET_BYTES:
        raise ValueError(f"has only {length} bytes")
    return value


def _redis_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("not a Redis address")
    if not (parts.hostname or (parts.scheme == "unix" and parts.path)):
        raise ValueError("names no server")
    return value


def _database_url(value: str) -> str:
    normal_url(value)
    return value


Address = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(_split)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split)
]
Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
LowerCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)


def _field(
    default: Any, meaning: str, allowed: str, *, name: str | None = None, **limits: Any
) -> Any:
    """A setting: ``allowed`` finishes the sentence "it must be …"."""
    return Field(
        default,
        description=meaning,
        json_schema_extra={"allowed": allowed},
        validation_alias=name,
        **limits,
    )


class Settings(BaseSettings):
    """All settings of one process, frozen. Variables are named ``LECTERN_<FIELD>`` in the
    environment but for the three that other programs share (``name=``)."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    env: Annotated[Literal["development", "production"], LowerCase] = _field(
        "development",
        "Development makes its own secrets, admits any origin and stays on this machine;"
        " production refuses to start before everything it needs is set.",
        "development or production",
    )
    host: Address = _field(
        "127.0.0.1",
        "Address on which the web server listens.",
        "an IP address of this machine, such as 127.0.0.1, or 0.0.0.0 for all",
    )
    port: int = _field(
        8000,
        "TCP port of the web server.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    media_host: Addresses = _field(
        ("127.0.0.1",),
        "Address(es) at which browsers reach the relays; they are put into ICE candidates.",
        f"one or more IP addresses, {_SEPARATE}",
        min_length=1,
    )
    media_bind: Address | None = _field(
        None,
        "Address on which the relays listen. Unset: 127.0.0.1 when LECTERN_MEDIA_HOST is this"
        " machine's loopback alone, otherwise all.",
        "an IP address of this machine, or 0.0.0.0 for all",
    )
    media_port: int = _field(
        7882,
        "UDP and TCP port of the first relay; relay k listens on this number + k.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    relays: int = _field(
        0,
        "Relay processes that `serve` starts; 0: one for every core but one, at least one.",
        "a whole number from 0 to 64",
        ge=0,
        le=64,
    )
    max_peers: int = _field(
        1000,
        "Connections that one relay takes before it refuses more (110 to 130 KB of memory each).",
        "a whole number from 2 to 20000",
        ge=2,
        le=20_000,
    )
    data_dir: Path = _field(
        Path("data"),
        "Folder for the embedded Redis, SQLite and the secrets of the development mode.",
        "a folder that this user may write, or one that can be made",
    )
    web_dir: Path = _field(
        Path(__file__).resolve().parent.parent / "web" / "dist",
        "Folder of the built web client that is served at /. Unset: web/dist of this checkout.",
        "a folder",
    )
    allowed_origins: Origins = _field(
        (),
        "Origins whose pages may use the server (CORS and Socket.IO). Unset: any in development.",
        f"origins such as https://lectures.example.org, {_SEPARATE}",
    )
    presenter_grace_seconds: int = _field(
        300,
        "Seconds for which a lecture waits for a presenter who dropped before it ends.",
        "a whole number from 1 to 86400",
        ge=1,
        le=86_400,
    )
    guest_grace_seconds: int = _field(
        60,
        "Seconds for which a guest who dropped may come back as the same guest.",
        "a whole number from 1 to 86400",
        ge=1,
        le=86_400,
    )
    claim_seconds: int = _field(
        60,
        "Seconds for which a question stays with the assistant who claimed it, unanswered.",
        "a whole number from 1 to 86400",
        ge=1,
        le=86_400,
    )
    service_token: Secret | None = _field(
        None,
        "Bearer token of the operator's own services. Unset: made once in development;"
        " in production service calls are refused.",
        f"at least {SECRET_BYTES} bytes",
    )
    turn: Annotated[Literal["off", "on"], LowerCase] = _field(
        "off",
        "Whether clients are given TURN servers, and whether `serve` runs one (coturn must be"
        " installed): for networks that let no UDP through but to it, or none at all.",
        "off or on",
    )
    turn_host: Address | None = _field(
        None,
        "Address at which browsers reach the TURN server. Unset: the first of LECTERN_MEDIA_HOST.",
        "an IP address",
    )
    turn_bind: Address | None = _field(
        None,
        "Address on which it listens and relays. Unset: LECTERN_TURN_HOST. Another one says that a"
        " one-to-one NAT is between the two.",
        "an IP address of this machine",
    )
    turn_port: int = _field(
        3478,
        "UDP and TCP port of the TURN server.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    turn_tls_port: int = _field(
        5349,
        "TCP port of the TURN server for TLS; 443 is let through by the most networks.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    turn_tls_name: str | None = _field(
        None,
        "Host name that its certificate is for. Unset: LECTERN_TURN_HOST.",
        "a host name",
        pattern=r"^[A-Za-z0-9.:-]{1,253}$",
    )
    turn_tls_cert: FilePath | None = _field(
        None,
        "Certificate chain of the TURN server (PEM). Unset: no TLS.",
        "a file that is there",
    )
    turn_tls_key: FilePath | None = _field(
        None,
        "Private key of that certificate (PEM).",
        "a file that is there",
    )
    turn_first_port: int = _field(
        49_160,
        "First UDP port of allocations. Open them to the relays.",
        f"a whole number from 1024 to {LAST_PORT}",
        ge=1024,
        le=LAST_PORT,
    )
    turn_last_port: int = _field(
        51_160,
        "Last UDP port of allocations; each takes one.",
        f"a whole number from 1024 to {LAST_PORT}, not below LECTERN_TURN_FIRST_PORT",
        ge=1024,
        le=LAST_PORT,
    )
    turn_peers: Addresses = _field(
        (),
        "Addresses of all relays: the only ones that a client reaches through the TURN server."
        " Unset: LECTERN_MEDIA_HOST.",
        f"IP addresses, {_SEPARATE}",
    )
    turn_region: str = _field(
        "",
        "Region of this machine: an api process gives its clients the TURN servers of its own"
        " region first.",
        "up to 32 letters, digits and hyphens",
        pattern=r"^[A-Za-z0-9-]{0,32}$",
    )
    turn_interface: str | None = _field(
        None,
        "Network interface whose traffic tells how busy the TURN server is. Unset: all but"
        " loopback.",
        "an interface's name, such as eth0",
        pattern=r"^[^\s/:]{1,32}$",
    )
    turn_capacity_mbps: int = _field(
        1000,
        "Mbit/s that it carries in one direction; a TURN server with none left is offered to"
        " nobody.",
        "a whole number from 1 to 400000",
        ge=1,
        le=400_000,
    )
    turn_user_quota: int = _field(
        24,
        "Allocations that one person may have open at once on one TURN server: a browser makes one"
        " for each transport and network, and again when it changes its network.",
        "a whole number from 1 to 1000",
        ge=1,
        le=1000,
    )
    turn_session_kbps: int = _field(
        0,
        "Kbit/s of one allocation in each direction; 0: no limit.",
        "a whole number from 0 to 1000000",
        ge=0,
        le=1_000_000,
    )
    turn_credential_seconds: int = _field(
        300,
        "Seconds for which a TURN credential opens allocations; clients are given the next one in"
        " time, and what is open stays open.",
        "a whole number from 30 to 86400",
        ge=30,
        le=86_400,
    )
    turn_secret_seconds: int = _field(
        3600,
        "Seconds after which the secrets that sign TURN credentials are replaced; the old ones are"
        " taken for one more life of a credential.",
        "a whole number from 60 to 604800",
        ge=60,
        le=604_800,
    )
    turn_users: Annotated[Literal["secrets", "turnadmin"], LowerCase] = _field(
        "secrets",
        "What opens the TURN server: a credential for each person, signed by secrets in Redis; or,"
        " where coturn may not reach Redis, one user after the other in coturn's own database.",
        "secrets or turnadmin",
    )
    turn_metrics_port: int = _field(
        9641,
        "TCP port on which `turn` answers /metrics, on LECTERN_HOST.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], LowerCase] = _field(
        "info",
        "The least serious lines that are logged (to stderr).",
        "debug, info, warning or error",
    )
    redis_url: Annotated[str, AfterValidator(_redis_url)] | None = _field(
        None,
        "Redis (6.2 or newer) or Valkey. Unset: `serve` starts an embedded server in the data"
        " folder.",
        "redis://, rediss:// or unix:// followed by where the server is",
        name="REDIS_URL",
    )
    database_url: Annotated[str, AfterValidator(_database_url)] | None = _field(
        None,
        "SQL database. Unset: SQLite in the data folder.",
        "postgresql://user:password@host/name or sqlite:///path",
        name="DATABASE_URL",
    )
    jwt_secret_key: Secret | None = _field(
        None,
        "Key that signs user tokens, the same in every process. Unset: made once in development.",
        f"at least {SECRET_BYTES} bytes",
        name="JWT_SECRET_KEY",
    )

    @model_validator(mode="after")
    def _media_ports_exist(self) -> Self:
        if self.media_port + max(self.relays, 1) - 1 > LAST_PORT:
            problem = f"{self.media_port} leaves no room for {self.relays} relays"
            raise SettingsError(
                [f"LECTERN_MEDIA_PORT: {problem}; the last one's port is at most {LAST_PORT}"]
            )
        return self

    @model_validator(mode="after")
    def _turn_is_whole(self) -> Self:
        if self.turn_last_port < self.turn_first_port:
            raise SettingsError(
                ["LECTERN_TURN_LAST_PORT: it must not be below LECTERN_TURN_FIRST_PORT"]
            )
        if (self.turn_tls_cert is None) != (self.turn_tls_key is None):
            raise SettingsError(
                ["LECTERN_TURN_TLS_CERT and LECTERN_TURN_TLS_KEY: set both, or neither"]
            )
        return self

    @model_validator(mode="after")
    def _production_is_complete(self) -> Self:
        if self.env != "production":
            return self
        needed = ("jwt_secret_key", "redis_url", "database_url", "allowed_origins", "media_host")
        missing = [variable(field) for field in needed if field not in self.model_fields_set]
        if missing:
            raise SettingsError(
                [f"LECTERN_ENV=production needs {', '.join(missing)} to be set (docs/settings.md)"]
            )
        if "*" in self.allowed_origins:
            raise SettingsError(
                ["LECTERN_ALLOWED_ORIGINS: * (any origin) is for development; name the origins"]
            )
        return self

    @property
    def is_production(self) -> bool:
        return self.env == "production"

    @property
    def origins(self) -> tuple[str, ...]:
        """The allowed origins; ``("*",)`` in development when none is named."""
        return self.allowed_origins or ("*",)

    @property
    def database(self) -> str:
        """The address of the database, SQLite in the data folder by default."""
        if self.database_url is not None:
            return self.database_url
        return f"sqlite:///{self.data_dir.absolute() / 'lectern.sqlite3'}"

    @property
    def media_bind_host(self) -> str:
        """The address that relays bind: no wider than their candidates need."""
        if self.media_bind is not None:
            return self.media_bind
        addresses = [ipaddress.ip_address(host) for host in self.media_host]
        if all(address.is_loopback for address in addresses):
            return self.media_host[0]
        return "::" if any(address.version == 6 for address in addresses) else "0.0.0.0"  # noqa: S104

    @property
    def turn_address(self) -> str:
        """The address of the TURN server for clients."""
        return self.turn_host or self.media_host[0]

    def relay_count(self, cores: int) -> int:
        """How many relays to run on a machine with ``cores`` cores: the api has one of them."""
        return self.relays or max(1, cores - 1)


def variable(field: str) -> str:
    """Return the environment variable that sets ``field``."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def allowed(info: FieldInfo) -> str:
    """Return what a setting may be, as the end of the sentence "it must be …"."""
    extra = info.json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["allowed"])


_HOLD_SECRETS = {"jwt_secret_key", "service_token", "redis_url", "database_url"}


def load() -> Settings:
    """Read the environment. Raises SettingsError with one line per wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        fields = {variable(name): name for name in Settings.model_fields}
        wrong = {fields.get(str(problem["loc"][0]), str(problem["loc"][0])): problem["msg"]
                 for problem in error.errors(include_url=False, include_input=False)}  # fmt: skip
        raise SettingsError([_sentence(name, why) for name, why in wrong.items()]) from None


def _sentence(field: str, why: str) -> str:
    name = variable(field)
    must = f"it must be {allowed(Settings.model_fields[field])}"
    if field in _HOLD_SECRETS:
        return f"{name}: {why.removeprefix('Value error, ')}; {must}"
    return f"{name}: {os.environ.get(name, '')!r} is not usable; {must}"


def unknown_variables() -> list[str]:
    """Return a warning for each ``LECTERN_*`` variable that is no setting: likely a slip."""
    known = [variable(name) for name in Settings.model_fields]
    warnings = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            warnings.append(f"{name} is not a setting and is ignored; did you mean {near[0]}?")
    return warnings


def reference() -> str:
    """Return the table of docs/settings.md: every variable, its default and its meaning."""
    rows = ["| Variable | Default | Meaning | Allowed |", "|---|---|---|---|"]
    for name, info in Settings.model_fields.items():
        rows.append(
            f"| `{variable(name)}` | {_shown_default(name, info.default)} | {info.description}"
            f" | {allowed(info)} |"
        )
    return "\n".join(rows) + "\n"


def _shown_default(field: str, default: object) -> str:
    if field == "web_dir":
        return "`web/dist`"
    if default is None or default == ():
        return "unset"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{default}`"
