"""The one hot function: seal a batch for each of many subscribers and send it in few calls.

``seal_and_send`` is the seam for a native twin: its arguments are a ``Batch`` (arrays over one
buffer) and sinks (key material and an address each), with no Python object per packet. Each sink
is charged one sealing per packet and one ``transmit`` per run, a run being what one UDP_SEGMENT
send can carry: packets of one size, the last of which may be shorter.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.relay.core.batch import CAPACITY, MAX_PACKET, STRIDE, Batch
from app.relay.core.counters import Counters
from app.relay.core.media import Address
from app.relay.core.srtp import CM_TAG, GCM_TAG, CmSender, GcmSender

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from pylibsrtp import Session

Transmit = Callable[[memoryview, int, Address], int]
"""``transmit(data, segment_size, address)``: ``data`` is one or more datagrams of ``segment_size``
bytes each (the last may be shorter), valid only during the call. At most 64 datagrams and 65,507
bytes. Returns how many datagrams the kernel took, from the first on (fewer on EAGAIN); it must not
raise for an unreachable address (that is 'taken')."""

MAX_SEGMENTS = 64
CM_MAX_PACKET = 1_356
"""Plain bytes that pylibsrtp can seal: its buffer of 1,500 less the longest trailer."""
MAX_BYTES = 65_507
"""The largest UDP payload over IPv4: the kernel's bound on one UDP_SEGMENT send."""


class Sink:
    """One subscriber of one line: where it is, how to seal for it, where its rollover began."""

    __slots__ = ("address", "bytes", "cipher", "first_index", "packets", "rollover_base", "salt",
                 "sender", "session", "skip_timestamp", "video")  # fmt: skip

    def __init__(self, address: Address, sender: GcmSender | CmSender, video: bool) -> None:
        self.address = address
        self.sender = sender
        self.cipher: AESGCM | None = sender.cipher if isinstance(sender, GcmSender) else None
        self.salt = sender.salt if isinstance(sender, GcmSender) else 0
        self.session: Session | None = sender.session if isinstance(sender, CmSender) else None
        """libsrtp's, where ``cipher`` is None; it counts rollovers by itself."""
        self.video = video
        self.first_index = -1
        self.rollover_base = 0
        """Taken off a line index: a subscriber's rollover counter is 0 at its first packet."""
        self.skip_timestamp = -1
        """Of the frame whose rest is dropped after a partial send, or -1."""
        self.packets = 0
        self.bytes = 0

    def begin(self, index: int) -> None:
        """Make ``index`` the first packet of the line that this subscriber gets.

        Once only: to count rollovers anew under the same key would use nonces twice.
        """
        if self.first_index >= 0:
            raise RuntimeError("a sink begins once")
        self.first_index = index
        self.rollover_base = index & ~0xFFFF


class _Run:
    """Slots ``first`` to ``last`` of a batch, sealed side by side in the output buffer."""

    __slots__ = ("first", "last", "length", "packets", "parts", "segment", "view")

    def __init__(self, batch: Batch, first: int, last: int, out: memoryview) -> None:
        self.first = first
        self.last = last
        self.packets = last - first
        self.segment = batch.lengths[first] + GCM_TAG
        self.parts: list[tuple[int, memoryview, memoryview, memoryview]] = []
        """(ssrc << 48 | index, plain payload, header, sealed payload) of each packet."""
        source = batch.view
        position = 0
        for slot in range(first, last):
            start = slot * STRIDE
            head = start + batch.headers[slot]
            end = start + batch.lengths[slot]
            header = source[start:head]
            body = position + head - start
            stop = position + end - start + GCM_TAG
            # Headers are the same for every subscriber and sealing leaves them alone.
            out[position:body] = header
            number = int.from_bytes(header[8:12], "big") << 48 | batch.indices[slot]
            self.parts.append((number, source[head:end], header, out[body:stop]))
            position = stop
        self.length = position
        self.view = out[:position]

    def numbered_from(self, base: int) -> list[tuple[int, memoryview, memoryview, memoryview]]:
        return [
            (number - base, plain, header, sealed) for number, plain, header, sealed in self.parts
        ]


