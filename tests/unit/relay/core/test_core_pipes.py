"""A room on several relays: what a listener elsewhere gets, and what goes between them (M15)."""

import random
import struct
from dataclasses import replace

import pytest

from app.relay.core.events import (
    LayersWanted,
    PipeGone,
    PipeJoined,
    SpeakerChanged,
    TrackMuted,
    TrackStarted,
)
from app.relay.core.media import SrtpKeys
from app.relay.core.pipe import PipePath
from app.relay.core.relay import Relay
from app.relay.core.transmit import OneByOne
from app.relay.core.wish import Wish
from tests.unit.relay.core.pipe_world import Campus, Site
from tests.unit.relay.core.test_core_simulcast import HEIGHTS, PLAN, Layer
from tests.unit.relay.core.test_core_speakers import LISTENER, SPEAKER_IN, join
from tests.unit.relay.core.world import (
    CM,
    GCM,
    OUT_VIDEO,
    ROOM,
    VIDEO_SSRC,
    AudioSource,
    Client,
    VideoSource,
    rtp_packet,
)


class Show:
    """A presenter at ``root`` whose frames and sound go out as time passes."""

    def __init__(self, campus: Campus, root: str = "root") -> None:
        self.campus = campus
        self.presenter: Client = campus.sites[root].presenter()
        self.video = VideoSource(self.presenter, VIDEO_SSRC)
        self.keyframes = 0
        self._answered = 0

    def run(self, seconds: float, every: float = 0.04) -> None:
        """Send a frame each ``every`` seconds; a keyframe where one was asked for."""
        for _ in range(round(seconds / every)):
            asked = self.presenter.plis()
            key = asked > self._answered or not self.keyframes
            self._answered = asked
            self.keyframes += key
            self.presenter.send(*self.video.frame(3, key))
            self.campus.advance(every)


def whole(client: Client, ssrc: int = OUT_VIDEO) -> list[int]:
    """Return the sequence numbers that came, which must have no gap, in their order."""
    numbers = sorted({packet.sequence for packet in client.heard_of(ssrc)})
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return numbers


def test_a_listener_at_another_relay_gets_what_one_at_the_first_gets() -> None:
    campus = Campus("root", "edge")
    show = Show(campus)
    near = campus.sites["root"].participant("near")
    campus.join("edge", "root")
    far = campus.sites["edge"].participant("far")
    show.run(1.0)
    assert [p.payload for p in far.heard_of(OUT_VIDEO)][-30:] == [
        p.payload for p in near.heard_of(OUT_VIDEO)
    ][-30:]
    assert len(whole(far)) >= 60
    assert far.failed == near.failed == 0
    for site in campus.sites.values():
        assert site.relay.counters.errors == 0


def media(campus: Campus, upper: str, lower: str) -> int:
    return campus.piped.get((upper, lower), 0)


@pytest.mark.parametrize("audience", [1, 20])
def test_the_first_relay_sends_each_other_relay_one_copy(audience: int) -> None:  # M15, L34
    campus = Campus("root", "a", "b", "c")
    show = Show(campus)
    for name in "abc":
        campus.join(name, "root")
    listeners = [
        campus.sites[name].participant(f"{name}{number}")
        for name in "abc"
        for number in range(audience)
    ]
    show.run(1.0)
    campus.piped.clear()
    show.run(4.0)
    sent = 100 * 3
    for name in "abc":
        packets = media(campus, "root", name) / (200 + 12 + 16)
        assert sent <= packets < 1.1 * sent
    assert all(len(whole(one)) >= 4.9 * 75 for one in listeners)


def test_nothing_but_signs_of_life_goes_where_nobody_listens() -> None:
    campus = Campus("root", "a")
    show = Show(campus)
    campus.join("a", "root")
    show.run(3.0)
    assert media(campus, "root", "a") < 6_000
    one = campus.sites["a"].participant("late")
    show.run(1.0)
    assert len(whole(one)) >= 60
    campus.sites["a"].relay.remove_peer(one.id)
    campus.sites["a"].settle()
    show.run(0.2)
    campus.piped.clear()
    show.run(3.0)
    assert media(campus, "root", "a") < 6_000


