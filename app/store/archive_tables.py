"""What is kept of lectures: their boards, questions, captions, chapters and who was there.

Times are milliseconds since the epoch, by Redis' clock, as the rooms' logs have them. Of people
there are only member ids, which name somebody in one lecture and say nothing about an account, and
the names they went by.
"""

import sqlalchemy as sa

from app.store.tables import MAX_USERNAME_CHARS, METADATA, UtcDateTime

MEMBER_CHARS = 16


def _lecture(*, primary: bool = True) -> sa.Column[str]:
    return sa.Column(
        "lecture_id", sa.ForeignKey("lectures.id", ondelete="CASCADE"), primary_key=primary
    )


archives = sa.Table(
    "archives",
    METADATA,
    _lecture(),
    sa.Column("code", sa.String(6), nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("ended_ms", sa.BigInteger),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("gaps", sa.LargeBinary, nullable=False),
)
"""How far a lecture's log was brought over. ``gaps``: JSON of what could not be."""

archive_board = sa.Table(
    "archive_board",
    METADATA,
    _lecture(),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("objects", sa.LargeBinary),
)
"""Every change of the board: ``board`` (a whole snapshot; no objects: unchanged), ``drawn``,
``page``. ``data`` is the event's JSON."""

archive_keyframes = sa.Table(
    "archive_keyframes",
    METADATA,
    _lecture(),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)
"""The whole board after an event (app/archive/board.py), so that a seek replays little."""

archive_questions = sa.Table(
    "archive_questions",
    METADATA,
    _lecture(),
    sa.Column("question_id", sa.String(48), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("asked_ms", sa.BigInteger, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("name", sa.String(MAX_USERNAME_CHARS), nullable=False),
    sa.Column("anonymous", sa.Boolean, nullable=False),
    sa.Column("member_id", sa.String(MEMBER_CHARS)),
    sa.Column("shown", sa.String(8), nullable=False),
    sa.Column("votes", sa.Integer, nullable=False),
    sa.Column("solved_ms", sa.BigInteger),
    sa.Column("answer", sa.Text),
    sa.Column("answer_name", sa.String(MAX_USERNAME_CHARS)),
    sa.Column("answer_member", sa.String(MEMBER_CHARS)),
    sa.Column("answered_ms", sa.BigInteger),
    sa.Column("erased", sa.Boolean, nullable=False),
)

archive_captions = sa.Table(
    "archive_captions",
    METADATA,
    _lecture(),
    sa.Column("source", sa.String(8), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("start_ms", sa.BigInteger, nullable=False),
    sa.Column("end_ms", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("member_id", sa.String(MEMBER_CHARS)),
)
"""``live``: typed in the lecture, by ``seq``. ``speech``: recognised afterwards, by place.
Their times are milliseconds since the lecture began."""

archive_chapters = sa.Table(
    "archive_chapters",
    METADATA,
    _lecture(),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("page", sa.Integer),
    sa.Column("title", sa.String(200)),
)
"""A page that was shown, or a chapter that the presenter marked (``title``)."""

archive_marks = sa.Table(
    "archive_marks",
    METADATA,
    _lecture(),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
"""What happened to the lecture itself: its presenter away and back, its end, its recording."""

archive_attendance = sa.Table(
    "archive_attendance",
    METADATA,
    _lecture(),
    sa.Column("stay", sa.String(32), primary_key=True),
    sa.Column("member_id", sa.String(MEMBER_CHARS)),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("name", sa.String(MAX_USERNAME_CHARS), nullable=False),
    sa.Column("joined_ms", sa.BigInteger, nullable=False),
    sa.Column("seen_ms", sa.BigInteger, nullable=False),
    sa.Column("left_ms", sa.BigInteger),
)
"""One row per connection of one participant, from when to when."""

archive_entries = sa.Table(
    "archive_entries",
    METADATA,
    _lecture(),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("event_ms", sa.Float, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("objects", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.String(32), nullable=False),
)
"""Boards that somebody posted to ``/lecture/log/:code``."""

sa.Index("uq_archive_entries_digest", archive_entries.c.lecture_id, archive_entries.c.digest,
         unique=True)  # fmt: skip

subtitle_jobs = sa.Table(
    "subtitle_jobs",
    METADATA,
    _lecture(),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    sa.Column("percent", sa.Integer, nullable=False),
    sa.Column("error", sa.String(200)),
)
"""Speech that is to be turned into text. ``due_ms``: when somebody takes it up (again)."""

erasures = sa.Table(
    "erasures",
    METADATA,
    sa.Column("lecture_id", sa.String(32), primary_key=True),
    sa.Column("member_id", sa.String(MEMBER_CHARS), primary_key=True),
    sa.Column("requested_at", UtcDateTime, nullable=False),
)
"""What remains to be erased of somebody when a lecture that is live now is over."""
