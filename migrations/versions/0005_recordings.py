"""Recordings of lectures and their files."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("lecture_id", sa.String(32), nullable=False),
        sa.Column("wish", sa.Boolean),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("percent", sa.Integer, nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True)),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("worker", sa.String(64)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fault", sa.String(200)),
        sa.PrimaryKeyConstraint("lecture_id", name="pk_recordings"),
        sa.ForeignKeyConstraint(
            ["lecture_id"],
            ["lectures.id"],
            name="fk_recordings_lecture_id_lectures",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_recordings_state", "recordings", ["state"])
    op.create_table(
        "recording_files",
        sa.Column("lecture_id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("publisher", sa.String(32), nullable=False),
        sa.Column("source", sa.String(12), nullable=False),
        sa.Column("codec", sa.String(16), nullable=False),
        sa.Column("content_type", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("active", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("lecture_id", "name", name="pk_recording_files"),
        sa.ForeignKeyConstraint(
            ["lecture_id"],
            ["lectures.id"],
            name="fk_recording_files_lecture_id_lectures",
            ondelete="CASCADE",
        ),
    )
