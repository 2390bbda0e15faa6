"""The twelve attacks of the live socket's test against the core alone, at every stage (P7).

Here the stages are exact: no address is known; one is, and no keys; keys are set and media flows.
Each attack comes from a stranger's address and from the victim's own.
"""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from app.relay.core.events import PeerMoved
from tests.integration.relay.test_relay_attacks import ATTACKS, Victim
from tests.unit.relay.core.world import (
    AUDIO_SSRC,
    CM,
    GCM,
    OUT_AUDIO,
    OUT_VIDEO,
    PARTICIPANT_PLAN,
    PRESENTER_PLAN,
    VIDEO_SSRC,
    AudioSource,
    Client,
    VideoSource,
    World,
)

STRANGER = ("198.51.100.66", 6666)


class Target:
    """A client, as the attacks' makers see a victim."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.checks: list[bytes] = []
        self.sealed: list[bytes] = []
        self.audio = AudioSource(client)
        self.video = VideoSource(client, VIDEO_SSRC)

    def check(self) -> None:
        self.checks.append(self.client.check())

    def send(self, packets: list[bytes]) -> None:
        sealed = [self.client.seal(packet) for packet in packets]
        self.sealed += sealed
        self.client.world.deliver([(packet, self.client.address) for packet in sealed])

    def report(self) -> bytes:
        plain = b"\x80\xc8\0\x06" + AUDIO_SSRC.to_bytes(4, "big") + bytes(20)
        return self.client._seal.protect_rtcp(plain)

    def victim(self, *, has_keys: bool) -> Victim:
        line = SimpleNamespace(ssrc=VIDEO_SSRC, sequence=self.video.sequence)
        probe = SimpleNamespace(
            peer=SimpleNamespace(ice=SimpleNamespace(_remote_ufrag=self.client.local.ufrag)),
            video=SimpleNamespace(line=line),
            checks=self.checks,
            outgoing=has_keys or None,
            report=self.report,
        )
        return Victim(probe, list(self.sealed))  # type: ignore[arg-type]


@pytest.mark.parametrize("profile", [GCM, CM])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_packet_from_outside_costs_the_core_a_session_or_a_frame(  # P7
    attack: Callable[[Victim], list[bytes]], profile: str
) -> None:
    world = World()
    answered: list[bytes] = []
    world.tap = lambda data, address: answered.append(data) if address == STRANGER else None
    presenter = Target(Client(world, "presenter", "presenter", PRESENTER_PLAN, profile))
    student = Target(Client(world, "student", "participant", PARTICIPANT_PLAN, profile))

    def assault(target: Target, *, has_keys: bool = False) -> None:
        packets = attack(target.victim(has_keys=has_keys))
        for source in (STRANGER, target.client.address):
            world.deliver([(packet, source) for packet in packets])

    for target in (student, presenter):
        world.add(target.client)
        assault(target)  # before: no address is validated
        target.check()
        assault(target)  # during: an address, and no keys
        world.relay.set_keys(target.client.id, target.client.keys, world.now)
        world.settle()
    heard = {OUT_AUDIO: 0, OUT_VIDEO: 0}
    for turn in range(8):  # after: media flows
        presenter.send([*presenter.video.frame(3, key=turn == 0), presenter.audio.packet()])
        heard[OUT_VIDEO] += 3
        heard[OUT_AUDIO] += 1
        world.advance(0.04, step=0.04)
        assault(presenter, has_keys=True)
        assault(student, has_keys=True)
    for ssrc, count in heard.items():
        assert len(student.client.heard_of(ssrc)) == count
    assert student.client.failed == 0
    assert world.events_of_gone() == world.events_of(PeerMoved) == []
    assert not answered, "a stranger is told nothing"
    assert STRANGER not in world.relay._by_address
    assert world.relay.counters.errors == 0
    assert not world.relay.take_dtls() or attack.__name__ in (
        "fatal_alert", "close_notify", "stray_hello", "bogus_records", "cut_records",
    )  # fmt: skip
    assert set(world.relay._peers) == {presenter.client.id, student.client.id}
