"""The one hot function: seal a batch for each of many subscribers and send it in few calls.

``seal_and_send`` is the seam for a native twin: its arguments are a ``Batch`` (arrays over one
buffer) and an ``Audience`` (key material and an address each, grouped by what they share), with no
Python object per packet. Each sink is charged one sealing per packet and one ``transmit`` per run,
a run being what one UDP_SEGMENT send can carry: packets of one size, the last of which may be
shorter.
"""

from collections.abc import Callable, Sequence

from app.relay.core.batch import CAPACITY, STRIDE, Batch
from app.relay.core.counters import Counters
from app.relay.core.media import Address
from app.relay.core.runs import even_sizes, split_runs
from app.relay.core.sink import Audience, Sink, Variant
from app.relay.core.srtp import CM_TAG, GCM_TAG

Transmit = Callable[[memoryview, int, Address], int]
"""``transmit(data, segment_size, address)``: ``data`` is one or more datagrams of ``segment_size``
bytes each (the last may be shorter), valid only during the call. At most 64 datagrams and 65,507
bytes. Returns how many datagrams the kernel took, from the first on (fewer on EAGAIN); it must not
raise for an unreachable address (that is 'taken')."""

_ALONE = ((0, 1),)

_Part = tuple[int, memoryview, memoryview, memoryview]
"""(ssrc << 48 | SRTP index, plain payload, header, sealed payload) of a packet."""
_Step = tuple[list[_Part], memoryview, int, int, int, int]
"""(parts, output, segment size, packets, length, past the last slot) of a run."""


class BurstSender:
    """Owns the output buffers; one per relay."""

    def __init__(self, transmit: Transmit, counters: Counters) -> None:
        self._transmit = transmit
        self._counters = counters
        self._out = memoryview(bytearray(CAPACITY * STRIDE))
        self._patched = memoryview(bytearray(CAPACITY * STRIDE))
        """A batch's packets with a variant's numbers."""

    def seal_and_send(self, batch: Batch, audience: Audience) -> None:
        """Send every packet of ``batch`` to everybody; sizes are evened on the way.

        A sink whose start lies inside the batch gets what is not before it. On a partial send the
        rest of the run is dropped, for video to the end of its frame, and counted.
        """
        if not batch.count or not audience:
            return
        if batch.count == 1:  # two thirds of what a browser sends comes alone
            runs: Sequence[tuple[int, int]] = _ALONE
            oldest = batch.indices[0]
        else:
            even_sizes(batch)
            runs = split_runs(batch)
            oldest = min(batch.indices[: batch.count])
        is_special = audience.skipping or audience.newest > oldest
        for variant, sinks in audience.gcm.items():
            source = self._source(batch, variant)
            whole = self._whole(batch, audience, source, sinks) if is_special else sinks
            if whole:
                self._send_gcm(batch, audience, self._plan(batch, source, runs, variant), whole)
        if audience.cm:
            for variant, sinks in audience.cm.items():
                source = self._source(batch, variant)
                whole = self._whole(batch, audience, source, sinks) if is_special else sinks
                for sink in whole:
                    self._send_cm(batch, audience, source, runs, sink)

    def send_control(self, data: bytes, address: Address) -> bool:
        """Send one datagram that is not media; False (and counted) if the kernel is full."""
        if self._transmit(memoryview(data), len(data), address) == 1:
            return True
        self._counters.control_dropped += 1
        return False

    def send_single(self, sink: Sink, packet: bytes, header: int, index: int) -> int:
        """Seal and send one plain packet outside any batch: a repeat or a probe.

        ``index`` is its SRTP index. The caller guarantees that whatever was sealed under that SSRC
        and index before was this very packet. Returns its sealed length, 0 if it was not sent.
        """
        if sink.counter_mode is not None:
            try:
                sealed = sink.counter_mode.seal_rtp(packet, header, index)
            except Exception:  # noqa: BLE001  # libsrtp refuses an index it thinks too old
                self._counters.seal_failed += 1
                return 0
        else:
            number = int.from_bytes(packet[8:12], "big") << 48 | index
            nonce = (sink.salt ^ number).to_bytes(12, "big")
            head = packet[:header]
            sealed = (
                head
                + sink.cipher.encrypt(  # type: ignore[union-attr]  # no session: GCM
                    nonce, packet[header:], head
                )
            )
        if self._transmit(memoryview(sealed), len(sealed), sink.address) != 1:
            self._counters.send_dropped += 1
            return 0
        return len(sealed)

    def _source(self, batch: Batch, variant: Variant) -> memoryview:
        """Return the batch's packets with the variant's numbers, valid until the next call."""
        if not variant.is_visible:
            return batch.view
        patched = self._patched
        for slot in range(batch.count):
            start = slot * STRIDE
            end = start + batch.lengths[slot]
            patched[start:end] = batch.view[start:end]
            pictures, tl0s = batch.pictures[slot], batch.tl0s[slot]
            variant.apply(patched[start:end], batch.indices[slot], pictures, tl0s)
        return patched

    def _plan(
        self, batch: Batch, source: memoryview, runs: Sequence[tuple[int, int]], variant: Variant
    ) -> list[_Step]:
        """Lay the runs out in the output buffer, headers written: sealing leaves them alone."""
        out = self._out
        steps: list[_Step] = []
        begin = 0
        for first, last in runs:
            parts: list[_Part] = []
            position = begin
            for slot in range(first, last):
                start = slot * STRIDE
                head = start + batch.headers[slot]
                end = start + batch.lengths[slot]
                header = source[start:head]
                body = position + head - start
                stop = position + end - start + GCM_TAG
                out[position:body] = header
                index = batch.indices[slot] + variant.shift
                number = int.from_bytes(header[8:12], "big") << 48 | index
                parts.append((number, source[head:end], header, out[body:stop]))
                position = stop
            segment = batch.lengths[first] + GCM_TAG
            length = position - begin
            steps.append((parts, out[begin:position], segment, last - first, length, last))
            begin = position
        return steps

    def _whole(
        self, batch: Batch, audience: Audience, source: memoryview, sinks: Sequence[Sink]
    ) -> list[Sink]:
        """Serve those who may not have all of the batch; return the others."""
        oldest = min(batch.indices[: batch.count])
        whole: list[Sink] = []
        for sink in sinks:
            if sink.first_index > oldest or sink.skip_timestamp >= 0:
                self._send_some(batch, audience, source, sink)
            else:
                whole.append(sink)
        return whole

    def _send_gcm(
        self, batch: Batch, audience: Audience, steps: list[_Step], sinks: Sequence[Sink]
    ) -> None:
        transmit = self._transmit
        sends = packets_sent = bytes_sent = 0
        for sink in sinks:
            seal = sink.cipher.encrypt_into  # type: ignore[union-attr]  # the audience sorted them
            salt = sink.salt
            address = sink.address
            for parts, view, segment, packets, length, last in steps:
                for number, plain, header, sealed in parts:
                    seal((salt ^ number).to_bytes(12, "big"), plain, header, sealed)
                taken = transmit(view, segment, address)
                sends += 1
                if taken == packets:
                    sink.packets += packets
                    sink.bytes += length
                    packets_sent += packets
                    bytes_sent += length
                elif self._partly_sent(batch, audience, last, packets, taken, segment, sink):
                    break
        counters = self._counters
        counters.bursts_sent += sends
        counters.packets_forwarded += packets_sent
        counters.bytes_forwarded += bytes_sent

    def _partly_sent(
        self, batch: Batch, audience: Audience, last: int, packets: int, taken: int, segment: int,
        sink: Sink,
    ) -> bool:  # fmt: skip
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
            audience.skipping.add(sink)
        return True

    def _send_cm(
        self, batch: Batch, audience: Audience, source: memoryview,
        runs: Sequence[tuple[int, int]], sink: Sink,
    ) -> None:  # fmt: skip
        out = self._out
        for first, last in runs:
            position = 0
            for slot in range(first, last):
                sealed = self._protect(batch, source, slot, sink)
                if sealed is None:
                    return
                out[position : position + len(sealed)] = sealed
                position += len(sealed)
            segment = batch.lengths[first] + CM_TAG
            packets = last - first
            taken = self._transmit(out[:position], segment, sink.address)
            self._counters.bursts_sent += 1
            if taken == packets:
                self._sent(sink, packets, position)
            elif self._partly_sent(batch, audience, last, packets, taken, segment, sink):
                return

    def _protect(self, batch: Batch, source: memoryview, slot: int, sink: Sink) -> bytes | None:
        start = slot * STRIDE
        packet = bytes(source[start : start + batch.lengths[slot]])
        index = batch.indices[slot] + sink.variant.shift
        try:
            return sink.counter_mode.seal_rtp(  # type: ignore[union-attr]  # not GCM's, so CM's
                packet, batch.headers[slot], index
            )
        except Exception:  # noqa: BLE001  # libsrtp refuses an index it thinks too old
            self._counters.seal_failed += 1
            return None

    def _send_some(self, batch: Batch, audience: Audience, source: memoryview, sink: Sink) -> None:
        """Send one by one what this sink may have: the rare path, at a start or after EAGAIN."""
        out = self._out
        for slot in range(batch.count):
            if batch.indices[slot] < sink.first_index:
                self._counters.dropped_late += 1
                continue
            if sink.skip_timestamp == batch.timestamps[slot]:
                self._counters.send_dropped += 1
                if batch.markers[slot]:
                    self._resume(audience, sink)
                continue
            if sink.skip_timestamp >= 0:
                self._resume(audience, sink)
            length = self._seal_one(batch, source, slot, sink, out)
            if not length:
                continue
            taken = self._transmit(out[:length], length, sink.address)
            self._counters.bursts_sent += 1
            if taken == 1:
                self._sent(sink, 1, length)
            elif self._partly_sent(batch, audience, slot + 1, 1, taken, length, sink):
                return

    def _resume(self, audience: Audience, sink: Sink) -> None:
        sink.skip_timestamp = -1
        audience.skipping.discard(sink)

    def _seal_one(
        self, batch: Batch, source: memoryview, slot: int, sink: Sink, out: memoryview
    ) -> int:
        start = slot * STRIDE
        end = start + batch.lengths[slot]
        if sink.cipher is None:
            sealed = self._protect(batch, source, slot, sink) or b""
            out[: len(sealed)] = sealed
            return len(sealed)
        size = batch.headers[slot]
        header = source[start : start + size]
        number = int.from_bytes(header[8:12], "big") << 48
        number |= batch.indices[slot] + sink.variant.shift
        length = end - start + GCM_TAG
        out[:size] = header
        nonce = (sink.salt ^ number).to_bytes(12, "big")
        sink.cipher.encrypt_into(nonce, source[start + size : end], header, out[size:length])
        return length

    def _sent(self, sink: Sink, packets: int, length: int) -> None:
        sink.packets += packets
        sink.bytes += length
        self._counters.packets_forwarded += packets
        self._counters.bytes_forwarded += length
