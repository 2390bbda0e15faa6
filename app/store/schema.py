"""Every table there is, in one collection: what migrations are compared with."""

from app.store import archive_tables, feed_tables, recording_tables, service_tables, tables

METADATA = tables.METADATA

RECORDING = (recording_tables.recordings, recording_tables.recording_files)
"""Rows of one lecture; what they name is in the storage, which ``Recordings.delete`` empties."""

SERVICES = (service_tables.services, service_tables.service_rooms)

FEED = (feed_tables.webhooks,)
"""Who is called; rows of services and of the operator."""

ARCHIVE = (
    archive_tables.archives,
    archive_tables.archive_board,
    archive_tables.archive_keyframes,
    archive_tables.archive_questions,
    archive_tables.archive_captions,
    archive_tables.archive_chapters,
    archive_tables.archive_marks,
    archive_tables.archive_attendance,
    archive_tables.archive_entries,
    archive_tables.subtitle_jobs,
)
"""The tables whose rows are of one lecture, and go with it."""
