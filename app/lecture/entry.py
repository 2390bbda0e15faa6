"""A participant's entry: placed, answered, remembered, and given the newest board."""

from dataclasses import replace

from app.auth.principal import Guest, Member, Principal
from app.cluster.placement import Preference
from app.cluster.refusals import AllFull
from app.core.errors import Unauthorized, Unavailable
from app.core.ids import ConnectionId, Email, NodeId, PeerId, RoomId, peer_on
from app.lecture.admission import Admissions, hearing_of
from app.lecture.ending import Endings
from app.lecture.media import Media, RelayGone
from app.lecture.model import Entered, Offer
from app.lecture.ports import CataloguePort
from app.lecture.seat import AudienceSeat
from app.relay.answers import PeerOpened
from app.relay.client import RelayFull
from app.relay.messages import MediaKind, OpenPeer
from app.rooms.store import RoomStore
from app.whiteboard.store import read_board

ENTRY_TRIES = 3
"""Relays that are asked, where each dies before it answers."""


class Entries:
    """Entries of the connections of one process."""

    def __init__(
        self,
        rooms: RoomStore,
        media: Media,
        endings: Endings,
        catalogue: CataloguePort,
        admissions: Admissions,
    ) -> None:
        self._admissions = admissions
        self._rooms = rooms
        self._media = media
        self._endings = endings
        self._catalogue = catalogue

    async def enter(
        self,
        who: Principal,
        connection: ConnectionId,
        room: RoomId,
        offer: Offer,
        preference: Preference | None = None,
    ) -> Entered:
        """Let somebody in as a participant, answer the offer, and give the newest board.

        ``preference`` says where the participant is; None: where this process is.

        Raises:
            NotFound: no open lecture has the code.
            NotStarted: the lecture has no live room yet.
            Ended: the lecture is over.
            Unauthorized: the token is expired and its owner was not in this room.
            Banned, RoomFull, Forbidden: as ``Admissions.admit``.
            BadOffer: the relay cannot answer the offer.
            Unavailable: Redis, SQL or every relay is away.
        """
        is_live, _ = await self._rooms.placement(room)
        if not is_live:
            raise await self._endings.why_closed(room)
        seat = await self._audience_seat(who, connection, room)
        hear = None
        if isinstance(who, Member):
            hear = hearing_of(seat.permission)
            preference = preference or _where(who)
        answer, peer, media = None, None, None
        if not seat.p2p:
            relay, peer, answer = await self._answered(room, offer, hear, preference)
            media = (peer, relay)
        try:
            permission = await self._admissions.admit(room, who, "student", connection, media)
            return await self._entered(replace(seat, permission=permission), answer, peer)
        except BaseException:
            if media is None or offer.peer != peer:  # one whose ICE was restarted is left alone
                if media is not None:
                    self._media.close_peer_soon(media[1], room, media[0])
                await self._admissions.depart(seat, peer)
            raise

    async def _answered(
        self,
        room: RoomId,
        offer: Offer,
        hear: list[MediaKind] | None,
        preference: Preference | None,
    ) -> tuple[NodeId, PeerId, PeerOpened]:
        """Have a relay of the room answer, and another one if that dies meanwhile."""
        full: set[NodeId] = set()
        for _ in range(ENTRY_TRIES):
            _, seen = await self._rooms.placement(room)
            first = await self._media.relay_for(room, seen)
            if first != seen:
                first = await self._rooms.place(room, seen, first)
            spanned = await self._rooms.relays(room)
            relay = await self._media.relay_for_participant(
                room, first, spanned, preference, offer.peer, full
            )
            if relay in full:
                raise AllFull
            peer = peer_on(relay, offer.peer)
            command = OpenPeer(
                room=room,
                peer=peer,
                role="participant",
                sdp=offer.sdp,
                sources=offer.sources,
                hear=hear,
            )
            try:
                return relay, peer, await self._media.open(relay, command)
            except RelayFull:  # its load is a second old
                full.add(relay)
            except RelayGone:
                pass
        raise Unavailable("the relays die one after the other")

    async def _audience_seat(
        self, who: Principal, connection: ConnectionId, room: RoomId
    ) -> AudienceSeat:
        if isinstance(who, Guest):
            return AudienceSeat(room, connection, "GUEST", who.id, who.name)
        if isinstance(who, Member):
            await self._admissions.check(who, room)
            return AudienceSeat(
                room, connection, "MEMBER", who.identity, who.name, who.permission, who.p2p
            )
        if who.expired and room not in (await self._rooms.membership(who.email)).kinds:
            raise Unauthorized("the token has expired")
        return AudienceSeat(room, connection, "STUDENT", who.email, who.username)

    async def _entered(
        self, seat: AudienceSeat, answer: PeerOpened | None, peer: PeerId | None
    ) -> Entered:
        live = await self._rooms.read(seat.room)  # again: the board may have changed meanwhile
        if live is None:
            raise await self._rooms.why_missing(seat.room)
        if seat.kind == "STUDENT":  # first: an account that was erased leaves no new trace
            await self._catalogue.attend(live.lecture, Email(seat.identity))
        await self._rooms.remember(seat.identity, seat.kind, seat.room)
        return Entered(
            seat,
            answer,
            peer,
            read_board(live.board_view, live.board_objects),
            live.start_time,
            live.status == "LIVE",
        )


def _where(who: Member) -> Preference | None:
    """Return where its service says that a member is, if it says so."""
    return None if who.isp is who.region is None else Preference(who.isp, who.region)
