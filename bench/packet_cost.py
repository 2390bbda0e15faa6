"""What one incoming packet costs the relay's core: thousands of instructions, without sockets.

``python -m bench.packet_cost`` feeds ``Relay.receive`` as the shell does after one wake-up, with a
transmit that does nothing: a publisher's packets, alone and ten at once, with 1 and 10
subscribers, and a participant's transport-wide feedback, passed over and read. Everything is
negotiated as browsers do. One run takes seconds and varies by a per cent, whatever else the
machine does.
"""

import gc
import json
import struct
from collections.abc import Callable
from dataclasses import replace

from aioice import stun
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.core.ids import PeerId, RoomId
from app.relay.core.media import (
    Address,
    Codec,
    IceCredentials,
    MediaPlan,
    Role,
    Section,
    SrtpKeys,
)
from app.relay.core.relay import Relay
from app.relay.core.rtcp import receiver_report, transport_feedback
from app.relay.core.rtp import ABS_SEND_TIME_URI, LEVEL_URI, MID_URI, TRANSPORT_WIDE_URI
from app.relay.core.srtp import derive
from app.relay.core.transport import write
from bench.discard import Discard
from bench.instructions import Instructions

ROOM = RoomId("123456")
KEYS = SrtpKeys("AEAD_AES_128_GCM", b"k" * 16, b"s" * 12, b"K" * 16, b"S" * 12)
OPUS, VP8, RTX = Codec(111, "opus", 48_000), Codec(96, "vp8", 90_000), Codec(97, "rtx", 90_000, 96)
EXTENSIONS = ((LEVEL_URI, 1), (ABS_SEND_TIME_URI, 2), (TRANSPORT_WIDE_URI, 3), (MID_URI, 4))
FEEDBACK = ("nack", "nack pli", "transport-cc")
AUDIO_IN = Section(
    "0", "audio", "microphone", "receive", (OPUS,), EXTENSIONS, 0, (5,), ("transport-cc",)
)
VIDEO_IN = Section(
    "1", "video", "camera", "receive", (VP8, RTX), EXTENSIONS[1:], 0, (7,), FEEDBACK,
    remote_rtx=((7, 8),),
)  # fmt: skip
AUDIO_OUT = replace(
    AUDIO_IN, direction="send", source=None, ssrc=95, remote_ssrcs=(), extensions=EXTENSIONS[:3]
)
VIDEO_OUT = replace(
    VIDEO_IN, direction="send", source=None, ssrc=99, rtx_ssrc=98, remote_ssrcs=(), remote_rtx=(),
    extensions=EXTENSIONS[1:3],
)  # fmt: skip
PUBLISHER, FIRST_PORT = ("127.0.0.1", 50_000), 10_000
PACKET_BYTES, AUDIO_BYTES = 1_000, 80
WAKE_SECONDS = 0.01
ROUNDS, WARM_UP = 600, 200
"""Together they stay below the half minute after which who says nothing is gone."""

Batch = list[tuple[memoryview, Address]]


class Sealer:
    """Seals under ``KEYS`` as a peer does."""

    def __init__(self) -> None:
        labels = ((0, 16), (2, 12), (3, 16), (5, 12))
        key, salt, control_key, control_salt = (
            derive(KEYS.receive_key, KEYS.receive_salt, label, size) for label, size in labels
        )
        self._media, self._control = AESGCM(key), AESGCM(control_key)
        self._salts = int.from_bytes(salt, "big"), int.from_bytes(control_salt, "big")
        self._control_index = 0

    def media(self, header: bytes, payload: bytes, ssrc: int, index: int) -> memoryview:
        nonce = (self._salts[0] ^ (ssrc << 48 | index)).to_bytes(12, "big")
        return memoryview(bytearray(header + self._media.encrypt(nonce, payload, header)))

    def control(self, packet: bytes) -> memoryview:
        word = (1 << 31 | self._control_index).to_bytes(4, "big")
        number = int.from_bytes(packet[4:8], "big") << 48 | self._control_index
        self._control_index += 1
        nonce = (self._salts[1] ^ number).to_bytes(12, "big")
        sealed = self._control.encrypt(nonce, packet[8:], packet[:8] + word)
        return memoryview(bytearray(packet[:8] + sealed + word))


