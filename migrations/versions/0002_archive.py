"""The archive: what is kept of lectures when their rooms are over; retention; subtitles."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


_PERSONAL = (
    ("accounts", "email"),
    ("accounts", "username"),
    ("accounts", "password_hash"),
    ("archive_questions", "content"),
    ("archive_questions", "name"),
    ("archive_questions", "answer"),
    ("archive_questions", "answer_name"),
    ("archive_captions", "text"),
    ("archive_attendance", "name"),
)


def _lecture(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("lecture_id", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(
            ["lecture_id"],
            ["lectures.id"],
            name=f"fk_{table}_lecture_id_lectures",
            ondelete="CASCADE",
        ),
    ]


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("lecture_id", *columns, name=f"pk_{table}")


def upgrade() -> None:
    op.add_column("lectures", sa.Column("retention_days", sa.Integer))
    op.create_table(
        "archives",
        *_lecture("archives"),
        sa.Column("code", sa.String(6), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("gaps", sa.LargeBinary, nullable=False),
        _key("archives"),
    )
    op.create_table(
        "archive_board",
        *_lecture("archive_board"),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("objects", sa.LargeBinary),
        _key("archive_board", "seq"),
    )
    op.create_table(
        "archive_keyframes",
        *_lecture("archive_keyframes"),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        _key("archive_keyframes", "seq"),
    )
    op.create_table(
        "archive_questions",
        *_lecture("archive_questions"),
        sa.Column("question_id", sa.String(48), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("anonymous", sa.Boolean, nullable=False),
        sa.Column("member_id", sa.String(16)),
        sa.Column("shown", sa.String(8), nullable=False),
        sa.Column("votes", sa.Integer, nullable=False),
        sa.Column("solved_ms", sa.BigInteger),
        sa.Column("answer", sa.Text),
        sa.Column("answer_name", sa.String(64)),
        sa.Column("answer_member", sa.String(16)),
        sa.Column("answered_ms", sa.BigInteger),
        sa.Column("erased", sa.Boolean, nullable=False),
        _key("archive_questions", "question_id"),
    )
    op.create_table(
        "archive_captions",
        *_lecture("archive_captions"),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("member_id", sa.String(16)),
        _key("archive_captions", "source", "number"),
    )
    op.create_table(
        "archive_chapters",
        *_lecture("archive_chapters"),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("page", sa.Integer),
        sa.Column("title", sa.String(200)),
        _key("archive_chapters", "seq"),
    )
    op.create_table(
        "archive_marks",
        *_lecture("archive_marks"),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        _key("archive_marks", "seq"),
    )
    op.create_table(
        "archive_attendance",
        *_lecture("archive_attendance"),
        sa.Column("stay", sa.String(32), nullable=False),
        sa.Column("member_id", sa.String(16)),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("joined_ms", sa.BigInteger, nullable=False),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.Column("left_ms", sa.BigInteger),
        _key("archive_attendance", "stay"),
    )
    op.create_table(
        "archive_entries",
        *_lecture("archive_entries"),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("event_ms", sa.Float, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("objects", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        _key("archive_entries", "number"),
    )
    op.create_table(
        "subtitle_jobs",
        *_lecture("subtitle_jobs"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("percent", sa.Integer, nullable=False),
        sa.Column("error", sa.String(200)),
        _key("subtitle_jobs"),
    )
    op.create_table(
        "erasures",
        sa.Column("lecture_id", sa.String(32), nullable=False),
        sa.Column("member_id", sa.String(16), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("lecture_id", "member_id", name="pk_erasures"),
    )
    op.create_index(
        "uq_archive_entries_digest", "archive_entries", ["lecture_id", "digest"], unique=True
    )
    if op.get_bind().dialect.name == "postgresql":
        # Its statistics would keep copies of what was erased.
        for table, column in _PERSONAL:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS 0")
