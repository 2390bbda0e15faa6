"""What a stranger can send to a relay, and the promise that each has to keep."""

import asyncio
import contextlib
import struct

from aioice import stun
from pydantic import ValidationError

from app.core.errors import LecternError
from app.core.ids import PeerId, RoomId
from app.relay.core import keyframe, rtcp, rtp
from app.relay.core.media import Address, IceCredentials, MediaPlan, SrtpKeys
from app.relay.core.relay import Relay
from app.relay.core.srtp import GcmSender
from app.relay.core.transmit import OneByOne
from app.relay.negotiation.answer import LocalTransport, write_answer
from app.relay.negotiation.features import ALL
from app.relay.negotiation.plan import Role, negotiate
from app.relay.negotiation.sdp import are_credentials, read_offer
from app.relay.records import is_admissible, records
from app.relay.tcp import StreamEndpoint, _Stream
from app.transport.sio.messages import ClientCandidate
from tests.fuzz import api_targets, association
from tests.fuzz.engine import Target
from tests.fuzz.packets import framed, unframed
from tests.manual_clock import ManualClock
from tests.unit.relay import offers

ROOM = RoomId("004217")
LOCAL = IceCredentials("relayufr", "password-of-the-relay-24ch")
REMOTE = IceCredentials("4ZcD", "2/1muCWoOi3uLifh0NuRHlZZ")
TRANSPORT = LocalTransport(LOCAL, offers.FINGERPRINT, ("192.0.2.7",), 7882, True, 77, 1)
ADDRESS: Address = ("192.0.2.1", 40_000)
STRANGER: Address = ("198.51.100.1", 50_000)
PRESENTER, PARTICIPANT = PeerId("presenter"), PeerId("participant")
SSRC, RTX_SSRC = 0x2222, 0x2223

PRESENTER_OFFER = offers.offer(
    offers.audio("0", "sendonly"),
    offers.video(
        "1",
        "sendonly",
        f"a=ssrc-group:FID {SSRC} {RTX_SSRC}\na=ssrc:{SSRC} cname:x\na=ssrc:{RTX_SSRC} cname:x\n",
    ),
)
PARTICIPANT_OFFER = offers.offer(offers.audio("0", "recvonly"), offers.video("1", "recvonly"))


def plan(text: str, role: Role) -> MediaPlan:
    lines: dict[str, int] = {}
    return negotiate(
        text, role, {}, lambda name: lines.setdefault(name, 9000 + len(lines)), ALL
    ).plan


def keys(seed: int) -> SrtpKeys:
    one, two = bytes([seed]) * 16, bytes([seed + 1]) * 16
    return SrtpKeys("AEAD_AES_128_GCM", one, one[:12], two, two[:12])


def check(peer: PeerId, address: Address) -> bytes:
    """Return an authentic check that nominates."""
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.transaction_id = struct.pack("!6sHI", peer.encode()[:6], address[1], 7)
    message.attributes["USERNAME"] = f"{LOCAL.ufrag}{peer}:{REMOTE.ufrag}"
    message.attributes["PRIORITY"] = 1_853_824_767
    message.attributes["ICE-CONTROLLING"] = 7
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(LOCAL.password.encode())
    return bytes(message)