def test_a_relay_feeds_relays_behind_it() -> None:
    campus = Campus("root", "mid", "leaf", "leaf2")
    show = Show(campus)
    campus.join("mid", "root")
    campus.join("leaf", "mid")
    campus.join("leaf2", "mid")
    far = [campus.sites[name].participant(name) for name in ("leaf", "leaf2")]
    show.run(2.0)
    for one in far:
        assert len(whole(one)) >= 130
    assert media(campus, "root", "mid") < 1.2 * media(campus, "mid", "leaf")
    assert campus.sites["mid"].relay.counters.errors == 0


def test_a_newcomer_elsewhere_has_a_picture_within_a_second() -> None:  # M9
    campus = Campus("root", "a", "b")
    show = Show(campus)
    campus.join("a", "root")
    campus.join("b", "root")
    waits = []
    for number in range(12):
        show.run(0.36)
        site = campus.sites["ab"[number % 2]]
        came = campus.now
        one = site.participant(f"n{number}")
        while not one.heard_of(OUT_VIDEO):
            show.run(0.04)
        waits.append(campus.now - came)
        first = one.heard_of(OUT_VIDEO)[0].payload
        assert first[1:2] == b"\0"  # a keyframe begins
    assert max(waits) <= 1.0 + 0.08, waits


def test_keyframe_requests_are_merged_here_and_again_at_the_first_relay() -> None:
    campus = Campus("root", "a", "b", "c")
    show = Show(campus)
    for name in "abc":
        campus.join(name, "root")
    listeners = [campus.sites[name].participant(f"{name}{n}") for name in "abc" for n in range(10)]
    show.run(2.0)
    before = show.presenter.plis()
    for one in listeners:
        one.send_rtcp(struct.pack("!BBHII", 0x81, 206, 2, 5, OUT_VIDEO))
    show.run(0.9)
    assert show.presenter.plis() - before == 1
    received = campus.sites["root"].relay.counters.keyframe_requests_received
    assert received <= 3 + 2 * 3  # one per relay, and those of its start


@pytest.mark.parametrize("loss", [0.05, 0.15])
def test_what_is_lost_between_relays_is_sent_again(loss: float) -> None:
    campus = Campus("root", "a", seed=3)
    show = Show(campus)
    campus.join("a", "root")
    one = campus.sites["a"].participant("far")
    show.run(0.5)
    campus.loss = loss
    show.run(6.0)
    campus.loss = 0.0
    show.run(1.0)
    numbers = whole(one)
    assert len(numbers) >= 7.3 * 75
    edge = campus.sites["a"].relay.counters
    assert edge.nacks_sent >= 6 * 75 * loss * 0.8
    assert campus.sites["root"].relay.counters.packets_repeated > 0
    assert edge.errors == 0


def test_layers_go_only_where_somebody_watches_them() -> None:  # M10
    campus = Campus("root", "a")
    root, edge = campus.sites["root"], campus.sites["a"]
    presenter = root.presenter(plan=PLAN)
    layers = {rid: Layer(presenter, rid, 100 * n) for n, rid in enumerate(HEIGHTS)}
    campus.join("a", "root")
    one = edge.participant("far")
    edge.relay.control.prefer(one.id, "1", Wish(layer=0), campus.now)
    edge.settle()
    asked = 0

    def run(seconds: float) -> dict[int, int]:
        """Return the bytes per layer height that went to the edge."""
        nonlocal asked
        before = dict(edge_bytes())
        for _ in range(round(seconds / 0.04)):
            keys = presenter.plis() > asked
            asked = presenter.plis()
            for layer in layers.values():
                presenter.send(*layer.frame(keys or layer.frames == 0))
            campus.advance(0.04)
        return {height: total - before.get(height, 0) for height, total in edge_bytes().items()}

    def edge_bytes() -> dict[int, int]:
        pipes = root.relay._rooms[ROOM].pipes.values()
        found: dict[int, int] = {}
        for feed in pipes[0].carrier.subscriptions.values():
            if feed.line is not None and feed.is_video:
                found[feed.line.track.height] = 0
        for feed in pipes[0].carrier.subscriptions.values():
            stream = next(
                (
                    track.height
                    for ssrc, (_, track) in offered(root).items()
                    if str(ssrc) == feed.section.mid
                ),
                0,
            )
            found[stream] = feed.sink.bytes
        return found

    run(1.5)
    grown = run(2.0)
    assert grown.get(180, 0) > 10_000
    assert grown.get(360, 0) == grown.get(720, 0) == 0
    edge.relay.control.prefer(one.id, "1", Wish(layer=2), campus.now)
    edge.settle()
    run(1.0)
    grown = run(2.0)
    assert grown.get(720, 0) > 10_000
    assert grown.get(360, 0) == grown.get(180, 0) == 0
    assert whole(one)


