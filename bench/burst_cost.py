"""CPU cost of the relay's core alone, without sockets: one JSON line.

``python -m bench.burst_cost`` measures the burst function and the whole core (receive, rewrite,
seal) with a transmit that does nothing, or with ``--socket`` the relay's own, to sockets that
nobody reads. Microseconds of CPU per forwarded packet, medians of several runs.
"""

import argparse
import json
import resource
import socket
import statistics
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from aioice import stun
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.clock import SystemClock
from app.core.ids import PeerId, RoomId
from app.relay.complaints import Complaints
from app.relay.core.audience import Audience
from app.relay.core.batch import Batch
from app.relay.core.burst import BurstSender
from app.relay.core.counters import Counters
from app.relay.core.media import Address, Codec, IceCredentials, MediaPlan, Section, SrtpKeys
from app.relay.core.relay import Relay
from app.relay.core.rtcp import receiver_report, transport_feedback
from app.relay.core.rtp import TRANSPORT_WIDE_URI
from app.relay.core.sink import Sink
from app.relay.core.srtp import CmSender, GcmSender, derive
from app.relay.core.transmit import Transmit
from app.relay.core.transport import write
from app.relay.sending import DatagramSender
from bench.discard import Discard

if TYPE_CHECKING:
    from app.relay.core.media import Role

PACKET_BYTES = 1_100
BURST_PACKETS = 10
RUNS = 7
SECONDS_PER_RUN = 0.3
FIRST_PORT, PORTS = 10_000, 100
"""Where the participants are: at most so many are sent to."""
SEND_BUFFER = 4 * 1024 * 1024
ROOM = RoomId("123456")
KEYS = SrtpKeys("AEAD_AES_128_GCM", b"k" * 16, b"s" * 12, b"K" * 16, b"S" * 12)
VP8 = Codec(96, "vp8", 90_000)
RTX = Codec(97, "rtx", 90_000, apt=96)
SENT = Section(
    "0", "video", None, "send", (VP8, RTX), ((TRANSPORT_WIDE_URI, 5),), 99,
    feedback=("nack", "nack pli", "transport-cc"), rtx_ssrc=98,
)  # fmt: skip
"""A participant's section as browsers negotiate it, everything on."""


class Socket(DatagramSender):
    """The relay's own sender, on a socket; what it sends goes to others that nobody reads."""

    def __init__(self) -> None:
        super().__init__(Complaints(SystemClock()))
        # Held: a closed port would answer with ICMP errors.
        self._receivers = [_udp(FIRST_PORT + number) for number in range(PORTS)]
        self._own = _udp(0)
        self.use(self._own)


