"""Recordings of lectures: what is to become of each, and its files."""

import sqlalchemy as sa

from app.store.tables import METADATA, UtcDateTime

recordings = sa.Table(
    "recordings",
    METADATA,
    sa.Column("lecture_id", sa.ForeignKey("lectures.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("wish", sa.Boolean),
    sa.Column("state", sa.String(10), nullable=False, index=True),
    sa.Column("percent", sa.Integer, nullable=False),
    sa.Column("began_at", UtcDateTime),
    sa.Column("due_at", UtcDateTime),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("worker", sa.String(64)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("fault", sa.String(200)),
)
"""``wish``: to be recorded from its start; NULL: as the server does. ``state``: idle, live (it was
recorded), waiting, running, done, failed, cancelled. A job is whoever's name and lease it has."""

recording_files = sa.Table(
    "recording_files",
    METADATA,
    sa.Column("lecture_id", sa.ForeignKey("lectures.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("publisher", sa.String(32), nullable=False),
    sa.Column("source", sa.String(12), nullable=False),
    sa.Column("codec", sa.String(16), nullable=False),
    sa.Column("content_type", sa.String(64), nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("start_ms", sa.BigInteger, nullable=False),
    sa.Column("end_ms", sa.BigInteger, nullable=False),
    sa.Column("active", sa.LargeBinary, nullable=False),
)
"""``kind``: audio, video, or mix (the sound of all, from the lecture's beginning). Times are of the
lecture, in ms. ``active``: JSON of [begin, end] pairs in which there were pictures or sound."""