def offered(site: Site) -> dict[int, tuple[object, object]]:
    pipes = site.relay._rooms[ROOM].pipes
    return {
        ssrc: found
        for stream in pipes._feeds.streams(pipes.values()[0])
        for ssrc, found in pipes._feeds.layers(stream).items()
    }


def test_a_speaker_anywhere_is_heard_everywhere_but_at_home() -> None:
    campus = Campus("root", "a", "b")
    show = Show(campus)
    campus.join("a", "root")
    campus.join("b", "root")
    listeners = {
        name: join(campus.sites[name], f"l{name}", "participant", LISTENER)
        for name in ("root", "a", "b")
    }
    speaker = join(campus.sites["a"], "speaker", "speaker", SPEAKER_IN)
    voice = AudioSource(speaker, 0x9901)
    for number in range(50):
        mid = struct.pack("!HH", 0xBEDE, 1) + bytes((4 << 4,)) + b"8" + bytes(2)
        speaker.send(
            rtp_packet(0x9901, number, 960 * number, b"word%d" % number, 111, extension=mid)
        )
        show.run(0.04)
    for name, one in listeners.items():
        words = [p.payload for p in one.heard if p.payload.startswith(b"word")]
        assert len(words) >= 45, name
        assert len(words) == len(set(words)), name
    assert not [p for p in speaker.heard if p.payload.startswith(b"word")]
    assert voice.sequence == 0
    # Each track is told of once, by the relay where it is; who speaks by the first.
    started = {name: len(site.events_of(TrackStarted)) for name, site in campus.sites.items()}
    assert started == {"root": 1, "a": 1, "b": 0}
    assert not campus.sites["a"].events_of(SpeakerChanged)
    campus.sites["a"].relay.remove_peer(speaker.id)
    campus.sites["a"].settle()
    campus.advance(0.2)
    assert not campus.sites["b"].relay._rooms[ROOM].pipes.is_guest(speaker.id)


def test_who_listens_in_at_the_first_relay_hears_a_speaker_elsewhere() -> None:
    campus = Campus("root", "a")
    show = Show(campus)
    campus.join("a", "root")
    speaker = join(campus.sites["a"], "speaker", "speaker", SPEAKER_IN)
    taken: list[tuple[str, str, int]] = []

    class Recorder:
        def take(self, peer: object, stream: object, track: object, packets: list, now: float):
            taken.append((stream.peer, stream.source, track.ssrc))  # type: ignore[attr-defined]

    campus.sites["root"].relay.listen(ROOM, Recorder())  # type: ignore[arg-type]
    for number in range(50):
        mid = struct.pack("!HH", 0xBEDE, 1) + bytes((4 << 4,)) + b"8" + bytes(2)
        speaker.send(rtp_packet(0x9901, number, 960 * number, b"word", 111, extension=mid))
        show.run(0.04)
    heard = {(peer, source) for peer, source, _ in taken}
    assert heard == {("speaker", "microphone"), ("presenter", "camera")}
    assert sum(source == "microphone" for _, source, _ in taken) >= 35


