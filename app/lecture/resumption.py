"""A connection without an offer, seated: where its media is elsewhere, or never stopped."""

from dataclasses import replace

from app.auth.principal import Account, Guest, Member, Principal, identity_of
from app.core.errors import Ended, Forbidden, NotJoined, NotStarted, Unauthorized
from app.core.ids import ConnectionId, NodeId, RoomId
from app.lecture.admission import Admissions
from app.lecture.model import LectureConfig
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.lecture.start import seat_slot
from app.rooms.model import holder
from app.rooms.presence import Presence
from app.rooms.store import RoomStore


class Resumptions:
    """Returns of the connections of one process."""

    def __init__(
        self,
        rooms: RoomStore,
        presence: Presence,
        node: NodeId,
        config: LectureConfig,
        admissions: Admissions,
    ) -> None:
        self._rooms = rooms
        self._presence = presence
        self._node = node
        self._config = config
        self._admissions = admissions

    async def resume(self, who: Principal, connection: ConnectionId, room: RoomId | None) -> Seat:
        """Seat a connection that brings no offer: its media is elsewhere, or never stopped.

        Without ``room`` it is the newest that they are in. The owner gets the slot when it is
        free or theirs already, else a seat of epoch 0 (see ``try_claim``).

        Raises:
            NotJoined: they are in no such room.
            Unauthorized: the token is expired and the room is not live.
            Banned, RoomFull, Forbidden: as ``Admissions.admit``.
            NotStarted, Ended: the room is not live.
            Unavailable: Redis is away.
        """
        member = await self._rooms.membership(identity_of(who))
        if isinstance(who, Member):
            room = who.room
        code = room if room is not None else member.newest
        kind = member.kinds.get(code) if code is not None else None
        if code is None or kind is None:
            if isinstance(who, Account) and who.expired:
                raise Unauthorized("the token has expired")
            raise NotJoined("enter the lecture first")
        room = RoomId(code)
        try:
            if not isinstance(who, Guest) and kind == "PRESENTER":
                return await self._resume_presenter(who, connection, room)
            if not await self._rooms.is_live(room):
                raise await self._rooms.why_missing(room)
            permission = await self._admissions.admit(room, who, "student", connection)
        except (NotStarted, Ended):
            if isinstance(who, Account) and who.expired:
                raise Unauthorized("the token has expired") from None
            raise
        if isinstance(who, Guest):
            return AudienceSeat(room, connection, "GUEST", who.id, who.name)
        if isinstance(who, Member):
            return AudienceSeat(
                room, connection, "MEMBER", who.identity, who.name, permission, who.p2p
            )
        return AudienceSeat(room, connection, "STUDENT", who.email, who.username)

    async def _resume_presenter(
        self, who: Account | Member, connection: ConnectionId, room: RoomId
    ) -> PresenterSeat:
        account, member = (who.account, who.identity) if isinstance(who, Member) else (who, "")
        permission = await self._admissions.admit(room, who, "presenter", connection)
        seat = PresenterSeat(
            room,
            connection,
            account.email,
            account.username,
            0,
            member,
            permission,
            isinstance(who, Member) and who.p2p,
        )
        try:
            return await self.try_claim(seat) or seat
        except Forbidden:  # the code is another lecture's by now
            await self._admissions.depart(seat)
            raise NotJoined("enter the lecture first") from None

    async def try_claim(self, seat: PresenterSeat) -> PresenterSeat | None:
        """Take the slot for a presenter's connection without an offer, if nobody has it.

        Returns the seat with its new epoch (or the one it has already), None while another
        connection has the slot. Raises Forbidden, NotStarted, Ended, Unavailable.
        """
        epoch = await self._rooms.try_claim(
            seat.room,
            seat.email,
            holder(self._node, seat.connection),
            self._config.lease_seconds,
        )
        if epoch is None:
            return None
        claimed = replace(seat, epoch=epoch)
        self._presence.hold(seat_slot(claimed))
        return claimed
