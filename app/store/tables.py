"""The tables, as the migrations leave them (a test holds the two together)."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

MAX_EMAIL_CHARS = 254
"""RFC 5321 §4.5.3.1.3: the longest path less its angle brackets."""

MAX_USERNAME_CHARS = 64
MAX_TITLE_CHARS = 200
MAX_AUDIO_CHARS = 2000


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant. What is written is turned into UTC, what is read says that it is UTC.

    SQLite keeps no zone, so without this a time would come back as one that has none.
    """

    impl: Any = sa.DateTime(timezone=True)
    cache_ok: bool | None = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 the base class names it
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


accounts = sa.Table(
    "accounts",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("email", sa.String(MAX_EMAIL_CHARS), nullable=False, unique=True),
    sa.Column("username", sa.String(MAX_USERNAME_CHARS), nullable=False),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""E-mails are stored trimmed and lower-cased, so that ``unique`` means one account per person."""

lectures = sa.Table(
    "lectures",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("code", sa.String(6), nullable=False),
    sa.Column("title", sa.String(MAX_TITLE_CHARS), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("owner_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("audio", sa.String(MAX_AUDIO_CHARS)),
    sa.Column("retention_days", sa.Integer),
)

OPEN_CODE_INDEX = "uq_lectures_open_code"

sa.Index(
    OPEN_CODE_INDEX,
    lectures.c.code,
    unique=True,
    sqlite_where=lectures.c.ended_at.is_(None),
    postgresql_where=lectures.c.ended_at.is_(None),
)
# A code is given again once its lecture is over: unique among open lectures only.

attendance = sa.Table(
    "attendance",
    METADATA,
    sa.Column("lecture_id", sa.ForeignKey("lectures.id"), primary_key=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), primary_key=True, index=True),
    sa.Column("joined_at", UtcDateTime, nullable=False),
)
