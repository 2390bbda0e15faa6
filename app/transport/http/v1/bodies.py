"""The JSON bodies of the server API, both ways (docs/protocol-rest.md)."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.auth.permissions import Permission, read_permission
from app.auth.services import MAX_KEY_CHARS, MIN_KEY_CHARS, Service
from app.rooms.service_rooms import MAX_ROLES, RoomOptions, ServiceRoom
from app.store.service_tables import MAX_ROOM_NAME_CHARS, MAX_SERVICE_NAME_CHARS

VISIBLE = r"^[ -~]*[!-~][ -~]*$"
MAX_USER_CHARS = 64

Kinds = Annotated[
    dict[Literal["audio", "video", "screen", "data"], bool], Field(description="Kinds of media.")
]
HeardKinds = Annotated[
    dict[Literal["audio", "video", "data"], bool], Field(description="Kinds of media.")
]


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("printable characters, not only spaces")
    return text.strip()


# Patterns stand in the schema only, where they say less than the check: enough for a generator.
Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_ROOM_NAME_CHARS, json_schema_extra={"pattern": VISIBLE}),
]
UserName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_USER_CHARS, json_schema_extra={"pattern": VISIBLE}),
    AfterValidator(_printable),
]


class RoleBody(BaseModel):
    """One role of a room: OWT's list."""

    role: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
    publish: bool | Kinds = False
    subscribe: bool | HeardKinds = False
    record: bool = False
    stats: bool = False
    controlhandlers: bool = False

    @classmethod
    def of(cls, role: str, permission: Permission) -> Self:
        return cls(role=role, **permission.as_object())

    def permission(self) -> Permission:
        """Return what it permits. Raises ValueError."""
        return read_permission(self.model_dump(exclude={"role"}))


class Notifying(BaseModel):
    """OWT's; ``streamChange`` is always told, by ``tracks``."""

    participantActivities: bool = False  # noqa: N815
    streamChange: bool = True  # noqa: N815


class Options(BaseModel):
    """A room's options. What is not known here is ignored."""

    model_config = ConfigDict(populate_by_name=True)

    p2p: bool | None = None
    data: Annotated[dict[str, Any] | None, Field(max_length=64)] = None
    mediaConfiguration: Annotated[str | None, Field(max_length=64)] = None  # noqa: N815
    participantLimit: Annotated[int | None, Field(ge=-1, le=1_000_000)] = None  # noqa: N815
    inputLimit: Annotated[int | None, Field(ge=-1, le=1000)] = None  # noqa: N815
    notifying: bool | Notifying | None = None
    roles: Annotated[list[RoleBody] | None, Field(max_length=MAX_ROLES)] = None

    def over(self, before: RoomOptions) -> RoomOptions:
        """Return ``before`` with what is said here in place of it."""
        return RoomOptions(
            p2p=before.p2p if self.p2p is None else self.p2p,
            data=before.data if self.data is None else self.data,
            media_configuration=self.mediaConfiguration or before.media_configuration,
            participant_limit=_either(self.participantLimit, before.participant_limit),
            input_limit=_either(self.inputLimit, before.input_limit),
            notifying=before.notifying if self.notifying is None else _tells(self.notifying),
            roles=before.roles
            if self.roles is None
            else {one.role: one.permission() for one in self.roles},
        )


class CreateOptions(Options):
    getOrCreate: bool = False  # noqa: N815
    test: Annotated[bool, Field(description="Taken and ignored.")] = False


class NewRoom(BaseModel):
    """``name`` is needed: without it the answer is Licode's own."""

    model_config = ConfigDict(json_schema_extra={"required": ["name"]})

    name: Name | None = None
    options: CreateOptions = CreateOptions()


class RoomUpdate(Options):
    """Licode's callers send ``name`` and ``options``; OWT's send the options themselves."""

    name: Name | None = None
    options: Options | None = None


class RoomPatch(RoomUpdate):
    """As an update, but ``data`` is merged into what is there, key by key."""


class RoomBody(BaseModel):
    """One room."""

    mongo_id: str = Field(serialization_alias="_id")
    id: str
    name: str
    p2p: bool
    data: dict[str, Any]
    mediaConfiguration: str  # noqa: N815
    participantLimit: int  # noqa: N815
    inputLimit: int  # noqa: N815
    notifying: Notifying
    roles: list[RoleBody]
    code: str | None = Field(description="Of the lecture that it holds now.")
    createTime: datetime  # noqa: N815

    @classmethod
    def of(cls, room: ServiceRoom) -> Self:
        options = room.options
        return cls(
            mongo_id=room.id,
            id=room.id,
            name=room.name,
            p2p=options.p2p,
            data=dict(options.data),
            mediaConfiguration=options.media_configuration,
            participantLimit=options.participant_limit,
            inputLimit=options.input_limit,
            notifying=Notifying(participantActivities=options.notifying),
            roles=[RoleBody.of(role, said) for role, said in options.known_roles.items()],
            code=room.code,
            createTime=room.created_at,
        )


class Done(BaseModel):
    """It is done."""

    message: str = Field(examples=["Room deleted"])


class PreferenceBody(BaseModel):
    """Where the user is: a process is chosen by it."""

    isp: Annotated[str | None, Field(max_length=64)] = None
    region: Annotated[str | None, Field(max_length=64)] = None


class TokenWish(BaseModel):
    """OWT's callers say it here, Licode's in the ``MAuth`` header."""

    user: UserName | None = None
    name: Annotated[UserName | None, Field(description="As `user`.")] = None
    role: Annotated[str | None, Field(max_length=64)] = None
    preference: PreferenceBody | None = None
    domain: Annotated[str | None, Field(max_length=200, description="Taken and ignored.")] = None


class NewService(BaseModel):
    name: Annotated[
        str,
        Field(
            min_length=1, max_length=MAX_SERVICE_NAME_CHARS, json_schema_extra={"pattern": VISIBLE}
        ),
    ]
    key: Annotated[
        str | None,
        Field(min_length=MIN_KEY_CHARS, max_length=MAX_KEY_CHARS, pattern=r"^[ -~]*$"),
    ] = None
    fullSignatures: Annotated[  # noqa: N815
        bool, Field(description="Take no requests in its name by MAuth.")
    ] = False


class ServiceBody(BaseModel):
    mongo_id: str = Field(serialization_alias="_id")
    id: str
    name: str
    superservice: bool
    full_signatures: bool = Field(serialization_alias="fullSignatures")
    createTime: datetime  # noqa: N815

    @classmethod
    def of(cls, service: Service) -> Self:
        return cls(
            mongo_id=service.id,
            id=service.id,
            name=service.name,
            superservice=service.is_super,
            full_signatures=service.full_signatures,
            createTime=service.created_at,
        )


class ServiceMade(ServiceBody):
    key: str = Field(description="Shown this once.")


def _either(said: int | None, before: int) -> int:
    return before if said is None else said


def _tells(said: bool | Notifying) -> bool:
    return said if isinstance(said, bool) else said.participantActivities
