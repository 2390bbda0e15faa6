"""What is kept of lectures, for how long, and who turns their speech into text."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from app.settings.kinds import Group, LowerCase, setting


def _address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise ValueError("not an address")
    if parts.query or parts.fragment:
        raise ValueError("an address with a query")
    return value.rstrip("/")


Web = Annotated[str, AfterValidator(_address)]


class ArchiveSettings(Group):
    """What is kept of lectures, for how long, and who turns their speech into text."""

    retention_days: int = setting(
        0,
        "Days after its end for which a lecture is kept whose presenter said nothing about it;"
        " then everything of it is deleted. 0: for ever.",
        "a whole number from 0 to 36500",
        ge=0,
        le=36_500,
    )
    public_url: Web | None = setting(
        None,
        "Address of this server for others that call it back. Needed by LECTERN_SPEECH=callback.",
        "an address such as https://lectures.example.org",
    )
    speech: Annotated[Literal["off", "callback", "sphinx"], LowerCase] = setting(
        "off",
        "Who turns the recorded speech of a lecture into captions: nobody, a service that fetches"
        " the sound and calls back (as CLOVA Speech does), or PocketSphinx on this machine (English"
        " only, and a rough draft; needs the optional part `speech`).",
        "off, callback or sphinx",
    )
    speech_url: Web | None = setting(
        None,
        "Address of the service of LECTERN_SPEECH=callback.",
        "an address such as https://speech.example.org/external/v1/1/key",
    )
    speech_key: SecretStr | None = setting(
        None,
        "Key for that service.",
        "the key",
    )
    speech_language: str = setting(
        "ko-KR",
        "Language that is spoken, for that service.",
        "a language tag such as ko-KR",
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    )
