"""The one hot function: seal a batch for each of many subscribers and send it in few calls.

``seal_and_send`` is the seam for a native twin: its arguments are a ``Batch`` (arrays over one
buffer) and sinks (key material and an address each), with no Python object per packet. Each sink
is charged one sealing per packet and one ``transmit`` per run, a run being what one UDP_SEGMENT
send can carry: packets of one size, the last of which may be shorter.
"""

from collections.abc import Callable, Sequence

from app.relay.core.batch import CAPACITY, STRIDE, Batch
from app.relay.core.counters import Counters
from app.relay.core.media import Address
from app.relay.core.runs import even_sizes, split_runs
from app.relay.core.sink import Sink
from app.relay.core.srtp import CM_TAG, GCM_TAG

Transmit = Callable[[memoryview, int, Address], int]
"""``transmit(data, segment_size, address)``: ``data`` is one or more datagrams of ``segment_size``
bytes each (the last may be shorter), valid only during the call. At most 64 datagrams and 65,507
bytes. Returns how many datagrams the kernel took, from the first on (fewer on EAGAIN); it must not
raise for an unreachable address (that is 'taken')."""

CM_MAX_PACKET = 1_356
"""Plain bytes that pylibsrtp can seal: its buffer of 1,500 less the longest trailer."""


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
            is_special = sink.first_index > oldest or sink.skip_timestamp >= 0
            if is_special or (is_too_long_for_cm and sink.cipher is None):
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
