"""The relay's sans-IO core: fed datagrams and ``now``, it sends through one callable.

The shell (``relay.service`` and ``relay.udp``) owns the socket, DTLS and one timer. After every
call that takes ``now`` it must drain ``take_dtls`` and ``take_events`` and re-arm its timer with
``next_timer``. The core holds no clock, no task and no lock: one thread calls it.
"""

from collections.abc import Callable, Sequence
from typing import Literal

from app.core.ids import PeerId, RoomId
from app.relay.core.counters import Counters, RoomStats
from app.relay.core.events import Event
from app.relay.core.media import Address, IceCredentials, MediaPlan, SrtpKeys

Transmit = Callable[[memoryview, int, Address], int]
"""``transmit(data, segment_size, address)``: ``data`` is one or more datagrams of ``segment_size``
bytes each (the last may be shorter), valid only during the call. At most 64 datagrams and 65,507
bytes. Returns how many datagrams the kernel took, from the first on (fewer on EAGAIN); it must not
raise for an unreachable address (that is 'taken')."""

Role = Literal["presenter", "participant"]


class Relay:
    """All rooms and peers of one relay process.

    Guarantees that no datagram makes ``receive`` raise, that work per call is bounded by the
    datagrams handed in times the subscribers, and that nothing is sent to an address which no
    STUN check with the peer's own password has validated.
    """

    def __init__(self, transmit: Transmit) -> None:
        self.counters = Counters()

    # Peers -----------------------------------------------------------------------------------

    def add_peer(
        self,
        room: RoomId,
        peer: PeerId,
        role: Role,
        plan: MediaPlan,
        local: IceCredentials,
        remote: IceCredentials,
        now: float,
    ) -> None:
        """Let ``peer`` connect to ``room``, which is made if it is new.

        The SSRCs of send sections should be the same for every peer of a room (for example a
        function of room, kind and source): subscribers share one rewritten line only when SSRC,
        payload types and extension ids agree. Within one peer they must differ.

        A new presenter takes the place of the old one when its keys are set; until then the old
        one's media flows. Raises ValueError if the peer or the local ufrag exists already.
        """
        raise NotImplementedError

    def restart_ice(
        self, peer: PeerId, local: IceCredentials, remote: IceCredentials, now: float
    ) -> None:
        """Accept a second pair of credentials; the old pair ends with the new one's first use.

        Raises KeyError for an unknown peer, ValueError for a ufrag in use.
        """
        raise NotImplementedError

    def set_keys(self, peer: PeerId, keys: SrtpKeys, now: float) -> None:
        """Let media flow: call it once DTLS is done. Raises KeyError for an unknown peer.

        Raises ValueError when a key or salt has the wrong length for its profile.
        """
        raise NotImplementedError

    def remove_peer(self, peer: PeerId) -> bool:
        """Forget ``peer``; return False if it was not there. Emits no event."""
        raise NotImplementedError

    def remove_room(self, room: RoomId) -> list[PeerId]:
        """Forget the room and return the peers that went with it. Emits no event."""
        raise NotImplementedError

    # Input -----------------------------------------------------------------------------------

    def receive(
        self, datagrams: Sequence[tuple[memoryview | bytearray, Address]], now: float
    ) -> None:
        """Take one wake-up's datagrams, in the order of arrival. Never raises for their content.

        The buffers are only read, and may be reused when the call returns.
        """
        raise NotImplementedError

    def handle_timer(self, now: float) -> None:
        """Do what is due. Safe to call early or late."""
        raise NotImplementedError

    def next_timer(self) -> float | None:
        """Return when ``handle_timer`` wants to be called next, or None for never."""
        raise NotImplementedError

    # DTLS ------------------------------------------------------------------------------------

    def take_dtls(self) -> list[tuple[PeerId, bytes]]:
        """Return the DTLS datagrams that came from validated addresses since the last call."""
        raise NotImplementedError

    def send_dtls(self, peer: PeerId, data: bytes) -> bool:
        """Send one DTLS datagram to the peer's selected address; False if there is none yet."""
        raise NotImplementedError

    # Output ----------------------------------------------------------------------------------

    def take_events(self) -> list[Event]:
        """Return what happened since the last call, in order."""
        raise NotImplementedError

    def stats(self, room: RoomId, now: float) -> RoomStats | None:
        """Describe a room, or return None if there is no such room."""
        raise NotImplementedError
