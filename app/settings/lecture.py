"""How long a lecture waits for people."""

from app.settings.kinds import Group, setting


class LectureSettings(Group):
    """How long a lecture waits for people."""

    presenter_grace_seconds: int = setting(
        300,
        "Seconds for which a lecture waits for a presenter who dropped before it ends.",
        "a whole number from 1 to 86400",
        ge=1,
        le=86_400,
    )
    guest_grace_seconds: int = setting(
        60,
        "Seconds for which a guest who dropped may come back as the same guest.",
        "a whole number from 1 to 86400",
        ge=1,
        le=86_400,
    )
    claim_seconds: int = setting(
        60,
        "Seconds for which a question stays with the assistant who claimed it, unanswered.",
        "a whole number from 1 to 86400",
        ge=1,
        le=86_400,
    )
