"""Accounts, lectures and attendance."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("username", sa.String(64), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("email", name="uq_accounts_email"),
    )
    op.create_table(
        "lectures",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("code", sa.String(6), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("owner_id", sa.String(32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("audio", sa.String(2000)),
        sa.PrimaryKeyConstraint("id", name="pk_lectures"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["accounts.id"], name="fk_lectures_owner_id_accounts"
        ),
    )
    op.create_index("ix_lectures_owner_id", "lectures", ["owner_id"])
    op.create_index(
        "uq_lectures_open_code",
        "lectures",
        ["code"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "attendance",
        sa.Column("lecture_id", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(32), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lecture_id", "account_id", name="pk_attendance"),
        sa.ForeignKeyConstraint(
            ["lecture_id"], ["lectures.id"], name="fk_attendance_lecture_id_lectures"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_attendance_account_id_accounts"
        ),
    )
    op.create_index("ix_attendance_account_id", "attendance", ["account_id"])
