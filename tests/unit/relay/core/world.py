"""A simulated world for the relay's core: a manual clock, a seeded lossy link, model clients.

The clients do STUN by aioice's codec and SRTP by libsrtp, which the core's GCM does not use: an
independent implementation on the other side of the link.
"""

import random
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from aioice import stun
from pylibsrtp import Error, Policy, Session

from app.core.ids import PeerId, RoomId
from app.relay.core.events import Event, PeerGone
from app.relay.core.media import Address, Codec, IceCredentials, MediaPlan, Role, Section, SrtpKeys
from app.relay.core.relay import Relay
from app.relay.core.transmit import OneByOne, SendOne

ROOM = RoomId("004217")
GCM = "AEAD_AES_128_GCM"
CM = "AES_CM_128_HMAC_SHA1_80"

OPUS = Codec(111, "opus", 48_000)
RED = Codec(63, "red", 48_000)
VP8 = Codec(96, "vp8", 90_000)
RTX = Codec(97, "rtx", 90_000)
H264 = Codec(102, "h264/42e01f/1", 90_000)

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"

AUDIO_SSRC, VIDEO_SSRC, SCREEN_SSRC = 0x1111, 0x2222, 0x3333
OUT_AUDIO, OUT_VIDEO = 0xA0000001, 0xA0000002

AUDIO_IN = Section("0", "audio", "microphone", "receive", (OPUS, RED), ((LEVEL, 1), (MID, 4)), 0)
VIDEO_IN = Section(
    "1", "video", "camera", "receive", (VP8, RTX, H264), ((SEND_TIME, 2), (MID, 4)), 0,
    (VIDEO_SSRC,), ("goog-remb", "nack pli"),
)  # fmt: skip
SCREEN_IN = replace(VIDEO_IN, mid="2", source="screen", remote_ssrcs=(SCREEN_SSRC,))
PRESENTER_PLAN = MediaPlan((AUDIO_IN, VIDEO_IN, SCREEN_IN))

AUDIO_OUT = Section("0", "audio", None, "send", (OPUS, RED), ((LEVEL, 1),), OUT_AUDIO)
VIDEO_OUT = Section("1", "video", None, "send", (VP8, H264), ((SEND_TIME, 3),), OUT_VIDEO)
PARTICIPANT_PLAN = MediaPlan((AUDIO_OUT, VIDEO_OUT))

VP8_KEY = bytes((0x10, 0x00)) + b"\x9d\x01\x2a"
VP8_DELTA = bytes((0x10, 0x01))
VP8_REST = bytes((0x00, 0x00))


@dataclass(frozen=True)
class Heard:
    """One RTP packet that a client opened."""

    ssrc: int
    sequence: int
    timestamp: int
    payload_type: int
    marker: bool
    payload: bytes
    raw: bytes


