"""What may be asked of a room's media once its peers are here: mutes, speakers, figures."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final, assert_never

from app.core.clock import Clock
from app.core.errors import BadRequest, Conflict, NotFound
from app.core.ids import PeerId, RoomId
from app.relay.answers import (
    Candidate,
    Done,
    IceRestarted,
    PeerFigures,
    PeersSeen,
    RelayCounted,
    RoomDescribed,
    RoomMeasured,
    SectionFigures,
    TrackFigures,
)
from app.relay.core.media import IceCredentials, MediaPlan, Role
from app.relay.core.relay import Relay
from app.relay.core.stats import PeerStats, SectionStats, TrackStats
from app.relay.core.wish import Wish
from app.relay.messages import (
    CountRelay,
    DescribeRoom,
    MeasureRoom,
    MediaKind,
    MuteTrack,
    OpenPeer,
    PauseSection,
    Permit,
    PreferSection,
    Publish,
    RestartIce,
    SeePeers,
    Source,
    TellSections,
)
from app.relay.negotiation.answer import candidates
from app.relay.negotiation.plan import Negotiation, negotiate
from app.relay.negotiation.sdp import are_credentials
from app.relay.peer import Peer, Reach, new_credentials
from app.relay.room import Room, describe_room

MAX_MEASURED = 300
"""Peers that one answer describes: about 300 KB of JSON."""

RoomCommand = (
    RestartIce
    | SeePeers
    | Publish
    | Permit
    | MuteTrack
    | PauseSection
    | PreferSection
    | TellSections
    | MeasureRoom
    | CountRelay
    | DescribeRoom
)
RoomAnswer = IceRestarted | PeersSeen | RoomDescribed | RoomMeasured | RelayCounted | Done


def role_of(command: OpenPeer) -> Role:
    """Return what the core is told a peer is: one that is idle, or waits, is not heard."""
    return "participant" if command.idle or command.waits else command.role


def negotiate_command(command: OpenPeer, room: Room) -> Negotiation:
    """Decide what of a command's offer is served. Raises TooLarge and BadOffer."""
    reads_as: Final = "participant" if command.role == "participant" else "presenter"
    negotiation = negotiate(command.sdp, reads_as, command.sources, room.ssrc_of)
    if not command.idle:
        return negotiation
    idle = tuple(
        dataclasses.replace(section, direction="inactive") for section in negotiation.plan.sections
    )
    return dataclasses.replace(negotiation, plan=MediaPlan(idle))


def permit(
    core: Relay,
    peer: Peer,
    publish: Sequence[Source] | None,
    hear: Sequence[MediaKind] | None,
    now: float,
) -> None:
    """Bound what a peer sends and receives, now; None leaves that as it is. Raises Conflict."""
    if publish is not None and peer.role != "participant":
        _publish(core, peer, publish, now)
    if hear is not None:
        core.control.set_hearing(peer.id, frozenset(hear), now)


def _publish(core: Relay, peer: Peer, sources: Sequence[Source], now: float) -> None:
    try:
        core.control.set_publishing(peer.id, frozenset(sources), now)
    except ValueError as fault:
        raise Conflict("as many speak already as a lecture may have") from fault


class RoomCommands:
    """Carries out ``RoomCommand`` on peers that ``peers.Peers`` keeps.

    The caller settles the core (its events, its timer) after each. Raises NotFound for a peer,
    section or room that is not here, BadRequest and Conflict where a command cannot be done.
    """

    def __init__(
        self,
        core: Relay,
        rooms: Mapping[RoomId, Room],
        peers: Mapping[PeerId, Peer],
        reach: Callable[[], Reach],
        count: Callable[[], dict[str, int]],
        clock: Clock,
    ) -> None:
        self._count = count
        self._core = core
        self._rooms = rooms
        self._peers = peers
        self._reach = reach
        self._clock = clock

    def execute(self, command: RoomCommand) -> RoomAnswer:
        """Do what is asked, at once."""
        now = self._clock.now()
        match command:
            case RestartIce():
                return self._restart_ice(command, now)
            case SeePeers():
                here = (self._peers.get(ident) for ident in command.peers)
                return PeersSeen(
                    peers=[peer.id for peer in here if peer and peer.room == command.room]
                )
            case Publish():
                _publish(self._core, self._peer(command.room, command.peer), command.sources, now)
            case Permit():
                peer = self._peer(command.room, command.peer)
                permit(self._core, peer, command.publish, command.hear, now)
            case MuteTrack():
                self._mute(command, now)
            case PauseSection() | PreferSection():
                self._adjust(command, now)
            case TellSections():
                self._core.control.tell_sections(self._peer(command.room, command.peer).id)
            case DescribeRoom() | MeasureRoom() | CountRelay():
                return self._tell_figures(command, now)
            case _:
                assert_never(command)
        return Done()

    def _peer(self, room: RoomId, ident: PeerId) -> Peer:
        peer = self._peers.get(ident)
        if peer is None or peer.room != room:
            raise NotFound("this peer is not on the relay")
        return peer

    def _restart_ice(self, command: RestartIce, now: float) -> IceRestarted:
        peer = self._peer(command.room, command.peer)
        if not are_credentials(command.ufrag, command.password):
            raise BadRequest("this is no valid ice-ufrag and ice-pwd")
        remote = IceCredentials(command.ufrag, command.password)
        if remote != peer.remote:  # the same again is a repeat, and gets the same answer
            local = new_credentials()
            self._core.restart_ice(peer.id, local, remote, now)
            peer.renewed(remote, local)
        lines = candidates(peer.transport("", self._reach()))
        mid = peer.plan.sections[0].mid
        return IceRestarted(
            ufrag=peer.local.ufrag,
            password=peer.local.password,
            candidates=[Candidate(candidate=line, sdpMid=mid, sdpMLineIndex=0) for line in lines],
        )

    def _mute(self, command: MuteTrack, now: float) -> None:
        if command.peer is not None:
            owners = [self._peer(command.room, command.peer)]
        else:
            room = self._rooms.get(command.room)
            peers = room.peers.values() if room is not None else ()
            owners = [peer for peer in peers if peer.role == "presenter"]
        for peer in owners:
            self._core.control.mute(peer.id, command.source, command.by, command.on, now)

    def _adjust(self, command: PauseSection | PreferSection, now: float) -> None:
        peer = self._peer(command.room, command.peer)
        try:
            if isinstance(command, PauseSection):
                self._core.control.pause(peer.id, command.mid, command.on, now)
            else:
                self._core.control.prefer(peer.id, command.mid, _wish(command), now)
        except KeyError as fault:
            raise NotFound("this peer has no such section") from fault

    def _tell_figures(
        self, command: DescribeRoom | MeasureRoom | CountRelay, now: float
    ) -> RoomDescribed | RoomMeasured | RelayCounted:
        if isinstance(command, CountRelay):
            return RelayCounted(figures=self._count())
        if isinstance(command, MeasureRoom):
            return self._measure(command, now)
        stats = self._core.stats(command.room, now)
        if stats is None:
            raise NotFound("this relay has no such room")
        return describe_room(stats)

    def _measure(self, command: MeasureRoom, now: float) -> RoomMeasured:
        room = self._rooms.get(command.room)
        if room is None:
            raise NotFound("this relay has no such room")
        # Who sends comes first: the presenter and the speakers are never left out.
        peers = sorted(room.peers.values(), key=lambda peer: peer.role == "participant")
        stats = [self._core.peer_stats(peer.id, now) for peer in peers[:MAX_MEASURED]]
        return RoomMeasured(
            peers=[peer_figures(one) for one in stats if one is not None],
            left_out=max(0, len(peers) - MAX_MEASURED),
        )


def peer_figures(stats: PeerStats) -> PeerFigures:
    """Return a peer's figures as the message that carries them."""
    return PeerFigures(
        peer=stats.peer,
        role=stats.role,
        connected=stats.is_connected,
        rtt_seconds=stats.rtt_seconds,
        estimate_bps=stats.estimate_bps,
        received=[_track(track) for track in stats.received],
        sent=[_section(section) for section in stats.sent],
        padding_bytes=stats.padding_bytes,
    )


def _track(track: TrackStats) -> TrackFigures:
    return TrackFigures(
        source=track.source,
        rid=track.rid,
        codec=track.codec,
        ssrc=track.ssrc,
        packets=track.packets,
        bytes=track.bytes,
        lost=track.lost,
        recovered=track.recovered,
        nacks_sent=track.nacks_sent,
        jitter_seconds=track.jitter_seconds,
        bitrate_bps=track.bitrate_bps,
        keyframes=track.keyframes,
        width=track.width,
        height=track.height,
        active=track.active,
        muted=track.is_muted,
    )


def _wish(command: PreferSection) -> Wish:
    return Wish(
        height=command.height,
        width=command.width,
        fps=command.fps,
        layer=command.layer,
        temporal=command.temporal,
        max_bps=command.max_bps,
        priority=command.priority,
        slides=command.slides,
        slides_below=command.slides_below,
        min_bps=command.min_bps,
        scheme=command.scheme,
    )


def _section(section: SectionStats) -> SectionFigures:
    return SectionFigures(
        mid=section.mid,
        kind=section.kind,
        owner=section.owner,
        source=section.source,
        layer=section.layer,
        temporal=section.temporal,
        paused=section.is_paused,
        packets=section.packets,
        bytes=section.bytes,
        repeated=section.repeated,
        repeated_bytes=section.repeated_bytes,
        nacked=section.nacked,
        lost=section.lost,
        fraction_lost=section.fraction_lost,
        jitter_seconds=section.jitter_seconds,
        keyframe_requests=section.keyframe_requests,
        freezes=section.freezes,
    )
