"""Rows of sinks: what goes to many at once is what would go to each, and is counted for each."""

import struct
from collections.abc import Mapping, Sequence

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from app.relay.core import burst
from app.relay.core.audience import Audience
from app.relay.core.batch import CAPACITY, Batch
from app.relay.core.burst import BurstSender
from app.relay.core.counters import Counters
from app.relay.core.media import Address
from app.relay.core.row import ROW_SINKS
from app.relay.core.sink import Sink, Variant
from app.relay.core.srtp import GcmSender
from app.relay.core.transmit import OneByOne

SALT = bytes(range(12))


class Kernel(OneByOne):
    """Takes what it is told to, and remembers it."""

    def __init__(self, room: Mapping[int, int] | None = None) -> None:
        super().__init__(self._take)
        self._room = room or {}
        self.taken: dict[Address, list[bytes]] = {}

    def _take(self, data: memoryview, segment: int, address: Address) -> int:
        assert len(data) <= 65_507
        parts = [bytes(data[at : at + segment]) for at in range(0, len(data), segment)]
        assert len(parts) <= 64
        taken = parts[: self._room.get(address[1], len(parts))]
        self.taken.setdefault(address, []).extend(taken)
        return len(taken)


def sink_of(number: int, video: bool = True, variant: Variant | None = None) -> Sink:
    made = Sink(("192.0.2.1", number), GcmSender(number.to_bytes(16, "big"), SALT), video)
    made.begin(0, variant)
    return made


def audience_of(sinks: Sequence[Sink]) -> Audience:
    audience = Audience()
    for sink in sinks:
        audience.add(sink)
    return audience


def batch_of(sizes: Sequence[int], first: int = 0, timestamp: int = 9) -> Batch:
    batch = Batch()
    for place, size in enumerate(sizes):
        index = first + place
        header = struct.pack("!BBHII", 0x80, 96, index & 0xFFFF, timestamp, 7)
        assert batch.append(header, memoryview(bytes([place]) * size), 0, index, timestamp)
    return batch


def state(sinks: Sequence[Sink], audience: Audience, counters: Counters) -> object:
    each = [(sink.packets, sink.bytes, sink.skip_timestamp) for sink in sinks]
    return each, {sink.address for sink in audience.skipping}, counters


@pytest.mark.parametrize("count", [1, 4, 5, ROW_SINKS, ROW_SINKS + 1, 3 * ROW_SINKS - 1])
@pytest.mark.parametrize("sizes", [[900], [1100] * 10, [700, 1200, 300], [1400] * CAPACITY])
def test_everybody_gets_every_packet_under_its_own_key(count: int, sizes: list[int]) -> None:
    kernel, counters = Kernel(), Counters()
    sinks = [sink_of(number) for number in range(count)]
    batch = batch_of(sizes, first=65_530)
    BurstSender(kernel, counters).seal_and_send(batch, audience_of(sinks))
    for sink in sinks:
        sent = kernel.taken[sink.address]
        assert len(sent) == len(sizes)
        for place, packet in enumerate(sent):
            number = 7 << 48 | 65_530 + place
            nonce = (sink.salt ^ number).to_bytes(12, "big")
            assert sink.cipher is not None
            assert sink.cipher.decrypt(nonce, packet[12:], packet[:12]) == (
                bytes([place]) * sizes[place]
            )
        assert (sink.packets, sink.bytes) == (len(sizes), sum(map(len, sent)))
    assert counters.packets_forwarded == count * len(sizes)
    assert counters.bytes_forwarded == sum(sink.bytes for sink in sinks)


@given(
    st.integers(1, 2 * ROW_SINKS),
    st.lists(st.integers(20, 1300), min_size=1, max_size=12),
    st.dictionaries(st.integers(0, 2 * ROW_SINKS), st.integers(0, 3), max_size=9),
    st.booleans(),
)
def test_a_row_is_served_as_each_of_it_would_be(
    count: int, sizes: list[int], room: dict[int, int], video: bool
) -> None:
    outcomes = []
    for least in (burst.LEAST_ROW, 1_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(burst, "LEAST_ROW", least)
            kernel, counters = Kernel(room), Counters()
            sinks = [sink_of(number, video) for number in range(count)]
            audience = audience_of(sinks)
            sender = BurstSender(kernel, counters)
            sender.seal_and_send(batch_of(sizes), audience)
            sender.seal_and_send(batch_of(sizes[:2], first=len(sizes)), audience)
            sender.seal_and_send(batch_of(sizes[:2], first=90, timestamp=10), audience)
            outcomes.append((kernel.taken, state(sinks, audience, counters)))
    assert outcomes[0] == outcomes[1]


def test_variants_and_newcomers_are_told_apart() -> None:
    kernel = Kernel()
    plain = [sink_of(number) for number in range(8)]
    shifted = [sink_of(100 + number, variant=Variant(shift=5)) for number in range(8)]
    late = sink_of(200)
    late.first_index = 2
    audience = audience_of([*plain, *shifted, late])
    BurstSender(kernel, Counters()).seal_and_send(batch_of([500] * 3), audience)
    numbers = {
        sink.address[1]: [int.from_bytes(one[2:4], "big") for one in kernel.taken[sink.address]]
        for sink in (*plain, *shifted, late)
    }
    assert all(numbers[number] == [0, 1, 2] for number in range(8))
    assert all(numbers[100 + number] == [5, 6, 7] for number in range(8))
    assert numbers[200] == [2]


def test_who_leaves_or_moves_changes_nothing_for_the_others() -> None:
    kernel, sender_counters = Kernel(), Counters()
    sender = BurstSender(kernel, sender_counters)
    sinks = [sink_of(number) for number in range(ROW_SINKS + 10)]
    audience = audience_of(sinks)
    sender.seal_and_send(batch_of([500]), audience)
    leaving = set(sinks[3:20])
    audience.remove(leaving)
    sinks[0].address = ("192.0.2.2", 4_000)
    sender.seal_and_send(batch_of([600], first=1), audience)
    returning = sinks[5]
    returning.begin(2, Variant(0))
    audience.add(returning)
    sender.seal_and_send(batch_of([700], first=2), audience)
    for sink in sinks:
        got = 2 if sink is returning else 1 if sink in leaving else 3
        assert sink.packets == got
    assert len(kernel.taken["192.0.2.1", 0]) == 1
    assert len(kernel.taken["192.0.2.2", 4_000]) == 2
    assert all(len(kernel.taken[sink.address]) == 1 for sink in leaving - {returning})
    assert sender_counters.packets_forwarded == sum(sink.packets for sink in sinks)
    audience.remove(set(sinks))
    assert not audience
    assert sinks[1].packets == 3


def test_a_row_has_the_nonces_of_rfc_7714() -> None:
    sinks = [sink_of(number) for number in range(7)]
    audience = audience_of(sinks)
    (rows,) = audience.gcm.values()
    (row,) = rows
    row.prepare(Kernel())
    number = 0xDEADBEEF << 48 | 0xFFFF_FFFF_FFFF
    assert row.nonces(number) == tuple((sink.salt ^ number).to_bytes(12, "big") for sink in sinks)
    assert isinstance(row.ciphers[0], AESGCM)
