"""The tables of services and their rooms (they belong to ``tables.METADATA``)."""

import sqlalchemy as sa

from app.store.tables import METADATA, UtcDateTime

MAX_SERVICE_NAME_CHARS = 100
MAX_ROOM_NAME_CHARS = 200

services = sa.Table(
    "services",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(MAX_SERVICE_NAME_CHARS), nullable=False, unique=True),
    sa.Column("key_sealed", sa.Text, nullable=False),
    sa.Column("is_super", sa.Boolean, nullable=False),
    sa.Column("full_signatures", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
"""A key is encrypted (app/auth/sealing.py): checking an HMAC needs the key itself."""

service_rooms = sa.Table(
    "service_rooms",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("service_id", sa.ForeignKey("services.id"), nullable=False, index=True),
    sa.Column("name", sa.String(MAX_ROOM_NAME_CHARS), nullable=False),
    sa.Column("singleton", sa.String(MAX_ROOM_NAME_CHARS)),
    sa.Column("options", sa.Text, nullable=False),
    sa.Column("lecture_id", sa.ForeignKey("lectures.id", ondelete="SET NULL"), index=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("service_id", "singleton"),
)
"""``singleton`` is the name of a room that was made by getOrCreate, which makes one of a name;
``lecture_id`` is the lecture that the room holds now, or held last."""
