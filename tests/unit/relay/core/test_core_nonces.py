"""AES-GCM: whatever happens, one subscriber never gets two packets under one SSRC and number."""

import random

import pytest

from app.relay.core.media import MediaPlan
from app.relay.core.rtcp import negative_acknowledgement, picture_loss, receiver_report
from app.relay.core.wish import Wish
from tests.unit.relay.core.lossy import RECEIVING, RECEIVING_WITHOUT_RTX
from tests.unit.relay.core.narrow import NARROW
from tests.unit.relay.core.test_core_simulcast import Camera
from tests.unit.relay.core.world import GCM, OUT_VIDEO, Client, World


class Ledger:
    """Every sealed packet, by receiver, SSRC and sequence number."""

    def __init__(self, world: World) -> None:
        self.sealed: dict[tuple[object, bytes, bytes], bytes] = {}
        self.repeats = 0
        world.tap = self.see

    def see(self, data: bytes, address: object) -> None:
        if data[0] < 128 or 192 <= data[1] <= 223:
            return
        key = (address, data[8:12], data[2:4])
        known = self.sealed.setdefault(key, data)
        self.repeats += known is not data
        assert known == data, "two packets under one nonce"


def disturb(world: World, camera: Camera, student: Client, rng: random.Random) -> None:
    """Do one of the things that move a subscriber's numbers."""
    relay, now = world.relay, world.now
    choice = rng.randrange(7)
    if choice == 0:
        relay.control.prefer(student.id, "1", Wish(height=rng.choice((100, 300, 800))), now)
    elif choice == 1:
        relay.control.prefer(student.id, "1", Wish(temporal=rng.choice((0, 1))), now)
    elif choice == 2:
        relay.control.pause(student.id, "1", rng.random() < 0.4, now)
    elif choice == 3:
        relay.control.mute(camera.client.id, "camera", "owner", rng.random() < 0.3, now)
    elif choice == 4:
        student.send_rtcp(receiver_report(()) + picture_loss(OUT_VIDEO))
    else:
        heard = student.heard_of(OUT_VIDEO)
        if heard:
            top = heard[-1].sequence
            wanted = sorted({max(0, top - rng.randrange(300)) for _ in range(20)})
            student.send_rtcp(receiver_report(()) + negative_acknowledgement(OUT_VIDEO, wanted))


@pytest.mark.parametrize("plan", [RECEIVING, RECEIVING_WITHOUT_RTX, NARROW])
@pytest.mark.parametrize("seed", range(3))
def test_no_nonce_is_ever_used_for_two_packets(plan: MediaPlan, seed: int) -> None:
    rng = random.Random(seed)
    world = World()
    ledger = Ledger(world)
    camera = Camera(world)
    students = [world.participant(f"s{n}", plan, GCM) for n in range(3)]
    for step in range(60):
        held: list[bytes] = []
        for layer in camera.layers.values():
            held += [camera.client.seal(packet) for packet in layer.frame(step % 25 == 0, 3)]
        if rng.random() < 0.4:
            rng.shuffle(held)
        late = [packet for packet in held if rng.random() < 0.1]
        now = [packet for packet in held if packet not in late]
        world.deliver([(packet, camera.client.address) for packet in now])
        disturb(world, camera, rng.choice(students), rng)
        world.deliver([(packet, camera.client.address) for packet in late])
        camera.play(0.08)
        if step % 20 == 10:
            students.append(world.participant(f"late-{step}", plan, GCM))
    assert world.relay.counters.errors == 0
    assert len(ledger.sealed) > 1_000
    assert all(student.failed <= ledger.repeats for student in students)
