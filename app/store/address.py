"""Where the SQL database is: an operator's URL made into the one that the driver wants."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

_POSTGRES = ("postgres", "postgresql")
_LIBPQ_IGNORED = ("channel_binding", "target_session_attrs")


def normal_url(url: str) -> "URL":
    """Return ``url`` with the asyncio driver of its database.

    Takes ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgres://…`` and
    ``postgresql://…``, each with or without a driver's name, and the usual libpq parameters.
    Raises ValueError, which never quotes the URL: it holds a password.
    """
    # Imported here: every process reads the settings, and a relay or a recorder has no database.
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("the database URL cannot be read") from None
    kind = parsed.drivername.split("+", 1)[0]
    if kind == "sqlite":
        if not parsed.database or parsed.database == ":memory:" or "mode=memory" in url:
            raise ValueError("an in-memory SQLite database would be lost: give it a path")
        return parsed.set(drivername="sqlite+aiosqlite")
    if kind in _POSTGRES:
        return _postgres(parsed)
    raise ValueError(f"a database of the kind {kind!r} is not supported: SQLite or PostgreSQL")


def _postgres(url: "URL") -> "URL":
    query: dict[str, Any] = {k: v for k, v in url.query.items() if k not in _LIBPQ_IGNORED}
    if "sslmode" in query:  # libpq's name for it; asyncpg takes the same values
        query["ssl"] = query.pop("sslmode")
    unknown = query.keys() - {"ssl", "host", "port"}
    if unknown:
        raise ValueError(f"database URL parameters that are not supported: {sorted(unknown)}")
    if not url.database:
        raise ValueError("the database URL names no database")
    return url.set(drivername="postgresql+asyncpg", query=query)