class BurstSender:
    """Owns the output buffers; one per relay."""

    def __init__(self, transmit: Transmit, counters: Counters) -> None:
        self._transmit = transmit
        self._counters = counters
        self._out = memoryview(bytearray(CAPACITY * STRIDE))
        # A second one: the first keeps the headers for the GCM subscribers of a batch.
        self._other = memoryview(bytearray(CAPACITY * STRIDE))

    def seal_and_send(self, batch: Batch, sinks: Sequence[Sink]) -> None:
        """Send every packet of ``batch`` to every sink; sizes are evened on the way.

        A sink whose start lies inside the batch gets what is not before it. On a partial send the
        rest of the run is dropped, for video to the end of its frame, and counted.
        """
        if not batch.count or not sinks:
            return
        even_sizes(batch)
        out = self._out
        plan: list[_Run] = []
        for first, last in split_runs(batch):
            run = _Run(batch, first, last, out)
            out = out[run.length :]
            plan.append(run)
        oldest = min(batch.indices[: batch.count])
        is_too_long_for_cm = max(batch.lengths[: batch.count]) > CM_MAX_PACKET
        whole: list[Sink] = []
        for sink in sinks:
            if sink.first_index > oldest or sink.skip_timestamp >= 0:
                self._send_some(batch, sink)
            elif sink.cipher is None and is_too_long_for_cm:
                self._send_some(batch, sink)
            elif sink.cipher is None:
                self._send_cm(batch, plan, sink)
            else:
                whole.append(sink)
        for base in {sink.rollover_base for sink in whole}:
            sharing = [sink for sink in whole if sink.rollover_base == base]
            self._send_gcm(batch, plan, base, sharing)

    def send_control(self, data: bytes, address: Address) -> bool:
        """Send one datagram that is not media; False (and counted) if the kernel is full."""
        if self._transmit(memoryview(data), len(data), address) == 1:
            return True
        self._counters.control_dropped += 1
        return False

    def _send_gcm(self, batch: Batch, plan: list[_Run], base: int, sinks: list[Sink]) -> None:
        transmit = self._transmit
        counters = self._counters
        steps = [
            (run.numbered_from(base), run.view, run.segment, run.packets, run.length, run)
            for run in plan
        ]
        for sink in sinks:
            seal = sink.cipher.encrypt_into  # type: ignore[union-attr]  # the caller chose GCM's
            salt = sink.salt
            address = sink.address
            for parts, view, segment, packets, length, run in steps:
                for number, plain, header, sealed in parts:
                    seal((salt ^ number).to_bytes(12, "big"), plain, header, sealed)
                taken = transmit(view, segment, address)
                counters.bursts_sent += 1
                if taken == packets:
                    sink.packets += packets
                    sink.bytes += length
                    counters.packets_forwarded += packets
                    counters.bytes_forwarded += length
                elif self._partly_sent(batch, run.last, packets, taken, segment, sink):
                    break

    def _partly_sent(
        self, batch: Batch, last: int, packets: int, taken: int, segment: int, sink: Sink
    ) -> bool:
        """Account for a short send; return True if the rest of the batch was dropped with it."""
        counters = self._counters
        taken = max(taken, 0)
        sink.packets += taken
        sink.bytes += taken * segment
        counters.packets_forwarded += taken
        counters.bytes_forwarded += taken * segment
        counters.send_dropped += packets - taken
        if not sink.video:
            return False
        # The kernel is full: what else this batch holds would leave holes, too.
        counters.send_dropped += batch.count - last
        end = batch.count - 1
        if not batch.markers[end]:
            sink.skip_timestamp = batch.timestamps[end]
        return True

    def _send_cm(self, batch: Batch, plan: list[_Run], sink: Sink) -> None:
        out = self._other
        for run in plan:
            position = 0
            for slot in range(run.first, run.last):
                sealed = self._protect(batch, slot, sink)
                if sealed is None:
                    return
                out[position : position + len(sealed)] = sealed
                position += len(sealed)
            segment = batch.lengths[run.first] + CM_TAG
            taken = self._transmit(out[:position], segment, sink.address)
            self._counters.bursts_sent += 1
            if taken == run.packets:
                self._sent(sink, run.packets, position)
            elif self._partly_sent(batch, run.last, run.packets, taken, segment, sink):
                return

    def _protect(self, batch: Batch, slot: int, sink: Sink) -> bytes | None:
        start = slot * STRIDE
        try:
            sealed: bytes = sink.session.protect(  # type: ignore[union-attr]  # not GCM's, so CM's
                bytes(batch.view[start : start + batch.lengths[slot]])
            )
        except Exception:  # noqa: BLE001  # libsrtp refuses an index it thinks too old, or a size
            self._counters.seal_failed += 1
            return None
        return sealed

    def _send_some(self, batch: Batch, sink: Sink) -> None:
        """Send one by one what this sink may have: the rare path, at a start or after EAGAIN."""
        out = self._other
        for slot in range(batch.count):
            if batch.indices[slot] < sink.first_index:
                self._counters.dropped_late += 1
                continue
            if sink.skip_timestamp == batch.timestamps[slot]:
                self._counters.send_dropped += 1
                if batch.markers[slot]:
                    sink.skip_timestamp = -1
                continue
            sink.skip_timestamp = -1
            length = self._seal_one(batch, slot, sink, out)
            if not length:
                continue
            taken = self._transmit(out[:length], length, sink.address)
            self._counters.bursts_sent += 1
            if taken == 1:
                self._sent(sink, 1, length)
            elif self._partly_sent(batch, slot + 1, 1, taken, length, sink):
                return

    def _seal_one(self, batch: Batch, slot: int, sink: Sink, out: memoryview) -> int:
        start = slot * STRIDE
        end = start + batch.lengths[slot]
        if sink.cipher is None:
            sealed = self._protect(batch, slot, sink) or b""
            out[: len(sealed)] = sealed
            return len(sealed)
        size = batch.headers[slot]
        header = batch.view[start : start + size]
        index = batch.indices[slot] - sink.rollover_base
        number = int.from_bytes(header[8:12], "big") << 48 | index
        length = end - start + GCM_TAG
        out[:size] = header
        nonce = (sink.salt ^ number).to_bytes(12, "big")
        sink.cipher.encrypt_into(nonce, batch.view[start + size : end], header, out[size:length])
        return length

    def _sent(self, sink: Sink, packets: int, length: int) -> None:
        sink.packets += packets
        sink.bytes += length
        self._counters.packets_forwarded += packets
        self._counters.bytes_forwarded += length


