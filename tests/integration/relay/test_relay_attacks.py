"""Twelve attacks on the live socket, before, during and after the handshake (P7, rows 28 to 31).

Each comes from a stranger's address and from the victim's own, over UDP and inside its own TCP
connection. Whatever it is, every session lives and every packet of the presenter arrives.
"""

import asyncio
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aioice import stun

from tests.integration.relay.clients import Rig, binding_request, until
from tests.integration.relay.probes import Probe, UdpLink

DTLS_1_2 = b"\xfe\xfd"
HANDSHAKE, ALERT, APPLICATION = b"\x16", b"\x15", b"\x17"
CLIENT_HELLO = 1


@dataclass
class Victim:
    """A probe, and what an eavesdropper has of it."""

    probe: Probe
    sealed: list[bytes] = field(default_factory=list)
    """Media and reports that it sent."""

    @property
    def ufrag(self) -> str:
        return self.probe.peer.ice._remote_ufrag or "nobody"


def record(kind: bytes, body: bytes, epoch: int = 0, number: int = 7) -> bytes:
    """RFC 6347 §4.1."""
    return kind + DTLS_1_2 + struct.pack("!HIHH", epoch, 0, number, len(body)) + body


def client_hello() -> bytes:
    """A hello with a cookie, as of another client."""
    chance = random.Random(4)
    body = DTLS_1_2 + chance.randbytes(32) + b"\0" + b"\x14" + chance.randbytes(20)
    body += b"\0\x02\xc0\x2b\x01\0\0\0"
    size = len(body).to_bytes(3, "big")
    return record(HANDSHAKE, bytes([CLIENT_HELLO]) + size + b"\0\0\0\0\0" + size + body)


def empty(victim: Victim) -> list[bytes]:
    return [b""] * 3


def fatal_alert(victim: Victim) -> list[bytes]:
    return [record(ALERT, b"\x02\x28"), record(ALERT, b"\x02\x28") + client_hello()]


def close_notify(victim: Victim) -> list[bytes]:
    return [record(ALERT, b"\x01\0"), record(ALERT, b"\x01\0", epoch=1, number=900)]


def stray_hello(victim: Victim) -> list[bytes]:
    return [client_hello()] * 3


def bogus_records(victim: Victim) -> list[bytes]:
    chance = random.Random(5)
    return [
        record(APPLICATION, chance.randbytes(64)),
        record(APPLICATION, chance.randbytes(64), epoch=1, number=999),
        record(HANDSHAKE, chance.randbytes(300), epoch=1),
        record(HANDSHAKE, chance.randbytes(60)),
        record(b"\x14", b"\x01"),
        record(b"\x18", b"\x01\xff\xff"),  # a heartbeat that asks for more than it has
    ]


def cut_records(victim: Victim) -> list[bytes]:
    whole = client_hello()
    return [whole[:length] for length in (1, 5, 12, 13, 14, len(whole) - 1)] + [
        record(HANDSHAKE, b""),
        whole + b"\x16",
        b"\x16\x03\x01\0\x05hello",
    ]


def garbage_stun(victim: Victim) -> list[bytes]:
    whole = binding_request(victim.ufrag, "4ZcD", "a+wrong+password+of+24+cs")
    chance = random.Random(6)
    return [
        whole[:20],
        whole[:-1],
        whole[:24] + b"\xff\xff" + whole[26:],
        whole[:2] + b"\xff\xfc" + whole[4:],
        b"\0\x01\0\x08\x21\x12\xa4\x42" + bytes(12) + b"\0\x20\0\x01\0\0\0\0",
        *(b"\0\x01" + chance.randbytes(size) for size in (18, 42, 98, 1198)),
    ]


def wrong_password(victim: Victim) -> list[bytes]:
    return [binding_request(victim.ufrag, "4ZcD", "a+wrong+password+of+24+cs")] * 3


def replayed_checks(victim: Victim) -> list[bytes]:
    """Authentic, and once good: from a stranger they would draw the media to him."""
    response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE)
    return [*victim.probe.checks[-3:], bytes(response)]


