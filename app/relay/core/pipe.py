"""One end of a pipe: the link to one neighbour relay for one room.

Both ends send and receive. Media is SRTP under keys of this pipe alone, each stream under an SSRC
that its sender gave it; sheets (``pipe_sheet``), reports, NACKs and keyframe requests are SRTCP.
What comes is told apart by SSRC and counts only once it is authentic, wherever it came from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.ids import PeerId, RoomId
from app.relay.core.ice import IceAgent
from app.relay.core.media import Address, IceCredentials, MediaPlan, SrtpKeys
from app.relay.core.peer import Peer
from app.relay.core.pipe_sheet import Assembly, Part, Sheet, write
from app.relay.core.pipe_tracks import PipedPublisher, PipedTrack
from app.relay.core.rtcp import BYE, receiver_report
from app.relay.core.rtp import Layouts
from app.relay.core.srtp import GcmReceiver, GcmSender

if TYPE_CHECKING:
    from app.relay.core.stream import Stream

BEAT_SECONDS = 0.5
"""Between two sheets when nothing changes; each is a sign of life, too."""
RESEND_SECONDS = 0.1
"""Until a sheet that changed is sent again, if the neighbour does not say that it has it."""
DEAD_SECONDS = 2.0
"""Silence after which a pipe is dead: three beats lost, and half a second of delay."""
MOVE_SECONDS = 1.0
"""A neighbour is followed to another address once the one before was silent for so long."""
MAX_STREAMS = 256
"""SSRCs accepted on one pipe at a time."""

_NOBODY = IceCredentials("", "")


@dataclass(frozen=True, slots=True)
class PipePath:
    """How one end reaches the other."""

    address: Address
    ssrc: int
    """Under which we speak; chosen by us, at random."""
    remote_ssrc: int
    """Under which the neighbour speaks."""
    keys: SrtpKeys
    """AEAD_AES_128_GCM, fresh for this pipe."""


def under(ssrc: int, compound: bytes) -> bytes:
    """Return a compound that begins with a report, in the name of ``ssrc``."""
    return compound[:4] + ssrc.to_bytes(4, "big") + compound[8:]


class Pipe:
    """Owned by ``pipe_room.Pipes``; ``send`` takes one sealed datagram to an address."""

    def __init__(
        self,
        ident: str,
        room: RoomId,
        path: PipePath,
        leads_up: bool,
        send: Callable[[bytes, Address], bool],
        now: float,
    ) -> None:
        """Make an end that nothing was heard on. Raises ValueError for keys of another profile."""
        keys = path.keys
        if keys.profile != "AEAD_AES_128_GCM":
            raise ValueError("a pipe is sealed with AES-GCM")
        self.id = ident
        self.room = room
        self.leads_up = leads_up
        """The neighbour is nearer to the presenter's relay than we are."""
        self.ssrc = path.ssrc
        self.remote_ssrc = path.remote_ssrc
        self.receiver = GcmReceiver(keys.receive_key, keys.receive_salt, MAX_STREAMS)
        self.sender = GcmSender(keys.send_key, keys.send_salt)
        self.carrier = self.peer(PeerId(ident), path.address, now)
        """Its subscriptions, by SSRC, are what is sent here."""
        self.guests: dict[PeerId, Peer] = {}
        """Who publishes behind the neighbour."""
        self.tracks: dict[int, tuple[Stream, PipedTrack]] = {}
        """What may come, by SSRC."""
        self.layouts = Layouts()
        self.wanted: dict[int, int] = {}
        """What the neighbour wants: SSRC → highest temporal layer."""
        self.wants: tuple[tuple[int, int], ...] = ()
        """What it was told that we want."""
        self.is_joined = False
        """Something authentic came."""
        self.is_dead = False
        self.last_heard = now
        self.sheets_refused = 0
        self._send = send
        self._assembly = Assembly()
        self._version = 0
        self._told = b""
        self._neighbour_has = 0
        self._next_beat = now
        self._next_resend = now

    def peer(self, ident: PeerId, address: Address, now: float) -> Peer:
        """Return somebody whose media goes by this pipe."""
        made = Peer(self.room, ident, "speaker", MediaPlan(()), IceAgent(_NOBODY, _NOBODY, now))
        made.ice.selected = address
        made.sender = self.sender
        made.is_connected = True
        made.speaks_as = self.ssrc
        return made

    @property
    def address(self) -> Address:
        """Where the neighbour is."""
        assert self.carrier.ice.selected is not None
        return self.carrier.ice.selected

    # Life ------------------------------------------------------------------------------------

    def heard(self, source: Address, now: float) -> None:
        """Note something authentic. A neighbour behind a NAT shows its address by it."""
        if source != self.address and (not self.is_joined or now - self.last_heard > MOVE_SECONDS):
            for one in (self.carrier, *self.guests.values()):
                one.ice.selected = source
            self.carrier.follow_address()
        if source == self.address:
            self.last_heard = now
        self.is_joined = True

    def is_silent(self, now: float) -> bool:
        return now - self.last_heard >= DEAD_SECONDS

    def die(self) -> None:
        """Nothing comes or goes any more; who is behind it stays, silent, for a new pipe."""
        self.is_dead = True
        self.wanted = {}
        for one in self.carrier.subscriptions.values():
            one.leave()
        for guest in self.guests.values():
            if isinstance(guest.publisher, PipedPublisher):
                guest.publisher.fall_silent()

    # Sheets ----------------------------------------------------------------------------------

    def next_due(self) -> float:
        """Return when ``tell`` has something to do."""
        if self.is_dead:
            return float("inf")
        is_waiting = self._neighbour_has < self._version
        return min(self._next_beat, self._next_resend) if is_waiting else self._next_beat

    def tell(self, sheet: Sheet, now: float) -> None:
        """Send a sheet if it is new, was not confirmed yet, or a beat is due."""
        data = sheet.encode()
        if data != self._told:
            self._told = data
            self._version += 1
        elif now < self.next_due():
            return
        self._next_beat = now + BEAT_SECONDS
        self._next_resend = now + RESEND_SECONDS
        for packet in write(self.ssrc, self._version, self._assembly.version, data):
            self.say(packet)

    def say(self, packet: bytes) -> None:
        """Send RTCP in our name."""
        compound = under(self.ssrc, receiver_report(())) + packet
        self._send(self.sender.seal_rtcp(compound), self.address)

    def say_goodbye(self) -> None:
        """Tell the neighbour that the pipe is closed."""
        self.say(bytes((0x81, BYE, 0, 1)) + self.ssrc.to_bytes(4, "big"))

    def take(self, part: Part) -> bytes | None:
        """Take a part of a sheet; return the sheet's data if that made it whole."""
        if self._neighbour_has < part.has <= self._version:
            self._neighbour_has = part.has
        whole = self._assembly.add(part)
        if whole is not None:
            # Confirm it at the next chance rather than at the next beat.
            self._next_beat = min(self._next_beat, self.last_heard + RESEND_SECONDS / 2)
        return whole