def even_sizes(batch: Batch) -> None:
    """Pad packets that are one byte shorter than a neighbour, where that joins two runs.

    Encoders cut a frame into packets whose sizes differ by one byte at most. A shorter packet
    that ends the batch, or comes before a much shorter one, needs no padding.
    """
    lengths = batch.lengths
    first = 0
    while first < batch.count:
        low = high = lengths[first]
        last = first + 1
        while last < batch.count:
            size = lengths[last]
            if max(high, size) - min(low, size) > 1:
                break
            low, high = min(low, size), max(high, size)
            last += 1
        if low != high and high < MAX_PACKET - GCM_TAG:
            _pad_group(batch, first, last, high)
        first = last


def _pad_group(batch: Batch, first: int, last: int, high: int) -> None:
    # A short last packet ends its run anyway: padding it would gain nothing unless more follow.
    stop = last - 1 if last == batch.count and batch.lengths[last - 1] < high else last
    if all(size == batch.lengths[first] for size in batch.lengths[first:stop]):
        return
    for slot in range(first, stop):
        if batch.lengths[slot] < high:
            batch.pad(slot)


def split_runs(batch: Batch) -> list[tuple[int, int]]:
    """Return (first, past last) slots of each run that one UDP_SEGMENT send can carry."""
    lengths = batch.lengths
    runs = []
    first = 0
    while first < batch.count:
        size = lengths[first]
        most = min(MAX_SEGMENTS, MAX_BYTES // (size + GCM_TAG))
        last = first + 1
        while last < batch.count and last - first < most and lengths[last] == size:
            last += 1
        if last < batch.count and last - first < most and lengths[last] < size:
            last += 1
        runs.append((first, last))
        first = last
    return runs
