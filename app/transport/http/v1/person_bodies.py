"""The JSON bodies of the server API that are about people and what they send."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from app.rooms.roster import Person, Removed
from app.transport.http.v1.bodies import RoleBody, UserName


class UserBody(BaseModel):
    """A user of a room, as Licode's callers know them."""

    name: str
    role: str
    id: str
    connections: int

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(name=person.name, role=person.role, id=person.id, connections=len(person.seats))


class ParticipantBody(BaseModel):
    """The same as OWT's callers know them."""

    id: str
    user: str
    role: str
    permission: RoleBody

    @classmethod
    def of(cls, person: Person) -> Self:
        return cls(
            id=person.id,
            user=person.name,
            role=person.role,
            permission=RoleBody.of(person.role or "none", person.permission),
        )


class Change(BaseModel):
    """One step of a JSON patch (RFC 6902): ``replace``; ``add`` and ``remove`` where they say."""

    op: Literal["replace", "add", "remove"]
    path: Annotated[str, Field(max_length=200)]
    value: Any = None


class MediaBody(BaseModel):
    status: Literal["active", "inactive"]
    source: str


class StreamMedia(BaseModel):
    audio: MediaBody | None
    video: MediaBody | None


class StreamInfo(BaseModel):
    owner: str = Field(description="The participant's id; `presenter` for the presenter.")
    type: str = "webrtc"
    attributes: dict[str, str]
    inViews: Annotated[list[str], Field(description="Nothing is mixed here.")] = []  # noqa: N815


class StreamBody(BaseModel):
    """What somebody sends: the microphone and the camera, or a screen."""

    id: str
    type: Literal["forward"] = "forward"
    media: StreamMedia
    info: StreamInfo


class NewBan(BaseModel):
    """Whom not to let in for as long as the lecture lasts: by name, or by a participant's id."""

    user: UserName | None = None
    participant: Annotated[str | None, Field(min_length=1, max_length=64)] = None
    reason: Annotated[str, Field(max_length=200)] = ""


class BanBody(BaseModel):
    id: str
    user: str
    banned: bool = Field(description="False: what it was given before is refused, no more.")
    at: datetime
    reason: str

    @classmethod
    def of(cls, removed: Removed) -> Self:
        return cls(
            id=removed.id,
            user=removed.name,
            banned=removed.banned,
            at=removed.at_ms / 1000,  # type: ignore[arg-type]  # pydantic reads epoch seconds
            reason=removed.reason,
        )
