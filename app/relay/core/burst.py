"""The one hot function: seal a batch for each of many subscribers and send it in few calls.

``seal_and_send`` is the seam for a native twin: its arguments are a ``Batch`` (arrays over one
buffer) and an ``Audience`` (key material and an address each, in rows by what they share), with no
Python object per packet. To a row, or a part of it, each run is sealed side by side (``layout``)
and sent in one go; a sink that is out of step, or has libsrtp's cipher, is served by itself.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from app.relay.core.audience import Audience
from app.relay.core.batch import CAPACITY, STRIDE, Batch
from app.relay.core.counters import Counters
from app.relay.core.layout import OUT_BYTES, Lone, Runs, Step, abreast, lay_out
from app.relay.core.media import Address
from app.relay.core.row import Row, Rows
from app.relay.core.runs import MAX_BYTES, even_sizes, split_runs
from app.relay.core.sink import Sink, Variant
from app.relay.core.srtp import GCM_TAG
from app.relay.core.transmit import Mailing, Transmit

LEAST_ROW = 3
"""Sinks for whom a row's preparations pay."""

_ALONE = ((0, 1),)


class BurstSender:
    """Owns the output buffer; one per relay."""

    def __init__(self, transmit: Transmit, counters: Counters) -> None:
        self._transmit = transmit
        self._counters = counters
        self._out = memoryview(bytearray(OUT_BYTES))
        """What is laid out for rows."""
        self._alone = memoryview(bytearray(MAX_BYTES))
        """A run for one sink: rows may still need what is laid out."""
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
            runs: Runs = _ALONE
            apart = audience.apart(batch.indices[0])
        else:
            even_sizes(batch)
            runs = split_runs(batch)
            apart = audience.apart(min(batch.indices[: batch.count]))
        for variant, rows in audience.gcm.items():
            source = self._source(batch, variant)
            self._send_rows(batch, audience, source, runs, variant, rows, apart)
        for variant, sinks in audience.cm.items():
            source = self._source(batch, variant)
            self._send_each(batch, audience, source, runs, sinks, apart)

    def send_control(self, data: bytes, address: Address) -> bool:
        """Send one datagram that is not media; False (and counted) if the kernel is full."""
        if self._transmit.one(memoryview(data), len(data), address) == 1:
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
        if self._transmit.one(memoryview(sealed), len(sealed), sink.address) != 1:
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

    def _send_rows(
        self, batch: Batch, audience: Audience, source: memoryview, runs: Runs, variant: Variant,
        rows: Rows, apart: AbstractSet[Sink],
    ) -> None:  # fmt: skip
        steps: Sequence[Step | Lone] = ()
        count = 0
        for row in rows:
            if apart and not apart.isdisjoint(row.sinks):
                self._send_each(batch, audience, source, runs, row.sinks, apart)
                continue
            is_short = len(row.sinks) < LEAST_ROW
            if not steps:  # no row is longer than the first
                count = 1 if is_short else abreast(batch, len(row.sinks))
                steps = lay_out(batch, source, runs, variant.shift, count, self._out)
            if is_short:
                self._send_few(batch, audience, row.sinks, steps)
            else:
                self._send_row(batch, audience, source, runs, row, steps, count)

    def _send_few(
        self, batch: Batch, audience: Audience, sinks: Iterable[Sink], steps: Sequence[Step | Lone]
    ) -> None:
        """Send to one after the other, all in the place that ``steps`` have for the first."""
        laid = [(step, step.parts(), step.out[: step.length]) for step in steps]
        transmit = self._transmit.one
        counters = self._counters
        for sink in sinks:
            seal = sink.cipher.encrypt_into  # type: ignore[union-attr]  # in a row: GCM
            salt = sink.salt
            address = sink.address
            for step, parts, out in laid:
                for number, plain, header, sealed in parts:
                    seal((salt ^ number).to_bytes(12, "big"), plain, header, sealed)
                packets = len(parts)
                taken = transmit(out, step.segment, address)
                counters.bursts_sent += 1
                if taken == packets:
                    self._sent(sink, packets, step.length)
                elif self._partly_sent(
                    batch, audience, step.last, packets, taken, step.segment, sink
                ):
                    break

    def _send_row(
        self, batch: Batch, audience: Audience, source: memoryview, runs: Runs, row: Row,
        steps: Sequence[Step | Lone], count: int,
    ) -> None:  # fmt: skip
        """Send to a row in parts of ``count`` sinks, for whom ``steps`` are laid out."""
        mailing = row.prepare(self._transmit)
        if len(steps) == 1 and count >= len(row.sinks):  # most often
            step = steps[0]
            out = step.seal(row.ciphers, [row.nonces(number) for number in step.numbers])
            short = mailing.send(out, step.length, step.segment, 0)
            self._counters.bursts_sent += len(row.sinks)
            for at, taken in short.items():
                self._fell_short(batch, audience, step, taken, row.sinks[at])
            length = step.length
        else:
            length = self._send_parts(batch, audience, source, runs, row, mailing, steps, count)
        row.packets += batch.count
        row.bytes += length
        self._counters.packets_forwarded += batch.count * len(row.sinks)
        self._counters.bytes_forwarded += length * len(row.sinks)

    def _send_parts(
        self, batch: Batch, audience: Audience, source: memoryview, runs: Runs, row: Row,
        mailing: Mailing, steps: Sequence[Step | Lone], count: int,
    ) -> int:  # fmt: skip
        """Send several runs, or to several parts of a row; return a sink's bytes in all."""
        nonces = [[row.nonces(number) for number in step.numbers] for step in steps]
        sinks = row.sinks
        counters = self._counters
        for first in range(0, len(sinks), count):
            part = slice(first, first + count)
            ciphers = row.ciphers[part]
            for place, step in enumerate(steps):
                out = step.seal(ciphers, [column[part] for column in nonces[place]])
                short = mailing.send(out, step.length, step.segment, first)
                counters.bursts_sent += len(ciphers)
                if not short:
                    continue
                dropped = {
                    sinks[at]
                    for at, taken in short.items()
                    if self._fell_short(batch, audience, step, taken, sinks[at])
                }
                if dropped:
                    for sink in sinks[part]:
                        self._take_back(sink, steps[place + 1 :])
                    rest = [sink for sink in sinks[part] if sink not in dropped]
                    self._send_each(batch, audience, source, runs[place + 1 :], rest, frozenset())
                    break
        return sum(step.length for step in steps)

    def _fell_short(
        self, batch: Batch, audience: Audience, step: Step | Lone, taken: int, sink: Sink
    ) -> bool:
        """As ``_partly_sent``, for a sink whose row counts ``step`` as sent."""
        self._take_back(sink, (step,))
        packets = len(step.numbers)
        return self._partly_sent(batch, audience, step.last, packets, taken, step.segment, sink)

    def _take_back(self, sink: Sink, steps: Sequence[Step | Lone]) -> None:
        """Correct what its row counts as sent to ``sink`` by ``steps`` that were not."""
        packets = sum(len(step.numbers) for step in steps)
        length = sum(step.length for step in steps)
        sink.count(-packets, -length)
        self._counters.packets_forwarded -= packets
        self._counters.bytes_forwarded -= length

    def _send_each(
        self, batch: Batch, audience: Audience, source: memoryview, runs: Runs,
        sinks: Iterable[Sink], apart: AbstractSet[Sink],
    ) -> None:  # fmt: skip
        for sink in sinks:
            if sink in apart:
                self._send_some(batch, audience, source, sink)
            else:
                self._send_runs(batch, audience, source, runs, sink)

    def _send_runs(
        self, batch: Batch, audience: Audience, source: memoryview, runs: Runs, sink: Sink
    ) -> None:
        out = self._alone
        for first, last in runs:
            position = segment = 0
            for slot in range(first, last):
                length = self._seal_one(batch, source, slot, sink, out[position:])
                if not length:
                    return
                position += length
                segment = segment or length
            packets = last - first
            taken = self._transmit.one(out[:position], segment, sink.address)
            self._counters.bursts_sent += 1
            if taken == packets:
                self._sent(sink, packets, position)
            elif self._partly_sent(batch, audience, last, packets, taken, segment, sink):
                return

    def _partly_sent(
        self, batch: Batch, audience: Audience, last: int, packets: int, taken: int, segment: int,
        sink: Sink,
    ) -> bool:  # fmt: skip
        """Account for a short send; return True if the rest of the batch was dropped with it."""
        counters = self._counters
        taken = max(taken, 0)
        sink.count(taken, taken * segment)
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
        out = self._alone
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
            taken = self._transmit.one(out[:length], length, sink.address)
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
        sink.count(packets, length)
        self._counters.packets_forwarded += packets
        self._counters.bytes_forwarded += length
