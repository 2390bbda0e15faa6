"""Somebody listens in: each source's best layer as it came, and nothing that nobody may hear."""

from collections.abc import Sequence

import pytest

from app.relay.core.events import LayersWanted
from app.relay.core.peer import Peer
from app.relay.core.rtp import Packet
from app.relay.core.stream import Stream
from app.relay.core.track import Track
from app.relay.core.wish import Wish
from tests.unit.relay.core.test_core_simulcast import SSRCS, Camera
from tests.unit.relay.core.world import (
    AUDIO_SSRC,
    ROOM,
    VIDEO_SSRC,
    AudioSource,
    VideoSource,
    World,
)


class Ear:
    """Keeps what a listener is handed."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, int, bytes]] = []

    def take(
        self, peer: Peer, stream: Stream, track: Track, packets: Sequence[Packet], now: float
    ) -> None:
        self.heard += [
            (
                str(peer.id),
                stream.source,
                track.ssrc,
                bytes(packet.data[packet.payload : packet.end]),
            )
            for packet in packets
        ]

    def sources(self) -> list[str]:
        return [source for _, source, _, _ in self.heard]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ear(world: World) -> Ear:
    made = Ear()
    world.relay.listen(ROOM, made)
    return made


def test_packets_come_as_they_were_sent_and_a_keyframe_is_asked_for(world: World, ear: Ear) -> None:
    presenter = world.presenter()
    AudioSource(presenter).send(2)
    camera = VideoSource(presenter, VIDEO_SSRC)
    camera.send(3, key=True)
    assert ear.sources() == ["microphone"] * 2 + ["camera"] * 3
    assert {ssrc for _, _, ssrc, _ in ear.heard} == {AUDIO_SSRC, VIDEO_SSRC}
    assert ear.heard[0][3] == b"opus frame"
    world.advance(0.2)
    assert presenter.plis() == 1  # nobody watches but the listener
    world.relay.control.ask_keyframe(presenter.id, VIDEO_SSRC, world.now)
    world.advance(1.2)
    assert presenter.plis() == 2
    world.relay.control.ask_keyframe(presenter.id, 0xDEAD, world.now)  # a track that is not there


def test_what_nobody_may_hear_is_not_heard(world: World, ear: Ear) -> None:
    presenter = world.presenter()
    sound = AudioSource(presenter)
    sound.send()
    world.relay.control.mute(presenter.id, "microphone", "presenter", True, world.now)
    sound.send(5)
    assert len(ear.heard) == 1
    world.relay.control.mute(presenter.id, "microphone", "presenter", False, world.now)
    sound.send()
    assert len(ear.heard) == 2
    newer = world.presenter("newer")  # the older one's media is nobody's from here on
    sound.send(3)
    AudioSource(newer, 0x7777).send()
    assert [peer for peer, *_ in ear.heard] == ["presenter", "presenter", "newer"]


def test_a_participant_without_leave_to_speak_is_not_heard(world: World, ear: Ear) -> None:
    world.presenter()
    student = world.participant()
    AudioSource(student, 0x5555).send(3)
    assert ear.heard == []


def test_of_simulcast_the_best_layer_that_is_sent_is_heard(world: World, ear: Ear) -> None:  # M10
    camera = Camera(world)
    camera.play(2.0)
    late = ear.heard[-20:]
    assert {ssrc for _, _, ssrc, _ in late} == {SSRCS["f"]}
    camera.silent = {"f"}  # its client cannot send it any more
    camera.play(3.0)
    assert {ssrc for _, _, ssrc, _ in ear.heard[-20:]} == {SSRCS["h"]}
    camera.silent = set()
    camera.play(2.0)
    assert {ssrc for _, _, ssrc, _ in ear.heard[-20:]} == {SSRCS["f"]}


def test_a_listener_is_somebody_for_whom_the_best_layer_is_sent(world: World, ear: Ear) -> None:
    camera = Camera(world)
    student = world.participant()
    world.relay.control.prefer(student.id, "1", Wish(layer=0), world.now)
    camera.play(2.0)
    assert set(world.events_of(LayersWanted)[-1].rids) == {"q", "f"}
    world.relay.listen(ROOM, None)
    camera.play(2.0)
    assert world.events_of(LayersWanted)[-1].rids == ("q",)


def test_it_goes_on_when_the_room_is_made_anew_and_ends_when_asked(world: World, ear: Ear) -> None:
    presenter = world.presenter()
    AudioSource(presenter).send()
    world.relay.remove_peer(presenter.id)
    AudioSource(world.presenter("again"), 0x7777).send()
    assert len(ear.heard) == 2
    world.relay.listen(ROOM, None)
    AudioSource(world.presenter("third"), 0x8888).send()
    assert len(ear.heard) == 2