def _udp(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    sock.bind(("127.0.0.1", port))
    return sock


def burst_cost(count: int, transmit: Transmit, is_gcm: bool = True) -> float:
    """Return µs per packet of ``seal_and_send`` alone for ``count`` subscribers."""
    sender = BurstSender(transmit, Counters())
    audience = Audience()
    for number in range(count):
        key = number.to_bytes(16, "big")
        made = GcmSender(key, b"s" * 12) if is_gcm else CmSender(key, b"s" * 14)
        sink = Sink(("127.0.0.1", FIRST_PORT + number), made, True)
        sink.begin(0)
        audience.add(sink)
    payload = memoryview(bytes(PACKET_BYTES - 12))
    index = 0

    def step() -> int:
        nonlocal index
        batch = Batch()
        for position in range(BURST_PACKETS):
            marker = 0x80 if position == BURST_PACKETS - 1 else 0
            header = struct.pack("!BBHII", 0x80, 96 | marker, index & 0xFFFF, index, 1)
            batch.append(header, payload, 0, index, index)
            index += 1
        sender.seal_and_send(batch, audience)
        return BURST_PACKETS * count

    return _median(step)


class _Room:
    """A relay with one presenter and ``count`` participants, and packets to feed it."""

    def __init__(self, count: int, transmit: Transmit) -> None:
        self.now = 1.0
        self.relay = Relay(transmit)
        video = Section(
            "0", "video", "camera", "receive", (VP8, RTX), (), 0, (7,), ("nack", "nack pli")
        )
        self.join("presenter", 50_000, video)
        for number in range(count):
            self.join(f"p{number}", FIRST_PORT + number, SENT)
        self._cipher = AESGCM(derive(KEYS.receive_key, KEYS.receive_salt, 0, 16))
        self._salt = int.from_bytes(derive(KEYS.receive_key, KEYS.receive_salt, 2, 12), "big")
        self._index = 0

    def join(self, name: str, port: int, section: Section) -> None:
        local = IceCredentials(name, "password" * 4)
        role: Role = "presenter" if section.direction == "receive" else "participant"
        peer = PeerId(name)
        self.relay.add_peer(ROOM, peer, role, MediaPlan((section,)), local, local, self.now)
        check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        check.attributes["USERNAME"] = f"{name}:x"
        check.attributes["USE-CANDIDATE"] = None
        check.add_message_integrity(local.password.encode())
        self.relay.receive([(bytearray(bytes(check)), ("127.0.0.1", port))], self.now)
        self.relay.set_keys(peer, KEYS, self.now)

    def frame(self, packets: int, size: int) -> list[tuple[bytearray, Address]]:
        made = []
        for position in range(packets):
            index = self._index
            self._index += 1
            marker = 0x80 if position == packets - 1 else 0
            header = struct.pack("!BBHII", 0x80, 96 | marker, index & 0xFFFF, index, 7)
            payload = (b"\x10\x00" if position == 0 else b"\x00\x00").ljust(size - 12, b"v")
            nonce = (self._salt ^ (7 << 48 | index)).to_bytes(12, "big")
            sealed = header + self._cipher.encrypt(nonce, payload, header)
            made.append((bytearray(sealed), ("127.0.0.1", 50_000)))
        return made


def core_cost(count: int, transmit: Transmit, packets: int, size: int) -> float:
    """Return µs per forwarded packet of ``Relay.receive``, its input made outside the clock."""
    room = _Room(count, transmit)
    costs = []
    for _ in range(RUNS):
        rounds = max(3, 60_000 // (count * packets * 4))
        frames = [room.frame(packets, size) for _ in range(rounds)]
        before = room.relay.counters.packets_forwarded
        started = time.process_time()
        for frame in frames:
            room.now += 0.033
            room.relay.receive(frame, room.now)
        spent = time.process_time() - started
        forwarded = room.relay.counters.packets_forwarded - before
        if forwarded != rounds * packets * count:
            raise RuntimeError(f"forwarded {forwarded} packets of {rounds * packets * count}")
        costs.append(spent / forwarded * 1e6)
    return statistics.median(costs)


def feedback_cost(count: int) -> tuple[float, float]:
    """Return µs per transport-wide feedback of a participant, all opened and as they come.

    Each speaks of 10 packets in 50 ms; while a link is calm most are passed over.
    """
    room = _Room(count, Discard())
    cipher = AESGCM(derive(KEYS.receive_key, KEYS.receive_salt, 3, 16))
    salt = int.from_bytes(derive(KEYS.receive_key, KEYS.receive_salt, 5, 12), "big")
    costs: dict[bool, float] = {}
    number = index = 0
    for is_every in (True, False):
        spent, told = 0.0, 0
        for _ in range(40):
            room.relay.receive(room.frame(10, PACKET_BYTES), room.now)
            arrivals = [(number + n + 1, room.now + n / 1000) for n in range(10)]
            number += 10
            room.now += 0.05
            body = write(number - 9, arrivals, 0)
            packet = receiver_report(()) if is_every else b""
            packet += transport_feedback(99, body)
            word = (1 << 31 | index).to_bytes(4, "big")
            ssrc = int.from_bytes(packet[4:8], "big")
            nonce = (salt ^ (ssrc << 48 | index)).to_bytes(12, "big")
            sealed = packet[:8] + cipher.encrypt(nonce, packet[8:], packet[:8] + word) + word
            index += 1
            batch = [(bytearray(sealed), ("127.0.0.1", FIRST_PORT + n)) for n in range(count)]
            started = time.process_time()
            room.relay.receive(batch, room.now)
            spent += time.process_time() - started
            told += count
        costs[is_every] = spent / told * 1e6
    if not room.relay.counters.transport_feedback_received:
        raise RuntimeError("no feedback was read")
    return costs[True], costs[False]


def join_cost(count: int) -> tuple[float, float]:
    """Return CPU ms and KiB of resident memory per participant, the core's part of a join."""
    room = _Room(1, Discard())
    memory = _resident_kib()
    started = time.process_time()
    for number in range(count):
        room.join(f"late{number}", 20_000 + number, SENT)
    spent = time.process_time() - started
    return spent / count * 1e3, (_resident_kib() - memory) / count


def _resident_kib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024


def _median(step: Callable[[], int]) -> float:
    costs = []
    for _ in range(RUNS):
        packets = 0
        started = time.process_time()
        while time.process_time() - started < SECONDS_PER_RUN:
            packets += step()
        costs.append((time.process_time() - started) / packets * 1e6)
    return statistics.median(costs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", action="store_true", help="send through a real socket")
    transmit = Socket() if parser.parse_args().socket else Discard()
    figures = {
        "unit": "CPU us per forwarded packet",
        "burst_gcm_n100": burst_cost(100, transmit),
        "burst_cm_n100": burst_cost(100, transmit, is_gcm=False),
    }
    for count in (1, 10, 100):
        figures[f"core_bursts_n{count}"] = core_cost(count, transmit, 10, PACKET_BYTES)
        figures[f"core_browser_n{count}"] = core_cost(count, transmit, 2, 950)
    figures["feedback_opened_us"], figures["feedback_calm_us"] = feedback_cost(50)
    figures["core_join_ms"], figures["core_join_kib"] = join_cost(2_000)
    rounded = {k: round(v, 2) if isinstance(v, float) else v for k, v in figures.items()}
    print(json.dumps(rounded))


if __name__ == "__main__":
    main()