def test_a_layer_that_its_client_stopped_is_sent_again_for_somebody_elsewhere() -> None:
    campus = Campus("root", "a")
    root, edge = campus.sites["root"], campus.sites["a"]
    presenter = root.presenter(plan=PLAN)
    layers = {rid: Layer(presenter, rid, 100 * n) for n, rid in enumerate(HEIGHTS)}
    campus.join("a", "root")
    one = edge.participant("far")
    edge.relay.control.prefer(one.id, "1", Wish(layer=0), campus.now)
    edge.settle()
    asked = 0

    def run(seconds: float) -> None:
        """Send what the relay says is wanted, as a browser does."""
        nonlocal asked
        for _ in range(round(seconds / 0.04)):
            told = root.events_of(LayersWanted)
            rids = told[-1].rids if told else tuple(HEIGHTS)  # type: ignore[attr-defined]
            keys, asked = presenter.plis() > asked, presenter.plis()
            for rid in rids:
                presenter.send(*layers[rid].frame(keys or layers[rid].frames == 0))
            campus.advance(0.04)

    run(5.0)
    assert root.events_of(LayersWanted)[-1].rids == ("q",)  # type: ignore[attr-defined]
    edge.relay.control.prefer(one.id, "1", Wish(layer=2), campus.now)
    edge.settle()
    run(4.0)
    assert root.events_of(LayersWanted)[-1].rids == ("f",)  # type: ignore[attr-defined]
    line = edge.relay._rooms[ROOM].peers[one.id].subscriptions["1"].line
    assert line is not None
    assert line.track.height == HEIGHTS["f"]
    assert whole(one)
    assert not edge.events_of(LayersWanted)


def test_a_mute_holds_everywhere() -> None:
    campus = Campus("root", "a")
    show = Show(campus)
    campus.join("a", "root")
    one = campus.sites["a"].participant("far")
    show.run(1.0)
    campus.sites["root"].relay.control.mute(
        show.presenter.id, "camera", "presenter", True, campus.now
    )
    campus.sites["root"].settle()
    show.run(0.2)
    heard = len(one.heard_of(OUT_VIDEO))
    campus.piped.clear()
    show.run(2.0)
    assert len(one.heard_of(OUT_VIDEO)) == heard
    assert media(campus, "root", "a") < 4_000
    campus.sites["root"].relay.control.mute(
        show.presenter.id, "camera", "presenter", False, campus.now
    )
    campus.sites["root"].settle()
    show.run(1.5)
    assert len(whole(one)) > heard + 60
    assert not campus.sites["a"].events_of(TrackMuted)


def test_a_cut_pipe_is_noticed_and_a_new_one_goes_on_where_it_was() -> None:
    campus = Campus("root", "a")
    show = Show(campus)
    first = campus.join("a", "root")
    one = campus.sites["a"].participant("far")
    show.run(1.0)
    cut_at = campus.now
    campus.cut.add(frozenset(("a", "root")))
    while not campus.lost_pipes("a"):
        show.run(0.04)
    assert campus.now - cut_at <= 3.0
    show.run(0.6)
    assert campus.lost_pipes("root") == [PipeGone(ROOM, first, "silent")]
    campus.cut.clear()
    second = campus.join("a", "root")
    campus.sites["a"].relay.remove_pipe(first, campus.now)
    campus.sites["root"].relay.remove_pipe(first, campus.now)
    show.run(1.5)
    assert PipeJoined(ROOM, second) in campus.sites["a"].events
    numbers = whole(one)
    assert len(numbers) >= 2 * 60
    assert one.failed == 0


def test_a_presenter_that_reloads_goes_on_everywhere() -> None:  # B7
    campus = Campus("root", "a")
    show = Show(campus)
    campus.join("a", "root")
    one = campus.sites["a"].participant("far")
    show.run(1.0)
    again = Show.__new__(Show)
    again.campus, again.keyframes, again._answered = campus, 0, 0
    again.presenter = campus.sites["root"].presenter("again")
    again.video = VideoSource(again.presenter, VIDEO_SSRC, 9_000, 77)
    again.run(1.5)
    assert len(whole(one)) >= 2.3 * 60
    assert [p.payload for p in one.heard_of(OUT_VIDEO)][-1][2:6] == struct.pack(
        "!I", again.video.sequence - 1
    )