def rtp_packet(
    ssrc: int,
    sequence: int,
    timestamp: int,
    payload: bytes,
    payload_type: int = 96,
    marker: bool = False,
    extension: bytes = b"",
    padding: int = 0,
) -> bytes:
    first = 0x80 | (0x10 if extension else 0) | (0x20 if padding else 0)
    second = payload_type | (0x80 if marker else 0)
    header = struct.pack("!BBHII", first, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    tail = bytes(padding - 1) + bytes((padding,)) if padding else b""
    return header + extension + payload + tail


def read_rtp(raw: bytes) -> Heard:
    first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", raw)
    start = 12 + 4 * (first & 0x0F)
    if first & 0x10:
        start += 4 + 4 * struct.unpack_from("!H", raw, start + 2)[0]
    end = len(raw) - (raw[-1] if first & 0x20 else 0)
    return Heard(ssrc, sequence, timestamp, second & 0x7F, second > 127, raw[start:end], raw)


class Client:
    """A browser as far as the relay can see: addresses, checks, SRTP."""

    def __init__(self, world: "World", ident: str, role: Role, plan: MediaPlan, profile: str):
        self.world = world
        self.id = PeerId(ident)
        self.role = role
        self.plan = plan
        self.profile = profile
        self.address: Address = ("192.0.2.1", world.next_port())
        self.local = IceCredentials(f"relay-{ident}", f"password-of-{ident}-at-relay")
        self.remote = IceCredentials(f"user-{ident}", f"password-of-{ident}")
        salt = 12 if profile == GCM else 14
        seed = random.Random(ident)
        self.keys = SrtpKeys(
            profile, seed.randbytes(16), seed.randbytes(salt), seed.randbytes(16),
            seed.randbytes(salt),
        )  # fmt: skip
        self._seal = self._session(self.keys.receive_key + self.keys.receive_salt, False)
        self._open = self._session(self.keys.send_key + self.keys.send_salt, True)
        self.heard: list[Heard] = []
        self.arrived: list[float] = []
        """When each of ``heard`` came."""
        self.rtcp: list[bytes] = []
        self.stun: list[stun.Message] = []
        self.dtls: list[bytes] = []
        self.failed = 0

    def _session(self, key: bytes, inbound: bool) -> Session:
        profile = (
            Policy.SRTP_PROFILE_AEAD_AES_128_GCM
            if self.profile == GCM
            else Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        )
        direction = Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND
        policy = Policy(key=key, ssrc_type=direction, srtp_profile=profile)
        policy.window_size = 1024
        return Session(policy)

    # Sending

    def check(
        self,
        nominate: bool = True,
        address: Address | None = None,
        local: IceCredentials | None = None,
        role: str = "ICE-CONTROLLING",
        password: str | None = None,
    ) -> bytes:
        local = local or self.local
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{local.ufrag}:{self.remote.ufrag}"
        message.attributes["PRIORITY"] = 1
        message.attributes[role] = 7
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity((password or local.password).encode())
        data = bytes(message)
        self.world.deliver([(data, address or self.address)])
        return data

    def seal(self, packet: bytes) -> bytes:
        return self._seal.protect(packet)

    def send(self, *packets: bytes) -> None:
        self.world.deliver([(self.seal(packet), self.address) for packet in packets])

    def send_rtcp(self, packet: bytes) -> None:
        self.world.deliver([(self._seal.protect_rtcp(packet), self.address)])

    def connect(self) -> None:
        self.world.add(self)
        self.check()
        self.world.relay.set_keys(self.id, self.keys, self.world.now)
        self.world.settle()

    # Receiving

    def take(self, data: bytes) -> None:
        if data[0] < 4:
            self.stun.append(stun.parse_message(data))
        elif data[0] < 64:
            self.dtls.append(data)
        else:
            self._take_sealed(data)

    def _take_sealed(self, data: bytes) -> None:
        try:
            if 192 <= data[1] <= 223:
                self.rtcp.append(self._open.unprotect_rtcp(data))
            else:
                self.heard.append(read_rtp(self._open.unprotect(data)))
                self.arrived.append(self.world.arrival)
        except Error:
            self.failed += 1

    def heard_of(self, ssrc: int) -> list[Heard]:
        return [packet for packet in self.heard if packet.ssrc == ssrc]

    def plis(self) -> int:
        return sum(count_plis(packet) for packet in self.rtcp)


def rtcp_parts(data: bytes) -> list[tuple[int, int, bytes]]:
    """Return (count, type, body) of each packet of a compound."""
    parts = []
    while data:
        length = 4 + 4 * struct.unpack_from("!H", data, 2)[0]
        parts.append((data[0] & 0x1F, data[1], data[4:length]))
        data = data[length:]
    return parts


def count_plis(data: bytes) -> int:
    return sum(1 for count, kind, _ in rtcp_parts(data) if (count, kind) == (1, 206))


@dataclass
class Link:
    """From the relay to the clients: loses and reorders by a seed; nothing by default."""

    loss: float = 0.0
    seed: int = 1
    only: Address | None = None
    """The one client whose packets are lost; None: everybody's."""
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def loses(self, address: Address | None = None) -> bool:
        if self.only is not None and address not in (None, self.only):
            return False
        return self.rng.random() < self.loss


class Pipe:
    """A link with a rate, a delay and a queue that drops what does not fit."""

    def __init__(self, bps: float, queue_bytes: int = 40_000, delay: float = 0.02) -> None:
        self.bps = bps
        self.queue_bytes = queue_bytes
        self.delay = delay
        self.dropped = 0
        self._free_at = 0.0
        self._queue: deque[tuple[float, bytes]] = deque()

    def push(self, data: bytes, now: float) -> None:
        waiting = max(0.0, self._free_at - now) * self.bps / 8
        if waiting + len(data) > self.queue_bytes:
            self.dropped += 1
            return
        self._free_at = max(now, self._free_at) + 8 * (len(data) + 28) / self.bps
        self._queue.append((self._free_at + self.delay, data))

    def pop(self, now: float) -> list[tuple[float, bytes]]:
        came = []
        while self._queue and self._queue[0][0] <= now:
            came.append(self._queue.popleft())
        return came


class World:
    """One relay, its clients, and the time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.transmit: SendOne = self._transmit
        """What the relay sends by, message by message."""
        self.relay = Relay(OneByOne(self._send))
        self.clients: list[Client] = []
        self.link = Link()
        self.sends: list[tuple[int, int, Address]] = []
        """(bytes, segment size, address) of each call to transmit."""
        self.room_in_kernel: Callable[[], int] | None = None
        """How many datagrams the kernel takes now; None is all."""
        self.tap: Callable[[bytes, Address], object] | None = None
        """Sees every datagram that the relay sends."""
        self.events: list[Event] = []
        self.pipes: dict[Address, Pipe] = {}
        """Links with a rate and a queue, by the client at their end."""
        self.arrival = self.now
        """When the datagram that is being delivered came."""
        self._port = 40_000
        self._arrived: deque[tuple[bytes, Address]] = deque()

    def next_port(self) -> int:
        self._port += 1
        return self._port

    def presenter(self, ident: str = "presenter", plan: MediaPlan = PRESENTER_PLAN,
                  profile: str = GCM) -> Client:  # fmt: skip
        client = Client(self, ident, "presenter", plan, profile)
        client.connect()
        return client

    def participant(self, ident: str = "student", plan: MediaPlan = PARTICIPANT_PLAN,
                    profile: str = GCM) -> Client:  # fmt: skip
        client = Client(self, ident, "participant", plan, profile)
        client.connect()
        return client

    def add(self, client: Client) -> None:
        self.clients.append(client)
        self.relay.add_peer(
            ROOM, client.id, client.role, client.plan, client.local, client.remote, self.now
        )

    def _send(self, data: memoryview, segment: int, address: Address) -> int:
        return self.transmit(data, segment, address)

    def _transmit(self, data: memoryview, segment: int, address: Address) -> int:
        assert segment > 0
        assert len(data) <= 65_507
        datagrams = [bytes(data[at : at + segment]) for at in range(0, len(data), segment)]
        assert len(datagrams) <= 64
        taken = len(datagrams)
        if self.room_in_kernel is not None:
            taken = min(taken, self.room_in_kernel())
        self.sends.append((len(data), segment, address))
        self._arrived.extend((datagram, address) for datagram in datagrams[:taken])
        return taken

    def deliver(self, datagrams: list[tuple[bytes, Address]]) -> None:
        """Hand one wake-up's datagrams to the relay and its answers to the clients."""
        self.relay.receive([(bytearray(data), source) for data, source in datagrams], self.now)
        self.settle()

    def settle(self) -> None:
        by_address = {client.address: client for client in self.clients}
        while self._arrived:
            data, address = self._arrived.popleft()
            if self.tap is not None:
                self.tap(data, address)
            client = by_address.get(address)
            self.arrival = self.now
            if client is None or self.link.loses(address):
                continue
            if address in self.pipes:
                self.pipes[address].push(data, self.now)
            else:
                client.take(data)
        self.events.extend(self.relay.take_events())

    def advance(self, seconds: float, step: float = 0.1) -> None:
        """Let time pass, firing the relay's timer when it is due."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + step)
            self._drain_pipes()
            due = self.relay.next_timer()
            if due is not None and due <= self.now:
                self.relay.handle_timer(self.now)
                self.settle()

    def _drain_pipes(self) -> None:
        by_address = {client.address: client for client in self.clients}
        for address, pipe in self.pipes.items():
            for arrival, data in pipe.pop(self.now):
                self.arrival = arrival
                by_address[address].take(data)
        self.arrival = self.now

    def events_of_gone(self) -> list[Event]:
        return self.events_of(PeerGone)

    def events_of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


class VideoSource:
    """Numbers and payloads of one VP8 stream."""

    def __init__(self, client: Client, ssrc: int, sequence: int = 0, timestamp: int = 0) -> None:
        self.client = client
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp

    def frame(self, packets: int = 3, key: bool = False, size: int = 200,
              extension: bytes = b"") -> list[bytes]:  # fmt: skip
        """Return the next frame's packets, plain; the caller sends them."""
        self.timestamp += 3000
        made = []
        for position in range(packets):
            start = (VP8_KEY if key else VP8_DELTA) if position == 0 else VP8_REST
            stamp = struct.pack("!I", self.sequence)
            payload = (start + stamp).ljust(size, b"v")
            last = position == packets - 1
            made.append(
                rtp_packet(self.ssrc, self.sequence, self.timestamp, payload, 96, last, extension)
            )
            self.sequence += 1
        return made

    def send(self, packets: int = 3, key: bool = False, size: int = 200) -> None:
        self.client.send(*self.frame(packets, key, size))


class AudioSource:
    """Numbers and payloads of one Opus stream, one packet of 20 ms at a time."""

    def __init__(self, client: Client, ssrc: int = AUDIO_SSRC, sequence: int = 0) -> None:
        self.client = client
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = 0

    def packet(self, payload: bytes = b"opus frame", payload_type: int = 111) -> bytes:
        made = rtp_packet(self.ssrc, self.sequence, self.timestamp, payload, payload_type)
        self.sequence += 1
        self.timestamp += 960
        return made

    def send(self, count: int = 1) -> None:
        self.client.send(*[self.packet() for _ in range(count)])