def forged_rtp(victim: Victim) -> list[bytes]:
    chance = random.Random(7)
    ssrc = victim.probe.video.line.ssrc
    numbers = [victim.probe.video.line.sequence + step for step in (0, 1, 2, 1_000, 40_000)]
    head = [struct.pack("!BBHII", 0x80, 96, n & 0xFFFF, 0, ssrc) for n in numbers]
    return [part + chance.randbytes(900) for part in head] + [b"\x90\x60" + bytes(10), b"\x80"]


def replayed_media(victim: Victim) -> list[bytes]:
    return victim.sealed[-12:]


def truncated_rtcp(victim: Victim) -> list[bytes]:
    report = victim.probe.report() if victim.probe.outgoing else b"\x80\xc8\0\x06" + bytes(40)
    bye = b"\x81\xcb\0\x01" + victim.probe.video.line.ssrc.to_bytes(4, "big")
    return [report[:length] for length in (2, 4, 8, 12, 20, len(report) - 1)] + [
        bye,
        bye + bytes(14),
        report[:-1] + bytes([report[-1] ^ 1]),
    ]


ATTACKS: tuple[Callable[[Victim], list[bytes]], ...] = (
    empty,
    fatal_alert,
    close_notify,
    stray_hello,
    bogus_records,
    cut_records,
    garbage_stun,
    wrong_password,
    replayed_checks,
    forged_rtp,
    replayed_media,
    truncated_rtcp,
)


class Assault:
    """Sends one attack's packets from a stranger's address and from the victim's own."""

    def __init__(self, rig: Rig, attack: Callable[[Victim], list[bytes]]) -> None:
        self._rig = rig
        self._attack = attack
        self.answers: list[bytes] = []
        target = ("127.0.0.1", rig.service.port)
        self._stranger = UdpLink(target, self.answers.append)

    async def on(self, victim: Victim) -> None:
        packets = self._attack(victim)
        before = self._rig.service.stats()
        for packet in packets:
            self._stranger.send(packet)
            victim.probe.send(packet)
        # the victim's empty TCP frames are no packets
        own = 0 if before["tcp_connections"] and self._attack is empty else len(packets)
        wanted = before["datagrams_received"] + len(packets) + own
        await until(lambda: self._rig.service.stats()["datagrams_received"] >= wanted)

    def close(self) -> None:
        self._stranger.close()


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
async def test_no_packet_from_outside_costs_a_session_or_a_frame(  # P7
    rig: Rig, attack: Callable[[Victim], list[bytes]], tcp: bool
) -> None:
    presenter = Victim(Probe(rig.client, presenter=True))
    participant = Victim(Probe(rig.client, presenter=False))
    assault = Assault(rig, attack)
    for victim in (presenter, participant):
        probe = victim.probe
        answer = await probe.open()
        await probe.attach(("127.0.0.1", answer.port), tcp=tcp)
        await assault.on(victim)  # before: no address is validated
        probe.holds = True
        probe.start(answer)
        await until(lambda one=probe: bool(one.held))
        await assault.on(victim)  # during: reachable, and no hello has come
        probe.release()
        probe.holds = True
        await until(lambda one=probe: bool(one.held))
        await assault.on(victim)  # during: between the flights
        probe.release()
        await probe.connected()
    await until(lambda: rig.service.stats()["peers"] == 2)
    sent = 0
    for turn in range(6):  # after: media flows
        presenter.sealed += presenter.probe.present()
        sent += 4
        presenter.sealed.append(presenter.probe.report())
        presenter.probe.send(presenter.sealed[-1])
        if turn % 2:
            await assault.on(presenter)
            await assault.on(participant)
        await asyncio.sleep(0.01)
    await until(lambda: participant.probe.received >= sent)
    assert participant.probe.received == sent
    assert participant.probe.missing() == participant.probe.unopened == 0
    stats = rig.service.stats()
    assert (stats["peers"], stats["peers_gone"], stats["errors"]) == (2, 0, 0)
    assert stats["handshakes_failed"] == stats["peers_moved"] == 0
    assert not assault.answers  # a stranger is told nothing
    # and the sessions still end as they should: by their owner
    await rig.client.close_room("any", "004217")  # type: ignore[arg-type]  # the rig's one relay
    assert rig.service.stats()["peers"] == 0
    assault.close()
    presenter.probe.close()
    participant.probe.close()
