"""What a peer may receive and send is the relay's to say, whatever the peer wishes (O27)."""

from app.relay.core.events import TrackStopped
from tests.unit.relay.core.world import (
    GCM,
    OUT_AUDIO,
    OUT_VIDEO,
    PARTICIPANT_PLAN,
    VIDEO_SSRC,
    AudioSource,
    Client,
    VideoSource,
    World,
)

AUDIO = frozenset[str](("audio",))
BOTH = frozenset[str](("audio", "video"))


def test_media_of_a_barred_kind_stops_for_that_subscriber_alone_and_flows_again() -> None:
    # O27
    world = World()
    presenter = world.presenter()
    barred, other = world.participant("barred"), world.participant("other")
    voice, camera = AudioSource(presenter), VideoSource(presenter, VIDEO_SSRC)
    voice.send(2)
    camera.send(key=True)
    world.settle()
    seen = len(barred.heard_of(OUT_VIDEO))
    assert seen > 0
    world.relay.control.set_hearing(barred.id, AUDIO, world.now)  # type: ignore[arg-type]
    for _ in range(3):
        camera.send()
    voice.send(3)
    world.settle()
    assert len(barred.heard_of(OUT_VIDEO)) == seen
    assert len(barred.heard_of(OUT_AUDIO)) == 5
    assert len(other.heard_of(OUT_VIDEO)) > seen, "nobody else is touched"
    world.relay.control.pause(barred.id, "1", False, world.now)
    camera.send(key=True)
    world.settle()
    assert len(barred.heard_of(OUT_VIDEO)) == seen, "its own wish does not lift the bar"
    world.relay.control.set_hearing(barred.id, BOTH, world.now)  # type: ignore[arg-type]
    camera.send(key=True)
    world.settle()
    assert len(barred.heard_of(OUT_VIDEO)) > seen
    assert barred.failed == 0


def test_a_bar_that_is_older_than_the_connection_holds() -> None:
    world = World()
    presenter = world.presenter()
    early = Client(world, "early", "participant", PARTICIPANT_PLAN, GCM)
    world.add(early)
    world.relay.control.set_hearing(early.id, frozenset(), world.now)
    early.check()
    world.relay.set_keys(early.id, early.keys, world.now)
    world.settle()
    AudioSource(presenter).send(3)
    world.settle()
    assert early.heard_of(OUT_AUDIO) == []


def test_a_presenter_without_a_right_is_not_heard_and_others_are_told() -> None:
    # O27, L12
    world = World()
    presenter = world.presenter()
    student = world.participant("student")
    voice, camera = AudioSource(presenter), VideoSource(presenter, VIDEO_SSRC)
    voice.send(2)
    camera.send(key=True)
    world.relay.control.set_publishing(presenter.id, frozenset({"microphone"}), world.now)
    seen = len(student.heard_of(OUT_VIDEO))
    camera.send()
    voice.send(2)
    world.settle()
    assert len(student.heard_of(OUT_VIDEO)) == seen
    assert len(student.heard_of(OUT_AUDIO)) == 4
    assert [e.source for e in world.events_of(TrackStopped)] == ["camera"]  # type: ignore[attr-defined]
