"""Whether lectures are recorded, and where recordings are kept."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from app.settings.kinds import Group, LowerCase, setting


def _place(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme == "s3":
        if not parts.netloc or parts.query or parts.username:
            raise ValueError("names no bucket")
    elif not value.startswith("/"):
        raise ValueError("not a place")
    return value


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ValueError("not an address")
    return value.rstrip("/")


class RecordingSettings(Group):
    """Whether lectures are recorded, and where recordings are kept."""

    recording: Annotated[Literal["on", "off"], LowerCase] = setting(
        "on",
        "Whether lectures may be recorded at all.",
        "on or off",
    )
    recording_default: Annotated[Literal["on", "off"], LowerCase] = setting(
        "off",
        "Whether a lecture is recorded from its start when whoever made it said nothing about it.",
        "on or off",
    )
    recordings_url: Annotated[str, AfterValidator(_place)] | None = setting(
        None,
        "Where recordings are kept. Unset: the folder recordings in LECTERN_DATA_DIR. Processes on"
        " several machines need one place that all of them reach.",
        "an absolute folder, or s3://bucket or s3://bucket/prefix",
    )
    s3_endpoint: Annotated[str, AfterValidator(_endpoint)] | None = setting(
        None,
        "Address of the service that speaks S3, which browsers must reach, too. Unset: AWS.",
        "an address such as https://s3.example.org",
    )
    s3_region: str = setting(
        "us-east-1",
        "Region of the bucket.",
        "a region's name",
    )
    s3_key_id: str = setting(
        "",
        "Access key id for the bucket.",
        "the id of an access key",
    )
    s3_secret: SecretStr | None = setting(
        None,
        "Secret access key for the bucket.",
        "the secret of that access key",
    )
    recording_reserve_mb: int = setting(
        256,
        "Recording stops while the disk of LECTERN_DATA_DIR has less than so many MB left, which"
        " the databases need; the lecture goes on.",
        "a whole number from 0 to 1000000",
        ge=0,
        le=1_000_000,
    )
    recording_link_seconds: int = setting(
        21_600,
        "Seconds for which a link to a recording is good.",
        "a whole number from 60 to 604800",
        ge=60,
        le=604_800,
    )
