"""A room on several relays: what a listener elsewhere gets, and what goes between them (M15)."""

import pytest

from tests.unit.relay.core.pipe_world import Campus
from tests.unit.relay.core.world import OUT_AUDIO, OUT_VIDEO, VIDEO_SSRC, Client, VideoSource


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