class Lecture:
    """A relay with one publisher and ``count`` participants."""

    def __init__(self, count: int) -> None:
        self.now = 1.0
        self.relay = Relay(Discard())
        self.sealer = Sealer()
        self._transport = self._video = self._audio = self._picture = 0
        self._join("presenter", "presenter", PUBLISHER, (AUDIO_IN, VIDEO_IN))
        for number in range(count):
            address = "127.0.0.1", FIRST_PORT + number
            self._join(f"p{number}", "participant", address, (AUDIO_OUT, VIDEO_OUT))

    def _join(self, name: str, role: Role, address: Address, sections: tuple[Section, ...]) -> None:
        local = IceCredentials(name, "password" * 4)
        plan = MediaPlan(sections)
        self.relay.add_peer(ROOM, PeerId(name), role, plan, local, local, self.now)
        check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        check.attributes["USERNAME"] = f"{name}:x"
        check.attributes["USE-CANDIDATE"] = None
        check.add_message_integrity(local.password.encode())
        self.relay.receive([(memoryview(bytes(check)), address)], self.now)
        self.relay.set_keys(PeerId(name), KEYS, self.now)

    def wake(self, batch: Batch) -> None:
        """Do what the shell does with one wake-up's datagrams."""
        self.relay.receive(batch, self.now)
        self.relay.take_dtls()
        self.relay.take_events()
        due = self.relay.next_timer()
        self.now += WAKE_SECONDS
        if due is not None and due <= self.now:
            self.relay.handle_timer(self.now)

    def _header(self, kind: int, index: int, stamp: int, ssrc: int, level: bytes) -> bytes:
        self._transport += 1
        number = (self._transport & 0xFFFF).to_bytes(2, "big")
        block = b"\x22\x01\x02\x03" + level + b"\x31" + number + b"\x40" + b"1"
        block += bytes(-len(block) % 4)
        head = struct.pack("!BBHII", 0x90, kind, index & 0xFFFF, stamp, ssrc)
        return head + struct.pack("!HH", 0xBEDE, len(block) // 4) + block

    def audio(self) -> Batch:
        """Return an Opus packet."""
        self._audio += 1
        header = self._header(111, self._audio, 960 * self._audio, 5, b"\x10\x32")
        return [(self.sealer.media(header, bytes(AUDIO_BYTES), 5, self._audio), PUBLISHER)]

    def video(self, packets: int, *, key: bool = False) -> Batch:
        """Return a frame."""
        self._picture += 1
        made: Batch = []
        for place in range(packets):
            self._video += 1
            first = place == 0
            payload = bytes((0x90 if first else 0x80, 0x80)) + struct.pack(
                "!H", 0x8000 | self._picture & 0x7FFF
            )
            payload += bytes((not key if first else 1,)).ljust(PACKET_BYTES, b"v")
            marker = 0x80 if place == packets - 1 else 0
            header = self._header(96 | marker, self._video, 3_000 * self._picture, 7, b"")
            made.append((self.sealer.media(header, payload, 7, self._video), PUBLISHER))
        return made

    def feedback(self, number: int, of: range, *, whole: bool) -> Batch:
        """Return a participant's feedback on transport-wide numbers; ``whole``: it is read."""
        arrivals = [(n, self.now + (n - of[0]) / 10_000) for n in of]
        packet = (receiver_report(()) if whole else b"") + transport_feedback(
            99, write(of[0], arrivals, 0)
        )
        return [(self.sealer.control(packet), ("127.0.0.1", FIRST_PORT + number))]


def _count(lecture: Lecture, make: Callable[[], Batch]) -> float:
    """Return thousands of instructions per wake-up."""
    counter = Instructions()
    batches = [make() for _ in range(WARM_UP)]
    for batch in batches:
        lecture.wake(batch)
    batches = [make() for _ in range(ROUNDS)]
    gc.collect()
    before = counter.read()
    for batch in batches:
        lecture.wake(batch)
    spent = counter.read() - before
    counter.close()
    if lecture.relay.counters.errors:
        raise RuntimeError("the core contained an exception")
    return spent / ROUNDS / 1e3


def media_cost(count: int) -> dict[str, float]:
    """Return the cost of a packet that ``count`` subscribers get."""
    lecture = Lecture(count)
    lecture.wake(lecture.video(1, key=True))
    counters = lecture.relay.counters
    costs = {
        f"audio alone, N = {count}": _count(lecture, lecture.audio),
        f"video alone, N = {count}": _count(lecture, lambda: lecture.video(1)),
        f"video, of ten at once, N = {count}": _count(lecture, lambda: lecture.video(10)) / 10,
    }
    expected = count * (12 * (ROUNDS + WARM_UP) + 1)
    if counters.packets_forwarded != expected:
        raise RuntimeError(f"forwarded {counters.packets_forwarded} packets of {expected}")
    return costs


def feedback_cost() -> dict[str, float]:
    """Return the cost of one feedback on five packets, each a wake-up of its own."""
    lecture = Lecture(1)
    lecture.wake(lecture.video(1, key=True))
    counter, counters = Instructions(), lecture.relay.counters
    spent = {True: 0, False: 0}
    times = {True: 0, False: 0}
    for turn in range(WARM_UP + ROUNDS):
        whole = turn % 10 == 0
        lecture.wake(lecture.video(5))
        batch = lecture.feedback(0, range(5 * turn + 2, 5 * turn + 7), whole=whole)
        passed, before = counters.transport_feedback_passed, counter.read()
        lecture.relay.receive(batch, lecture.now)
        lecture.relay.take_dtls()
        lecture.relay.take_events()
        lecture.relay.next_timer()
        if turn >= WARM_UP:
            is_read = counters.transport_feedback_passed == passed
            spent[is_read] += counter.read() - before
            times[is_read] += 1
    counter.close()
    return {
        "feedback read": spent[True] / times[True] / 1e3,
        "feedback passed over": spent[False] / times[False] / 1e3,
    }


def main() -> None:
    """Print one JSON line."""
    figures = {**media_cost(1), **media_cost(10), **feedback_cost()}
    print(json.dumps({name: round(cost, 1) for name, cost in figures.items()}))


if __name__ == "__main__":
    main()
