"""All settings of one process, and what may not be combined."""

from typing import Self

from pydantic import model_validator
from pydantic.fields import FieldInfo

from app.settings.archive import ArchiveSettings
from app.settings.cluster import ClusterSettings
from app.settings.feed import FeedSettings
from app.settings.kinds import PREFIX, SettingsError
from app.settings.lecture import LectureSettings
from app.settings.media import MediaSettings
from app.settings.recording import RecordingSettings
from app.settings.server import ServerSettings
from app.settings.turn import TurnSettings


class Settings(
    FeedSettings,
    ClusterSettings,
    TurnSettings,
    ArchiveSettings,
    RecordingSettings,
    LectureSettings,
    MediaSettings,
    ServerSettings,
):
    """All settings of one process, frozen. They are listed from the last group to the first."""

    @model_validator(mode="after")
    def _production_is_complete(self) -> Self:
        if self.env != "production":
            return self
        needed = ("jwt_secret_key", "redis_url", "database_url", "allowed_origins", "media_host")
        missing = [variable(field) for field in needed if field not in self.model_fields_set]
        if missing:
            raise SettingsError(
                [f"LECTERN_ENV=production needs {', '.join(missing)} to be set (docs/settings.md)"]
            )
        if "*" in self.allowed_origins:
            raise SettingsError(
                ["LECTERN_ALLOWED_ORIGINS: * (any origin) is for development; name the origins"]
            )
        return self

    @model_validator(mode="after")
    def _speech_is_complete(self) -> Self:
        if self.speech != "callback":
            return self
        needed = ("speech_url", "speech_key", "public_url")
        missing = [variable(field) for field in needed if not getattr(self, field)]
        if missing:
            raise SettingsError([f"LECTERN_SPEECH=callback needs {', '.join(missing)} to be set"])
        return self

    @property
    def turn_address(self) -> str:
        """The address of the TURN server for clients."""
        return self.turn_host or self.media_host[0]


def variable(field: str) -> str:
    """Return the environment variable that sets ``field``."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def allowed(info: FieldInfo) -> str:
    """Return what a setting may be, as the end of the sentence "it must be …"."""
    extra = info.json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["allowed"])
