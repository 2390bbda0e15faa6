"""All pipes of one relay: whose a datagram is that came from no client, and what becomes of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from app.core.ids import RoomId
from app.relay.core import rtcp, rtp
from app.relay.core.counters import Counters
from app.relay.core.media import Address
from app.relay.core.pipe import Pipe
from app.relay.core.pipe_room import Pipes
from app.relay.core.srtp import ReplayedError, UnauthenticError
from app.relay.core.stream import Stream
from app.relay.core.track import Track

Opened = TypeVar("Opened")


class PipedRoom(Protocol):
    """``room.Room``, as a datagram from a pipe sees it."""

    id: RoomId
    pipes: Pipes

    def touch(self, stream: Stream, track: Track, was_active: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One pipe and its room."""

    pipe: Pipe
    room: PipedRoom


@dataclass(slots=True)
class _Known:
    entry: Entry
    ssrcs: set[int] = field(default_factory=set)


class PipeTable:
    """Pipes by id, and by the SSRCs that come on them.

    SSRCs are chosen by whoever sends, so two pipes may have the same: each is tried, and the key
    tells. Nothing changes until a packet was authentic.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._by_ssrc: dict[int, list[Entry]] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def get(self, ident: str) -> Entry | None:
        known = self._known.get(ident)
        return known.entry if known is not None else None

    def entries(self) -> list[Entry]:
        return [known.entry for known in self._known.values()]

    def is_of_pipe(self, address: Address) -> bool:
        """Tell whether a neighbour is reached at an address: no client may claim it."""
        return any(known.entry.pipe.address == address for known in self._known.values())

    def add(self, entry: Entry) -> None:
        """Take in a new pipe."""
        self._known[entry.pipe.id] = _Known(entry)
        self.note(entry)

    def note(self, entry: Entry) -> None:
        """Take over which SSRCs come on a pipe."""
        known = self._known.get(entry.pipe.id)
        if known is None:
            return
        wanted = {entry.pipe.remote_ssrc, *entry.pipe.tracks}
        for ssrc in wanted - known.ssrcs:
            self._by_ssrc.setdefault(ssrc, []).append(entry)
        self._drop(entry, known.ssrcs - wanted)
        known.ssrcs = wanted

    def remove(self, ident: str) -> Entry | None:
        """Forget a pipe and return it."""
        known = self._known.pop(ident, None)
        if known is None:
            return None
        self._drop(known.entry, known.ssrcs)
        return known.entry

    def _drop(self, entry: Entry, ssrcs: Iterable[int]) -> None:
        for ssrc in ssrcs:
            left = [one for one in self._by_ssrc.get(ssrc, ()) if one is not entry]
            if left:
                self._by_ssrc[ssrc] = left
            else:
                self._by_ssrc.pop(ssrc, None)

    # Datagrams -------------------------------------------------------------------------------

    def take_rtp(
        self, data: memoryview, source: Address, slot: memoryview, counters: Counters, now: float
    ) -> PipedRoom | None:
        """Take media; return the room whose track has it in ``slot``, None where it is dropped."""
        packet = rtp.parse(data)
        entries = self._by_ssrc.get(packet.ssrc, ()) if packet is not None else ()
        if packet is None or not entries:
            counters.dropped_unknown_address += 1
            return None

        def open_with(pipe: Pipe) -> int:
            length, packet.index = pipe.receiver.open_rtp(
                data, packet.payload, packet.ssrc, packet.sequence, slot
            )
            return length

        opened = _open(entries, open_with, counters)
        if opened is None:
            return None
        entry, length = opened
        packet.data = slot[:length]
        _heard(entry, source, now)
        if not rtp.strip_padding(packet):
            counters.dropped_malformed += 1
            return None
        return _route(entry, packet, counters, now)

    def take_rtcp(
        self, data: memoryview, source: Address, counters: Counters, now: float
    ) -> PipedRoom | None:
        """Take a sheet, a report or feedback; return the room that it was about."""
        entries = self._by_ssrc.get(int.from_bytes(data[4:8], "big"), ())
        if not entries:
            counters.dropped_unknown_address += 1
            return None
        opened = _open(entries, lambda pipe: pipe.receiver.open_rtcp(data), counters)
        if opened is None:
            return None
        entry, plain = opened
        _heard(entry, source, now)
        compound = rtcp.parse(plain)
        if compound is None:
            counters.dropped_malformed += 1
            return None
        entry.room.pipes.take_rtcp(entry.pipe, plain, compound, now)
        for other in self.entries():
            if other.room is entry.room:  # somebody may have gone over from one to another
                self.note(other)
        return entry.room


def _route(entry: Entry, packet: rtp.Packet, counters: Counters, now: float) -> PipedRoom | None:
    found = entry.pipe.tracks.get(packet.ssrc)
    if found is None or packet.payload_type not in found[1].codecs:
        counters.dropped_unknown_track += 1
        return None
    stream, track = found
    entry.pipe.layouts.find(packet)
    was_active = track.is_active(now)
    if not track.take(packet, now):
        counters.dropped_replayed += 1
        return None
    counters.pipe_packets_received += 1
    entry.room.touch(stream, track, was_active)
    return entry.room


def _open(
    entries: Iterable[Entry], opener: Callable[[Pipe], Opened], counters: Counters
) -> tuple[Entry, Opened] | None:
    failure: Exception | None = None
    for entry in entries:
        if entry.pipe.is_dead:
            continue
        try:
            return entry, opener(entry.pipe)
        except (UnauthenticError, ReplayedError) as error:
            failure = error
    if isinstance(failure, ReplayedError):
        counters.dropped_replayed += 1
    else:
        counters.dropped_unauthentic += 1
    return None


def _heard(entry: Entry, source: Address, now: float) -> None:
    is_first = not entry.pipe.is_joined
    entry.pipe.heard(source, now)
    if is_first:
        entry.room.pipes.heard(entry.pipe)