class World:
    """A core with a connected presenter and participant. Time runs 5 ms per packet."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.sent: list[Address] = []
        self.core = Relay(OneByOne(self._transmit))
        self.addresses = {PRESENTER: ADDRESS, PARTICIPANT: ("192.0.2.2", 40_001)}
        self.senders: dict[PeerId, GcmSender] = {}
        for seed, (peer, text, role) in enumerate(
            (
                (PRESENTER, PRESENTER_OFFER, "presenter"),
                (PARTICIPANT, PARTICIPANT_OFFER, "participant"),
            )
        ):
            local = IceCredentials(LOCAL.ufrag + peer, LOCAL.password)
            described = plan(text, role)  # type: ignore[arg-type]  # one of the two roles
            self.core.add_peer(ROOM, peer, role, described, local, REMOTE, self.now)  # type: ignore[arg-type]
            self.take(check(peer, self.addresses[peer]), self.addresses[peer])
            secret = keys(seed * 2)
            self.core.set_keys(peer, secret, self.now)
            self.senders[peer] = GcmSender(secret.receive_key, secret.receive_salt)
        self.index = dict.fromkeys((SSRC, RTX_SSRC), 0)

    def _transmit(self, data: memoryview, segment_size: int, address: Address) -> int:
        self.sent.append(address)
        if address not in self.addresses.values():
            raise ValueError(f"the relay sent to {address}")
        return -(-len(data) // segment_size)

    def take(self, data: bytes, source: Address) -> None:
        self.now += 0.005
        self.core.receive([(memoryview(bytearray(data)), source)], self.now)
        due = self.core.next_timer()
        if due is not None and due <= self.now:
            self.core.handle_timer(self.now)
        self.core.take_events()
        self.core.take_dtls()

    def rtp(self, plain: bytes) -> None:
        """Send a packet of the presenter as its owner would: authentic, whatever it says."""
        packet = rtp.parse(memoryview(plain))
        if packet is None:
            self.take(plain, ADDRESS)
            return
        sender = self.senders[PRESENTER]
        nonce = (sender.salt ^ (packet.ssrc << 48 | packet.sequence)).to_bytes(12, "big")
        head = plain[: packet.payload]
        self.take(head + sender.cipher.encrypt(nonce, plain[packet.payload :], head), ADDRESS)

    def rtcp(self, plain: bytes, peer: PeerId) -> None:
        if len(plain) < 8:
            self.take(plain, self.addresses[peer])
        else:
            self.take(self.senders[peer].seal_rtcp(plain), self.addresses[peer])

    def finish(self) -> None:
        """Let timers run, and see that nothing had to be contained."""
        for _ in range(6):
            self.now += 0.3
            self.core.handle_timer(self.now)
        gone = [event for event in self.core.take_events() if type(event).__name__ == "PeerGone"]
        if gone:
            raise ValueError(f"a session ended: {gone}")
        if self.core.counters.errors:
            raise ValueError("the core contained an exception")


def run_stun(data: bytes) -> None:
    """Nobody is answered, moved or let in by a check that is not authentic."""
    world = World()
    known = {check(peer, address) for peer, address in world.addresses.items()}
    for packet in unframed(data):
        world.sent.clear()
        if packet not in known:
            world.take(packet, STRANGER)
        for peer, address in world.addresses.items():
            world.take(packet, address)
            del peer
    world.finish()


def stun_seeds() -> list[bytes]:
    whole = check(PRESENTER, ADDRESS)
    forged = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    forged.attributes["USERNAME"] = f"{LOCAL.ufrag}presenter:x"
    forged.add_message_integrity(b"a wrong password")
    return [framed(whole), framed(bytes(forged)), framed(whole[:20], whole[:60], whole)]


def run_rtp(data: bytes) -> None:
    """Whatever an authentic presenter sends, the relay goes on."""
    world = World()
    for packet in unframed(data):
        world.rtp(packet)
        view = memoryview(packet)
        for name in ("vp8", "vp9/0", "h264/42e01f/1", "av1/0"):
            found = keyframe.detector(name)
            if found is not None:
                found(view)
    world.finish()


def media(number: int, payload: bytes, payload_type: int = 96, ssrc: int = SSRC) -> bytes:
    extension = b"\xbe\xde\x00\x03\x22\x01\x02\x03\x31" + number.to_bytes(2, "big") + b"\x40\x31"
    extension += bytes(16 - len(extension))
    head = struct.pack("!BBHII", 0x90, payload_type, number, number * 3_000, ssrc)
    return head + extension + payload


def rtp_seeds() -> list[bytes]:
    key, delta = b"\x10\0\0\0\x9d\x01\x2a\x40\x01\xf0\0", b"\x10\x01\0\0"
    layered = b"\x90\xe0\x80\x05\x07\x20\x00\0\0\x9d\x01\x2a"
    return [
        framed(*(media(n, key if n == 1 else delta) for n in range(1, 9))),
        framed(media(1, key), media(4, delta), media(9, b"\0\x02" + delta, 97, RTX_SSRC)),
        framed(*(media(n, layered) for n in range(65_530, 65_536)), media(0, delta)),
        framed(media(1, b"\x65keyframe", 102), media(2, b"\x0a\x08sequence", 45)),
        framed(media(1, b"\x8f\0\0\0opus", 111, 5), media(2, b"\x6f\0opus", 63, 5)),
        framed(b"\x80\x60" + bytes(10), media(1, key) + b"\0\0\x03"),
    ]


def run_rtcp(data: bytes) -> None:
    """Whatever authentic feedback says, the relay goes on."""
    world = World()
    world.rtp(media(1, b"\x10\0\0\0\x9d\x01\x2a\x40\x01\xf0\0"))
    for number, packet in enumerate(unframed(data)):
        world.rtcp(packet, PARTICIPANT if number % 2 else PRESENTER)
        world.rtcp(packet, PRESENTER if number % 2 else PARTICIPANT)
        world.rtp(media(number + 2, b"\x10\x01\0\0"))
        rtcp.parse(packet)
    world.finish()


def rtcp_seeds() -> list[bytes]:
    line = 9_000
    report = struct.pack("!BBHI", 0x81, 201, 7, 1) + struct.pack("!IIIIII", line, 0, 3, 9, 0, 0)
    sender = struct.pack("!BBHIQIII", 0x80, 200, 6, SSRC, 3 << 32, 9_000, 4, 900)
    nack = struct.pack("!BBHIIHH", 0x81, 205, 3, 1, line, 5, 0b1011)
    pli = struct.pack("!BBHII", 0x81, 206, 2, 1, line)
    fir = struct.pack("!BBHIIIB3x", 0x84, 206, 4, 1, 0, line, 7)
    remb = struct.pack("!BBHII4sBBHI", 0x8F, 206, 5, 1, 0, b"REMB", 1, 0x12, 0x3456, line)
    wide = struct.pack(
        "!BBHIIHHIHH", 0x8F, 205, 5, 1, line, 1, 8, 0x010203 << 8 | 1, 0x2008, 0x0101
    )
    lists = struct.pack("!BBHIIHHIHHHH", 0x8F, 205, 6, 1, line, 1, 14, 1 << 8, 0xA5A5, 0xD555, 9, 9)
    bye = struct.pack("!BBHI", 0x81, 203, 1, SSRC)
    description = struct.pack("!BBHI", 0x81, 202, 2, SSRC) + b"\x01\x01x\0"
    extended = struct.pack("!BBHIBBHII", 0x80, 207, 4, 1, 4, 0, 2, 1, 2)
    every = (report, sender, nack, pli, fir, remb, wide, lists, bye, description, extended)
    return [framed(one) for one in every] + [framed(*every), framed(sender + report, report + nack)]


def run_sdp(data: bytes) -> None:
    """An offer is answered soundly or refused as what it is."""
    text = data.decode(errors="replace")
    for role in ("presenter", "participant"):
        lines: dict[str, int] = {}
        try:
            found = negotiate(
                text,
                role,  # type: ignore[arg-type]  # one of the two roles
                {},
                lambda name: lines.setdefault(name, 9000 + len(lines)),  # noqa: B023 (used at once)
                ALL,
            )
        except LecternError:
            continue
        answer = write_answer(found, found.plan, TRANSPORT)
        if answer.count("\r\nm=") != len(found.offer.sections):
            raise ValueError("a section is not answered")
        if any(not line.isprintable() for line in answer.split("\r\n")):
            raise ValueError("the answer holds control characters")
        read_offer(answer)  # what we write is what we would read
        ssrcs = [section.ssrc for section in found.plan.sections if section.direction == "send"]
        if len(set(ssrcs)) != len(ssrcs):
            raise ValueError("two sections have one SSRC")


def sdp_seeds() -> list[bytes]:
    rids = "a=rid:h send\na=rid:l send\na=simulcast:send h;l\n"
    texts = [
        PRESENTER_OFFER,
        PARTICIPANT_OFFER,
        offers.offer(offers.audio("0", "sendrecv"), offers.video("1", "sendonly", rids)),
        offers.offer(
            offers.data("d"), offers.audio("0", "recvonly"), offers.audio("1", "sendonly")
        ),
    ]
    return [text.encode() for text in texts]


def run_candidate(data: bytes) -> None:
    """A candidate is refused or taken; nothing of it is ever looked up or connected to."""
    text = data.decode(errors="replace")
    for value in (text, {"candidate": text, "sdpMid": text[:9]}, {"candidate": text[:1], text: 1}):
        try:
            ClientCandidate.model_validate({"candidate": value})
        except ValidationError:
            continue
    are_credentials(text, text)
    with contextlib.suppress(LecternError):
        read_offer(PARTICIPANT_OFFER + f"a=candidate:{text}\r\n")


def candidate_seeds() -> list[bytes]:
    return [
        b"candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host generation 0 ufrag 4ZcD",
        b"candidate:2 1 tcp 1518280447 2001:db8::1 9 typ host tcptype active",
        b"candidate:3 1 udp 41885439 198.51.100.3 3478 typ relay raddr 0.0.0.0 rport 0",
        b"candidate:4 1 udp 1 5e1a-4f.local 50000 typ host",
        b"",
    ]


def run_dtls(data: bytes) -> None:
    """Only whole records pass, and no plaintext alert does."""
    world = World()
    for packet in unframed(data):
        found = records(packet)
        if found is not None and b"".join(found) != packet:
            raise ValueError("records were lost")
        if is_admissible(packet) and any(r[0] == 21 and r[3:5] == b"\0\0" for r in found or []):
            raise ValueError("an alert passed")
        world.take(packet, ADDRESS)
        world.take(packet, STRANGER)
    world.finish()


def dtls_seeds() -> list[bytes]:
    hello = bytes.fromhex("16fefd0000000000000000002d010000210000000000000021fefd") + bytes(31)
    return [
        framed(hello[: 13 + 0x2D]),
        framed(b"\x15\xfe\xfd" + bytes(8) + b"\0\x02\x02\x28"),
        framed(
            b"\x17\xfe\xfd\0\x01" + bytes(6) + b"\0\x04data",
            b"\x14\xfe\xfd" + bytes(8) + b"\0\x01\x01",
        ),
    ]


class _Wire(asyncio.Transport):
    """What a connection writes to, without a socket."""

    is_cut = False

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.9", 4_000), "socket": self})

    def setsockopt(self, *_: object) -> None: ...
    def abort(self) -> None:
        self.is_cut = True


def run_framing(data: bytes) -> None:
    """However a stream is cut into reads, its frames are the same."""
    whole: list[bytes] = []
    parts: list[bytes] = []
    for into, sizes in ((whole, [len(data)]), (parts, [1, 2, 3, 700, 5, 9_000])):
        endpoint = StreamEndpoint(
            ManualClock(), lambda batch, into=into: into.extend(bytes(d) for d, _ in batch), 8
        )
        endpoint._server = True  # type: ignore[assignment]  # it takes connections
        endpoint._arm = lambda: None  # type: ignore[method-assign]  # no loop here
        stream, wire = _Stream(endpoint), _Wire()
        stream.connection_made(wire)
        at, turn = 0, 0
        while at < len(data) and not wire.is_cut:
            buffer = stream.get_buffer(-1)
            if not buffer:
                raise ValueError("the buffer is full and nothing comes out of it")
            size = min(len(buffer), sizes[turn % len(sizes)], len(data) - at)
            buffer[:size] = data[at : at + size]
            stream.buffer_updated(size)
            at, turn = at + size, turn + 1
    if not all(a == b for a, b in zip(whole, parts, strict=False)):
        raise ValueError("the frames depend on the reads")


def framing_seeds() -> list[bytes]:
    return [framed(b"one", b"", bytes(2_000)), framed(bytes(2_047)) * 5, b"\xff\xff" + bytes(100)]


SDP_WORDS = tuple(
    word.encode()
    for word in (
        *("\r\na=", "a=mid:", "a=rid:", "a=simulcast:send ", "a=fmtp:97 apt=", "a=rtpmap:"),
        *("\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", "a=ssrc-group:FID ", "a=ssrc-group:SIM "),
        *("a=bundle-only\r\n", "a=inactive\r\n", "4294967296", "9" * 20, ";", ",", "~"),
        *("\u00b2", "\u0663"),  # digits that are no ASCII digits
    )
)

TARGETS = (
    Target("stun", run_stun, stun_seeds),
    Target("rtp", run_rtp, rtp_seeds),
    Target("rtcp", run_rtcp, rtcp_seeds),
    Target("sdp", run_sdp, sdp_seeds, SDP_WORDS),
    Target("candidate", run_candidate, candidate_seeds),
    Target("dtls", run_dtls, dtls_seeds),
    association.TARGET,
    Target("framing", run_framing, framing_seeds),
    *api_targets.TARGETS,
)
BY_NAME = {target.name: target for target in TARGETS}