def test_what_comes_from_outside_a_pipe_counts_for_nothing() -> None:  # P7
    campus = Campus("root", "a")
    show = Show(campus)
    campus.join("a", "root")
    edge = campus.sites["a"]
    one = edge.participant("far")
    show.run(1.0)
    rng = random.Random(5)
    real = [data for data in campus.sealed if len(data) > 100]
    root = campus.sites["root"].address
    before = edge.relay.counters.dropped_unauthentic + edge.relay.counters.dropped_replayed
    forged = 0
    for data in real[-40:]:
        torn = bytearray(data)
        torn[-1] ^= 1
        for source in (root, ("203.0.113.9", 4242)):
            edge.deliver([(bytes(torn), source), (data, source), (data[:30], source)])
            edge.deliver([(data[:12] + rng.randbytes(60), source), (b"", source)])
            forged += 1
    show.run(1.0)
    counters = edge.relay.counters
    assert counters.dropped_unauthentic + counters.dropped_replayed - before >= forged
    assert counters.errors == 0
    assert len(whole(one)) >= 2 * 65
    # A client that checks from where the neighbour is does not take its place.
    thief = Client(edge, "thief", "participant", one.plan, GCM)
    edge.add(thief)
    thief.address = root
    refused = counters.stun_refused
    thief.check()
    assert counters.stun_refused == refused + 1
    show.run(1.0)
    assert len(whole(one)) >= 3 * 65


def test_no_number_seals_two_packets() -> None:
    campus = Campus("root", "a", "b", seed=9)
    show = Show(campus)
    campus.join("a", "root")
    campus.join("b", "root")
    campus.sites["a"].participant("one")
    campus.sites["b"].participant("two")
    show.run(1.0)
    campus.loss = 0.1
    relay = campus.sites["root"].relay
    for on in (True, False, True, False):
        relay.control.mute(show.presenter.id, "camera", "owner", on, campus.now)
        show.run(1.0)
    by_number: dict[tuple[str, bytes, bytes], set[bytes]] = {}
    for data in campus.sealed:
        if not 192 <= data[1] <= 223:
            # The same number comes under two keys: once per pipe.
            by_number.setdefault(("", data[8:12], data[2:4]), set()).add(data)
    assert by_number
    assert max(len(copies) for copies in by_number.values()) <= 2


def test_goodbye_closes_both_ends_and_leaves_nothing() -> None:
    campus = Campus("root", "a")
    show = Show(campus)
    ident = campus.join("a", "root")
    one = campus.sites["a"].participant("far")
    show.run(0.5)
    edge, root = campus.sites["a"].relay, campus.sites["root"].relay
    edge.remove_peer(one.id)
    assert edge.remove_pipe(ident, campus.now)
    assert not edge.remove_pipe(ident, campus.now)
    campus.sites["a"].settle()
    assert campus.lost_pipes("root") == [PipeGone(ROOM, ident, "left")]
    assert root.remove_pipe(ident, campus.now)
    assert not edge._rooms
    assert not edge._pipes
    assert not root._pipes
    root.remove_peer(show.presenter.id)
    assert not root._rooms
    campus.advance(1.0)
    assert edge.next_timer() is None


def test_a_pipe_needs_fresh_gcm_keys_and_an_id_of_its_own() -> None:
    relay = Relay(OneByOne(lambda data, segment, address: 1))
    keys = SrtpKeys(GCM, bytes(16), bytes(12), bytes(16), bytes(12))
    path = PipePath(("192.0.2.7", 7), 1, 2, keys)
    relay.add_pipe(ROOM, "one", path, 1.0, leads_up=True)
    with pytest.raises(ValueError, match="here already"):
        relay.add_pipe(ROOM, "one", path, 1.0, leads_up=True)
    with pytest.raises(ValueError, match="key or salt"):
        relay.add_pipe(ROOM, "two", replace(path, keys=replace(keys, send_key=b"")), 1.0,
                       leads_up=True)  # fmt: skip
    cm = SrtpKeys(CM, bytes(16), bytes(14), bytes(16), bytes(14))
    with pytest.raises(ValueError, match="AES-GCM"):
        relay.add_pipe(ROOM, "two", replace(path, keys=cm), 1.0, leads_up=True)
