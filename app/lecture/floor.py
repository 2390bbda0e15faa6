"""More than one speaker: hands, invitations, a speaker's own media, mutes, figures."""

from app.core.errors import Forbidden, NotFound, NotStarted
from app.core.ids import NodeId, PeerId, RoomId, peer_on, relay_in
from app.lecture.admission import sources_of
from app.lecture.descriptions import received_sources
from app.lecture.media import Media
from app.lecture.model import Offer
from app.lecture.seat import AudienceSeat, PresenterSeat, Seat
from app.relay.answers import PeerOpened, RoomMeasured
from app.relay.messages import (
    MuteTrack,
    OpenPeer,
    PauseSection,
    PreferSection,
    Source,
    TellSections,
)
from app.rooms.floor import FloorStore, member_id
from app.rooms.roster import Roster
from app.rooms.store import RoomStore
from app.rooms.streams import StreamStore


class Floor:
    """The use-cases of a lecture's speakers. Redis decides who may speak; the relay obeys."""

    def __init__(self, rooms: RoomStore, store: FloorStore, media: Media) -> None:
        self._rooms = rooms
        self._roster = Roster(rooms.redis)
        self._store = store
        self._media = media
        self.streams = StreamStore(rooms.redis)

    async def hand(self, seat: AudienceSeat, up: bool) -> None:
        """Put a participant's hand up or down. A repeat changes nothing."""
        member = member_id(seat.room, seat.identity)
        if up:
            await self._store.raise_hand(seat.room, member, seat.name)
        else:
            await self._store.lower_hand(seat.room, member)

    async def invite(self, seat: PresenterSeat, member: str) -> None:
        """Let a member whose hand is up speak. Raises NotFound, Conflict, StalePresenter."""
        await self._store.invite(seat.room, seat.epoch, member)

    async def uninvite(self, seat: PresenterSeat, member: str) -> None:
        """Take a member's right to speak back: nobody hears it any more when this returns."""
        await self._silence(seat.room, await self._store.uninvite(seat.room, seat.epoch, member))

    async def stop(self, seat: AudienceSeat) -> None:
        """Let a speaker end its own turn. Nothing for one who does not speak."""
        member = member_id(seat.room, seat.identity)
        await self._silence(seat.room, await self._store.uninvite(seat.room, None, member))

    async def _silence(self, room: RoomId, peer: PeerId | None) -> None:
        if peer is None:
            return
        relay = relay_in(peer) or await self._rooms.relay_of(room)
        if relay is not None:
            await self._media.close_peer(relay, room, peer)

    async def publish(self, seat: AudienceSeat, offer: Offer) -> tuple[PeerId, PeerOpened]:
        """Answer an invited participant's own peer connection, which everybody then hears.

        A service's member needs no invitation, but a role that may publish. Raises Forbidden for
        one who may not, BadOffer, Conflict where as many publish as may, Unavailable.
        """
        permission, is_member = seat.permission, seat.kind == "MEMBER"
        unfit = {source for source in offer.sources.values() if source not in permission.sources}
        if unfit or not permission.sends_media:
            raise Forbidden(f"your role may not publish {', '.join(sorted(unfit)) or 'media'}")
        relay = await self._relay(seat.room)
        peer = peer_on(relay, offer.peer)
        command = OpenPeer(
            room=seat.room,
            peer=peer,
            role="speaker",
            sdp=offer.sdp,
            sources=offer.sources,
            publish=sources_of(permission) if is_member else None,
        )
        # First, for whoever was not invited opens nothing; the peer has no media before DTLS.
        member = member_id(seat.room, seat.identity)
        nothing = dict.fromkeys(_SOURCES, False)
        uninvited = seat.name if is_member else ""
        before = await self._store.publish(seat.room, member, peer, nothing, uninvited)
        answer = await self._media.open(relay, command)
        try:
            await self._roster.note_peer(seat.room, seat.identity, (peer, relay))
            sources = received_sources(answer.sdp)
            _ = await self._store.publish(seat.room, member, peer, sources)
        except BaseException:  # uninvited in between
            self._media.close_peer_soon(relay, seat.room, peer)
            raise
        if before is not None and before != peer:
            self._media.close_peer_soon(relay_in(before) or relay, seat.room, before)
        return peer, answer

    async def mute(self, seat: Seat, member: str | None, source: Source, on: bool) -> None:
        """Mute one's own track, or as the presenter anybody's; ``member`` None is one's own.

        What the presenter muted, its owner cannot unmute, nor the other way round.
        """
        if isinstance(seat, PresenterSeat):
            target, by, epoch = member or "", "presenter" if member else "owner", seat.epoch
        else:
            target, by, epoch = member_id(seat.room, seat.identity), "owner", None
            if member not in (None, target):
                raise Forbidden("only the presenter mutes others")
        peer = await self._store.mute(
            seat.room, epoch, target, source, "presenter" if by == "presenter" else "owner", on
        )
        if target and peer is None:
            return  # it sends nothing yet
        relay = (relay_in(peer) if peer and target else None) or await self._relay(seat.room)
        command = MuteTrack(
            room=seat.room,
            peer=peer if target else None,
            source=source,
            by="presenter" if by == "presenter" else "owner",
            on=on,
        )
        await self._media.control(relay, command)

    async def mute_by_service(self, room: RoomId, member: str, source: Source, on: bool) -> None:
        """Mute a speaker's track, or the presenter's (``member`` ""): whoever sends it cannot undo
        that. Raises NotFound for one who does not speak."""
        peer = await self._store.mute(room, None, member, source, "presenter", on)
        if member and peer is None:
            return  # it sends nothing yet
        command = MuteTrack(
            room=room, peer=peer if member else None, source=source, by="presenter", on=on
        )
        await self._media.control(await self._relay(room), command)

    async def silence(self, room: RoomId, member: str) -> None:
        """End a speaker's turn: nobody hears it any more when this returns."""
        await self._silence(room, await self._store.uninvite(room, None, member))

    async def adjust(self, room: RoomId, command: PauseSection | PreferSection) -> None:
        """Pause or bound a section of the caller's own peer. Raises NotFound."""
        relay = relay_in(command.peer) or await self._relay(room)
        await self._media.control(relay, command)

    def tell_sections_soon(self, room: RoomId, peer: PeerId) -> None:
        """Have the relay say again whose tracks a peer's sections carry, and how; in the
        background. Nothing for a peer that is gone."""
        relay = relay_in(peer)
        if relay is not None:
            self._media.tell_sections_soon(relay, TellSections(room=room, peer=peer))

    async def measure(self, room: RoomId) -> RoomMeasured:
        """Return the figures of a room's media. Raises NotFound before there is any."""
        first = await self._relay(room)
        return await self._media.measure(first, room, await self._rooms.relays(room))

    async def _relay(self, room: RoomId) -> NodeId:
        is_live, relay = await self._rooms.placement(room)
        if not is_live:
            raise NotStarted("the lecture has not started")
        if relay is None:
            raise NotFound("the lecture has no media now")
        return relay


_SOURCES: tuple[str, ...] = ("microphone", "camera", "screen")
