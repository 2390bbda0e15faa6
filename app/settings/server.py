"""The web server, what it keeps and where, and who may talk to it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator

from app.settings.kinds import (
    LAST_PORT,
    SECRET_BYTES,
    SEPARATE,
    Address,
    Group,
    LowerCase,
    Origins,
    Secret,
    check_database_url,
    check_redis_url,
    setting,
)


class ServerSettings(Group):
    """The web server, what it keeps and where, and who may talk to it."""

    env: Annotated[Literal["development", "production"], LowerCase] = setting(
        "development",
        "Development makes its own secrets, admits any origin and stays on this machine;"
        " production refuses to start before everything it needs is set.",
        "development or production",
    )
    host: Address = setting(
        "127.0.0.1",
        "Address on which the web server listens.",
        "an IP address of this machine, such as 127.0.0.1, or 0.0.0.0 for all",
    )
    port: int = setting(
        8000,
        "TCP port of the web server.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    allowed_origins: Origins = setting(
        (),
        "Origins whose pages may use the server (CORS and Socket.IO). Unset: any in development.",
        f"origins such as https://lectures.example.org, {SEPARATE}",
    )
    jwt_secret_key: Secret | None = setting(
        None,
        "Key that signs user tokens, the same in every process. Unset: made once in development.",
        f"at least {SECRET_BYTES} bytes",
        name="JWT_SECRET_KEY",
    )
    service_token: Secret | None = setting(
        None,
        "Bearer token of the operator's own services. Unset: made once in development;"
        " in production service calls are refused.",
        f"at least {SECRET_BYTES} bytes",
    )
    redis_url: Annotated[str, AfterValidator(check_redis_url)] | None = setting(
        None,
        "Redis (6.2 or newer) or Valkey. Unset: `serve` starts an embedded server in the data"
        " folder.",
        "redis://, rediss:// or unix:// followed by where the server is",
        name="REDIS_URL",
    )
    database_url: Annotated[str, AfterValidator(check_database_url)] | None = setting(
        None,
        "SQL database. Unset: SQLite in the data folder.",
        "postgresql://user:password@host/name or sqlite:///path",
        name="DATABASE_URL",
    )
    data_dir: Path = setting(
        Path("data"),
        "Folder for the embedded Redis, SQLite and the secrets of the development mode.",
        "a folder that this user may write, or one that can be made",
    )
    web_dir: Path = setting(
        Path(__file__).resolve().parents[2] / "web" / "dist",
        "Folder of the built web client that is served at /. Unset: web/dist of this checkout.",
        "a folder",
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], LowerCase] = setting(
        "info",
        "The least serious lines that are logged (to stderr).",
        "debug, info, warning or error",
    )

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
