"""The JSON bodies of the REST interface, both ways (docs/protocol-rest.md)."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from app.auth.accounts import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, USERNAME_PATTERN
from app.auth.principal import Account
from app.rooms.catalogue import MAX_DESCRIPTION_CHARS, Lecture
from app.store.tables import MAX_AUDIO_CHARS, MAX_EMAIL_CHARS, MAX_TITLE_CHARS, MAX_USERNAME_CHARS

# Patterns stand in the schema only: the rules themselves, and their words, are where they belong.
Username = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_USERNAME_CHARS,
        examples=["Ada"],
        json_schema_extra={"pattern": USERNAME_PATTERN},
    ),
]
EmailText = Annotated[
    str,
    Field(
        min_length=3,
        max_length=MAX_EMAIL_CHARS,
        examples=["ada@example.org"],
        json_schema_extra={"format": "email"},
    ),
]
Title = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_TITLE_CHARS,
        json_schema_extra={"pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$"},
    ),
]
Description = Annotated[
    str,
    Field(max_length=MAX_DESCRIPTION_CHARS, json_schema_extra={"pattern": r"^[^\u0000]*$"}),
]
Code = Annotated[str, Field(max_length=64, examples=["004217"])]


class SignUp(BaseModel):
    username: Username
    email: EmailText
    password: Annotated[str, Field(min_length=MIN_PASSWORD_CHARS, max_length=MAX_PASSWORD_CHARS)]


class SignIn(BaseModel):
    """Nothing is checked but the size: what cannot be an account is simply unknown."""

    email: Annotated[str, Field(max_length=1000, examples=["ada@example.org"])]
    password: Annotated[str, Field(max_length=MAX_PASSWORD_CHARS)]


class Rename(BaseModel):
    username: Username


class NewLecture(BaseModel):
    """The owner is the caller, whatever a client sends as ``email``."""

    title: Title
    description: Description = ""
    record: Annotated[
        bool | None,
        Field(description="Record it from its start; left out: as the server does by default."),
    ] = None


class EndLecture(BaseModel):
    code: Code
    audio: Annotated[
        str | None,
        Field(max_length=MAX_AUDIO_CHARS, description="The recording; taken from services only."),
    ] = None


class Person(BaseModel):
    username: str
    email: str

    @classmethod
    def of(cls, account: Account) -> Self:
        return cls(username=account.username, email=account.email)


class SignedIn(Person):
    token: str


class Token(BaseModel):
    token: str


class LectureCode(BaseModel):
    code: str = Field(pattern="^[0-9]{6}$")


class LectureCard(BaseModel):
    """What somebody sees who has the code."""

    title: str
    description: str
    presenter: Person

    @classmethod
    def of(cls, lecture: Lecture) -> Self:
        return cls(
            title=lecture.title, description=lecture.description, presenter=_presenter(lecture)
        )


class OpenLecture(BaseModel):
    id: str
    code: str
    title: str
    description: str
    created_at: datetime
    started_at: datetime | None

    @classmethod
    def of(cls, lecture: Lecture) -> Self:
        return cls(
            id=lecture.id,
            code=lecture.code,
            title=lecture.title,
            description=lecture.description,
            created_at=lecture.created_at,
            started_at=lecture.started_at,
        )


class EndedLecture(BaseModel):
    """Named as existing clients know it."""

    id: str = Field(serialization_alias="_id")
    code: str
    title: str
    description: str
    presenter_id: Person
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    state: str = Field("none", description="Of its record: archiving, ready, incomplete, none.")
    expires_at: datetime | None = Field(None, description="When all of it is deleted.")

    @classmethod
    def of(cls, lecture: Lecture, state: str = "none", expires_at: datetime | None = None) -> Self:
        return cls(
            id=lecture.id,
            code=lecture.code,
            title=lecture.title,
            description=lecture.description,
            presenter_id=_presenter(lecture),
            created_at=lecture.created_at,
            started_at=lecture.started_at,
            ended_at=lecture.ended_at,
            state=state,
            expires_at=expires_at,
        )


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    status: Literal["ok", "unavailable"]
    missing: list[str] = Field(description="What is away: redis, sql, relay.")


def _presenter(lecture: Lecture) -> Person:
    return Person(username=lecture.owner_name, email=lecture.owner_email)
