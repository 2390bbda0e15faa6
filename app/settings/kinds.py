"""What settings are made of: the kinds of value, and the sentence that refuses a wrong one."""

import ipaddress
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.store.address import normal_url

PREFIX = "LECTERN_"

SECRET_BYTES = 32
"""The shortest secret that is taken: HS256 keys shorter than its hash are refused by PyJWT too."""

LAST_PORT = 65_535

SEPARATE = "separated by commas"


class SettingsError(Exception):
    """Settings that cannot be used. ``lines`` has one finished sentence per problem."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def split(value: object) -> object:
    """Return the parts of a list that is separated by commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _address(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if value == "*":
        return value
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an origin")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError("an origin has no path")
    return f"{parts.scheme}://{parts.netloc}".lower()


def _long_enough(value: SecretStr) -> SecretStr:
    length = len(value.get_secret_value().encode())
    if length < SECRET_BYTES:
        raise ValueError(f"has only {length} bytes")
    return value


def check_redis_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("not a Redis address")
    if not (parts.hostname or (parts.scheme == "unix" and parts.path)):
        raise ValueError("names no server")
    return value


def check_database_url(value: str) -> str:
    normal_url(value)
    return value


Address = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[tuple[Address, ...], NoDecode, BeforeValidator(split)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(split)
]
Secret = Annotated[SecretStr, AfterValidator(_long_enough)]
LowerCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)


def setting(
    default: Any, meaning: str, allowed: str, *, name: str | None = None, **limits: Any
) -> Any:
    """A setting: ``allowed`` finishes the sentence "it must be …"."""
    return Field(
        default,
        description=meaning,
        json_schema_extra={"allowed": allowed},
        validation_alias=name,
        **limits,
    )


class Group(BaseSettings):
    """Settings of one thing, frozen. Variables are named ``LECTERN_<FIELD>`` in the environment but
    for the three that other programs share (``name=``)."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )
