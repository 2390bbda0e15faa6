"""A live-state world: real Redis, a relay and a catalogue that are remembered in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import redis.asyncio as driver

from app.auth.principal import Account
from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.cluster.scheduler import Scheduler
from app.core.errors import BadOffer, LecternError, NotFound, StalePresenter
from app.core.ids import Email, LectureId, NodeId, PeerId, RoomId
from app.lecture.ending import Endings
from app.lecture.keeper import Keeper
from app.lecture.media import Media
from app.lecture.model import LectureConfig, Offer
from app.lecture.relay_watch import RelayWatch
from app.lecture.service import Lectures
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.relay.answers import IceRestarted, PeerOpened, RoomMeasured
from app.relay.messages import (
    MuteTrack,
    OpenPeer,
    PauseSection,
    PreferSection,
    RestartIce,
)
from app.rooms.presence import Presence
from app.rooms.store import RoomStore
from app.store.redis import Redis
from app.whiteboard.service import Boards
from app.whiteboard.store import RedisBoardStore
from tests.manual_clock import ManualClock

ROOM = RoomId("004217")
OWNER = Account(Email("ada@example.org"), "Ada")
OTHER = Account(Email("eve@example.org"), "Eve")
STUDENT = Account(Email("sam@example.org"), "Sam")
OFFER = Offer("v=0 offer")


@dataclass
class StoredLecture:
    id: LectureId
    code: RoomId
    owner_email: Email


@dataclass
class FakeCatalogue:
    """The catalogue's rules, in memory."""

    lectures: dict[RoomId, StoredLecture] = field(default_factory=dict)
    attended: list[tuple[LectureId, Email]] = field(default_factory=list)
    starts: list[LectureId] = field(default_factory=list)
    ends: list[tuple[LectureId, str | None]] = field(default_factory=list)
    failing: LecternError | None = None

    async def open_by_code(self, code: RoomId) -> StoredLecture | None:
        if self.failing:
            raise self.failing
        return self.lectures.get(code)

    async def attend(self, lecture: LectureId, email: Email) -> None:
        self.attended.append((lecture, email))

    async def started(self, lecture: LectureId) -> None:
        self.starts.append(lecture)

    async def ended(self, lecture: LectureId, audio: str | None = None) -> None:
        if self.failing:
            raise self.failing
        self.ends.append((lecture, audio))
        for code, stored in list(self.lectures.items()):
            if stored.id == lecture:
                del self.lectures[code]


@dataclass
class FakeRelay:
    """Answers every offer but the word ``bad``; keeps a room's peers as a relay does."""

    opened: list[tuple[NodeId, OpenPeer]] = field(default_factory=list)
    epochs: dict[RoomId, int] = field(default_factory=dict)
    closed: list[PeerId] = field(default_factory=list)
    closed_rooms: list[RoomId] = field(default_factory=list)
    failing: LecternError | None = None
    gate: asyncio.Event | None = None
    restarts: list[RestartIce] = field(default_factory=list)
    controls: list[MuteTrack | PauseSection | PreferSection] = field(default_factory=list)

    async def open(self, node: NodeId, command: OpenPeer) -> PeerOpened:
        if self.failing:
            raise self.failing
        if command.sdp == "bad":
            raise BadOffer("it cannot be answered")
        if self.gate is not None:
            await self.gate.wait()
        if command.epoch and command.epoch < self.epochs.get(command.room, 0):
            raise StalePresenter("an older epoch")
        self.epochs[command.room] = max(command.epoch, self.epochs.get(command.room, 0))
        self.opened.append((node, command))
        return PeerOpened(sdp=f"answer {len(self.opened)}", candidates=[])

    async def restart_ice(self, node: NodeId, command: RestartIce) -> IceRestarted:
        if command.peer not in self.alive():
            raise NotFound("this peer is not on the relay")
        self.restarts.append(command)
        return IceRestarted(ufrag="relay", password="p" * 24, candidates=[])

    async def see(self, node: NodeId, room: RoomId, peers: Sequence[PeerId]) -> set[PeerId]:
        if self.failing:
            raise self.failing
        return set(peers) & self.alive()

    def alive(self) -> set[PeerId]:
        return {command.peer for _, command in self.opened} - set(self.closed)

    async def control(
        self, node: NodeId, command: MuteTrack | PauseSection | PreferSection
    ) -> None:
        self.controls.append(command)

    async def measure(self, node: NodeId, room: RoomId) -> RoomMeasured:
        return RoomMeasured(peers=[], left_out=0)

    async def close_peer(self, node: NodeId, room: RoomId, peer: PeerId) -> None:
        self.closed.append(peer)

    async def close_room(self, node: NodeId, room: RoomId) -> None:
        self.closed_rooms.append(room)
        self.epochs.pop(room, None)


class Process:
    """The live-state half of one api process."""

    def __init__(
        self, url: str, name: str, catalogue: FakeCatalogue, relay: FakeRelay, config: LectureConfig
    ) -> None:
        self.node = NodeId(name)
        self.redis = Redis(url)
        self.clock = ManualClock()
        self.rooms = RoomStore(self.redis)
        self.boards = Boards(RedisBoardStore(self.redis))
        self.questions = Questions(RedisQuestionStore(self.redis))
        self.presence = Presence()
        self.registry = Registry(self.redis)
        self.media = Media(self.registry, relay)
        self.endings = Endings(self.rooms, catalogue, self.media)
        self.lectures = Lectures(
            self.rooms, self.boards, self.presence, self.media, self.endings, catalogue,
            self.node, config,
        )  # fmt: skip
        self.keeper = Keeper(self.rooms, self.presence, self.endings, self.node, self.clock, config)
        self.watch = RelayWatch(
            self.rooms, self.presence, self.media, self.registry, Scheduler(self.registry),
            self.clock,
        )  # fmt: skip


@dataclass
class World:
    """Two api processes on one Redis, one relay, one lecture of Ada's."""

    url: str
    raw: driver.Redis
    catalogue: FakeCatalogue
    relay: FakeRelay
    one: Process
    two: Process

    async def announce_relay(self, name: str = "relay-1", load: float = 0) -> None:
        node = NodeId(name)
        await self.one.registry.announce("relay", node, NodeInfo(node, "relay", "h:1", load, 100))

    async def look(self, times: int = 6) -> None:
        """Let both processes look at the relays, half a second apart."""
        for _ in range(times):
            for process in (self.one, self.two):
                await process.watch.look()
                process.clock.advance(0.5)

    async def force(self, field: str, value: int) -> None:
        """Set one of the room's times (ms), as if that much time had passed."""
        await self.raw.hset(f"room:{{{ROOM}}}", field, value)
        await self.raw.zadd("rooms:due", {ROOM: value})

    async def force_due(self) -> None:
        """Have the next sweep look at the room."""
        await self.raw.zadd("rooms:due", {ROOM: 1})

    async def events(self) -> list[tuple[str, bytes]]:
        entries = await self.raw.xrange(f"room:{{{ROOM}}}:events")
        return [(fields[b"type"].decode(), fields[b"data"]) for _, fields in entries]
