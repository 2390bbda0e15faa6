"""Tickets: a signed, single-use, three-minute permission to enter one room in one role.

What a ticket admits to is kept in Redis and taken with it; what it says itself is where to connect,
and every field of that is signed, so that a forged or altered one costs no look-up. Its outer form,
base64 of JSON with ``tokenId``, ``host``, ``secure`` and ``signature``, is the one that Licode's
and OWT's clients read (seed rows L9, L10, O1, O2, O5).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import orjson

from app.auth.permissions import read_permission
from app.auth.principal import Member
from app.core.errors import LecternError
from app.core.ids import Email, LectureId, RoomId, is_room_id
from app.core.metrics import TICKETS
from app.store import keys
from app.store.redis import Redis

LIFETIME_SECONDS = 180
KEY_SECONDS = 3600
"""Each hour has a key of its own, made from the secret. A ticket is proved by the key that it
names, which is this hour's or the one before: no good ticket is ever refused for its key (O2)."""

MAX_TICKET_CHARS = 4096

Cause = Literal["missing", "forged", "host", "expired", "used"]


class TicketRefused(LecternError):
    """A ticket that admits nobody. The code says why, the message is what Licode's clients know."""

    code: ClassVar[str] = "ticket_forged"
    http_status: ClassVar[int] = 401


class TicketMissing(TicketRefused):
    code = "ticket_missing"


class TicketForHost(TicketRefused):
    code = "ticket_host"


class TicketExpired(TicketRefused):
    code = "ticket_expired"


class TicketUsed(TicketRefused):
    code = "ticket_used"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a ticket is to be shown."""

    host: str
    """Host and port of an api process, or of what stands before all of them."""
    secure: bool


class Tickets:
    """Issues and takes tickets, in any process. The secret may be the user tokens' own."""

    def __init__(self, redis: Redis, secret: str, hosts: frozenset[str] = frozenset()) -> None:
        """``hosts``: the names under which this deployment is reached; empty takes any."""
        self._redis = redis
        self._secret = secret.encode()
        self._hosts = hosts

    async def issue(self, member: Member, address: Address, wall: float) -> str:
        """Return a ticket that admits ``member`` (whose ``issued_ms`` is of no account) once,
        until three minutes after ``wall`` (epoch seconds). Raises Unavailable."""
        ident = secrets.token_urlsafe(18)
        kept = orjson.dumps({**written(member), "issued": await self._redis.now_ms()})
        args = (kept, LIFETIME_SECONDS * 1000)
        _ = await self._redis.script("ticket_put", [keys.ticket(ident)], args)
        said = {
            "tokenId": ident,
            "host": address.host,
            "secure": address.secure,
            "webTransportUrl": "",
            "room": member.room,
            "expires": int(wall) + LIFETIME_SECONDS,
            "key": int(wall) // KEY_SECONDS,
        }
        body = orjson.dumps({**said, "signature": self._sign(said)})
        TICKETS.labels("issued").inc()
        return base64.b64encode(body).decode()

    async def take(self, text: str, wall: float) -> Member:
        """Return whom a ticket admits, once: of any number of callers one gets it.

        Raises TicketRefused by its cause, and Unavailable where nobody can tell now.
        """
        try:
            member = await self._take(text, wall)
        except TicketRefused as refusal:
            TICKETS.labels(refusal.code).inc()
            raise
        TICKETS.labels("taken").inc()
        return member

    async def _take(self, text: str, wall: float) -> Member:
        said = self._proved(text, wall)
        if self._hosts and said["host"] not in self._hosts:
            raise TicketForHost("token: Invalid host")
        if wall >= said["expires"]:
            raise TicketExpired("token: Expired")
        kept = await self._redis.script("ticket_take", [keys.ticket(said["tokenId"])])
        if kept is None:
            raise TicketUsed("token: Token does not exist")
        return read_member(orjson.loads(kept))

    def _proved(self, text: str, wall: float) -> dict[str, Any]:
        """Return what a ticket of ours says."""
        if not text:
            raise TicketMissing("token: No token information")
        said = _decoded(text)
        if said is None:
            raise TicketRefused("token: Authentication error")
        signature, period = said.pop("signature", None), said.get("key")
        now = int(wall) // KEY_SECONDS
        is_known = isinstance(period, int) and now - 1 <= period <= now + 1
        if not isinstance(signature, str) or not (is_known and _is_well_formed(said)):
            raise TicketRefused("token: Authentication error")
        if not hmac.compare_digest(self._sign(said).encode(), signature.encode()):
            raise TicketRefused("token: Authentication error")
        return said

    def _sign(self, said: dict[str, Any]) -> str:
        period = str(said["key"]).encode()
        key = hmac.new(self._secret, b"lectern tickets 1:" + period, hashlib.sha256).digest()
        text = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
        return hmac.new(key, text, hashlib.sha256).hexdigest()


def _decoded(text: str) -> dict[str, Any] | None:
    if len(text) > MAX_TICKET_CHARS:
        return None
    try:
        said = orjson.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return None
    return said if isinstance(said, dict) else None


def _is_well_formed(said: dict[str, Any]) -> bool:
    texts = (said.get(name) for name in ("tokenId", "host", "room"))
    return all(isinstance(text, str) for text in texts) and isinstance(said.get("expires"), int)


def written(member: Member) -> dict[str, Any]:
    """Return what ``read_member`` reads."""
    return {
        "identity": member.identity,
        "name": member.name,
        "room": member.room,
        "lecture": member.lecture,
        "owner": member.owner,
        "role": member.role,
        "permission": member.permission.as_object(),
        "issued": member.issued_ms,
        "participantLimit": member.participant_limit,
        "inputLimit": member.input_limit,
        "notifying": member.notifying,
        "p2p": member.p2p,
        "isp": member.isp,
        "region": member.region,
    }


def read_member(said: dict[str, Any], *, returning: bool = False) -> Member:
    """Return the member that was written down. Raises KeyError, ValueError, TypeError."""
    if not is_room_id(said["room"]):
        raise ValueError("no room")
    return Member(
        identity=str(said["identity"]),
        name=str(said["name"]),
        room=RoomId(said["room"]),
        lecture=LectureId(said["lecture"]),
        owner=Email(said["owner"]),
        role=str(said["role"]),
        permission=read_permission(said["permission"]),
        issued_ms=int(said["issued"]),
        returning=returning,
        participant_limit=int(said["participantLimit"]),
        input_limit=int(said["inputLimit"]),
        notifying=bool(said["notifying"]),
        p2p=bool(said.get("p2p", False)),
        isp=said.get("isp"),
        region=said.get("region"),
    )
