"""The relay's end of its recorder: it never waits, counts what it drops, owes what it must say."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from app.core.ids import LectureId, PeerId, RoomId
from app.recording.feed import Feed
from app.recording.wire import (
    MAX_MESSAGE,
    PACKETS,
    TO_RECORDER,
    Announce,
    Arrival,
    Begin,
    ClockPair,
    Counted,
    Faulty,
    KeyframeWanted,
    ToRecorder,
    read_packets,
)
from app.relay.core.media import Codec, Section
from app.relay.core.peer import Peer
from app.relay.core.rtp import Packet
from app.relay.core.stream import Stream
from app.relay.core.tap import Listener
from app.relay.core.track import ClockReport, Track
from tests.manual_clock import ManualClock

MANY = 20_000
ROOM, LECTURE = RoomId("004217"), LectureId("a" * 32)
OPUS, RED = Codec(111, "opus", 48_000), Codec(63, "red", 48_000)
SECTION = Section("0", "audio", "microphone", "receive", (OPUS, RED), (), 0)


@dataclass
class Relay:
    listeners: dict[RoomId, Listener | None] = field(default_factory=dict)
    asked: list[tuple[PeerId, int]] = field(default_factory=list)

    def listen(self, room: RoomId, listener: Listener | None) -> None:
        self.listeners[room] = listener

    def ask_keyframe(self, peer: PeerId, ssrc: int) -> None:
        self.asked.append((peer, ssrc))


@dataclass
class Speaker:
    id: PeerId
    role: str = "presenter"


class Desk:
    """A feed whose recorder is this test."""

    def __init__(self, clock: ManualClock) -> None:
        self.relay = Relay()
        self.faults: list[str | None] = []
        self.feed = Feed(
            self.relay,
            None,  # type: ignore[arg-type]  # nothing is started here
            clock,
            lambda room, lecture, reason: self.faults.append(reason),
        )
        self.far, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.far.setblocking(False)
        self.feed._link.attach(ours)
        peer = PeerId("secret-peer")
        self.peer: Peer = Speaker(peer)  # type: ignore[assignment]
        self.stream = Stream(peer, SECTION, "microphone", True)
        self.track = Track(peer, SECTION, "microphone", 0x1111)

    def hand(self, *packets: Packet) -> None:
        listener = self.relay.listeners[ROOM]
        assert listener is not None
        listener.take(self.peer, self.stream, self.track, packets, 5.0)

    def stand_still(self) -> None:
        """Let more come than the kernel keeps for a recorder that reads nothing."""
        for n in range(0, MANY, 40):
            burst = [packet(n + k, b"\xfc" + bytes(1_000)) for k in range(40)]
            self.hand(*burst)
        assert 0 < self.feed.dropped < MANY

    def got(self) -> list[ToRecorder | list[Arrival]]:
        """Return what reached the recorder since the last time."""
        found: list[ToRecorder | list[Arrival]] = []
        while True:
            try:
                message = self.far.recv(1 << 20)
            except BlockingIOError:
                return found
            if message[0] == PACKETS:
                found.append(list(read_packets(message)[2]))
            else:
                found.append(TO_RECORDER.validate_json(message))


def packet(index: int, payload: bytes, payload_type: int = 111) -> Packet:
    data = memoryview(bytes(12) + payload)
    made = Packet(data, payload_type, index & 0xFFFF, index * 960, 0x1111, 0, 0, 12, len(data))
    made.index = index
    return made


@pytest.fixture
def desk(clock: ManualClock) -> Iterator[Desk]:
    made = Desk(clock)
    yield made
    made.far.close()
    assert made.feed._link._socket is not None
    made.feed._link._socket.close()


def test_a_track_is_announced_once_and_tells_nothing_of_who_sends(desk: Desk) -> None:
    desk.feed.begin(ROOM, LECTURE, 12.0)
    desk.hand(packet(1, b"\xfcone"), packet(2, b"\xfctwo"))
    desk.hand(packet(3, b"\xfcthree"))
    begin, announce, first, second = desk.got()
    assert isinstance(begin, Begin)
    assert begin.elapsed == pytest.approx(12.0)
    assert isinstance(announce, Announce)
    assert (announce.publisher, announce.source, announce.codec) == (
        "presenter",
        "microphone",
        "opus",
    )
    assert isinstance(first, list)
    assert [(one.index, one.payload) for one in first] == [(1, b"\xfcone"), (2, b"\xfctwo")]
    assert isinstance(second, list)
    assert len(second) == 1
    speaker = Speaker(PeerId("secret-speaker"), "speaker")
    desk.peer = speaker  # type: ignore[assignment]
    desk.track = Track(speaker.id, SECTION, "microphone", 0x2222)
    desk.hand(packet(1, b"\xfcx"))
    other = desk.got()[0]
    assert isinstance(other, Announce)
    assert other.publisher.startswith("speaker-")
    assert "secret" not in other.publisher


def test_of_redundant_audio_the_newest_block_is_kept(desk: Desk) -> None:  # RFC 2198 §3
    desk.feed.begin(ROOM, LECTURE, 0)
    older = b"\xfcold"
    header = bytes((0x80 | 111,)) + (960 << 10 | len(older)).to_bytes(3) + bytes((111,))
    desk.hand(packet(1, header + older + b"\xfcnew", 63), packet(2, b"\x80\x00", 63))
    arrivals = desk.got()[-1]
    assert isinstance(arrivals, list)
    assert [one.payload for one in arrivals] == [b"\xfcnew"]


def test_a_large_wake_up_goes_in_several_messages(desk: Desk) -> None:
    desk.feed.begin(ROOM, LECTURE, 0)
    desk.hand(*(packet(n, b"\xfc" + bytes(1_100)) for n in range(100)))
    messages = [one for one in desk.got() if isinstance(one, list)]
    assert sum(map(len, messages)) == 100
    assert len(messages) == 1 + 100 * 1_116 // MAX_MESSAGE


def test_what_the_recorder_does_not_take_is_dropped_and_counted(desk: Desk) -> None:
    desk.feed.begin(ROOM, LECTURE, 0)
    desk.stand_still()
    taken = sum(len(one) for one in desk.got() if isinstance(one, list))
    assert taken + desk.feed.dropped == MANY
    desk.hand(packet(50_000, b"\xfcback"))
    last = desk.got()[-1]
    assert isinstance(last, list)
    assert last[0].index == 50_000
    assert desk.feed.figures()['recording_drops{place="relay"}'] == desk.feed.dropped


def test_what_must_be_said_waits_and_nothing_overtakes_it(desk: Desk) -> None:
    desk.feed.begin(ROOM, LECTURE, 0)
    desk.stand_still()
    desk.feed.end(ROOM)  # there is no room for it now
    second = RoomId("004218")
    desk.feed.begin(second, LECTURE, 3)
    assert not any(isinstance(one, Begin) and one.elapsed == 3 for one in desk.got()[1:-1])
    desk.feed._link.pay()
    said = [one.op for one in desk.got() if not isinstance(one, list)]
    assert said == ["end", "begin"]
    assert desk.feed.rooms == {second: LECTURE}


def test_a_sender_report_is_passed_on_once(desk: Desk) -> None:
    desk.feed.begin(ROOM, LECTURE, 0)
    desk.hand(packet(1, b"\xfcx"))
    desk.track.clock = ClockReport(77, 960, 5.0)
    desk.hand(packet(2, b"\xfcx"))
    desk.hand(packet(3, b"\xfcx"))
    clocks = [one for one in desk.got() if isinstance(one, ClockPair)]
    assert [(one.ntp, one.timestamp) for one in clocks] == [(77, 960)]


async def test_answers_are_acted_on(desk: Desk) -> None:
    desk.feed.begin(ROOM, LECTURE, 0)
    desk.hand(packet(1, b"\xfcx"))
    announced = next(one for one in desk.got() if isinstance(one, Announce))
    for answer in (
        KeyframeWanted(track=announced.track),
        KeyframeWanted(track=999),
        Faulty(session=announced.session, reason="disk_full"),
        Faulty(session=announced.session, reason="disk_full"),
        Faulty(session=announced.session, reason=None),
        Counted(bytes_written=500, frames_dropped=2),
    ):
        desk.feed.recorder_said(answer.model_dump_json().encode())
    desk.feed.recorder_said(b"nonsense")
    assert desk.relay.asked == [(desk.peer.id, 0x1111)]
    assert desk.faults == ["disk_full", None]
    figures = desk.feed.figures()
    assert figures["recording_bytes"] == 500
    assert figures['recording_drops{place="frame"}'] == 2
    assert figures['recording_failures{reason="disk_full"}'] == 2
    desk.feed.recorder_down()
    desk.feed.recorder_said(Counted(bytes_written=30).model_dump_json().encode())
    assert desk.feed.figures()["recording_bytes"] == 530  # counters only grow
    await asyncio.sleep(0)
