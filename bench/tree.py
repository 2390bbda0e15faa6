"""A tree of relays, simulated packet by packet.

The figures that go in are measured ones (``Measured``; docs/bench.md says how). Each relay is one
core that serves a queue: a packet that comes is passed on to other relays first, then to the
relay's listeners one after the other. Deterministic: equal plans, equal outcomes.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.workload import WorkloadName, schedule

UDP_OVERHEAD = 28
"""Bytes of IPv4 and UDP headers."""
RTP_OVERHEAD = 16
"""Bytes that SRTP adds to what the schedule sends."""
AUDIO_BYTES = 120
"""An Opus packet as the bench sends it, headers included."""
SAMPLES = (0.02, 0.25, 0.5, 0.75, 0.98, 1.0)
"""Places in a relay's line of listeners that are looked at."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one machine of docs/bench.md needs; seconds of CPU, bytes."""

    per_copy: float = 3.87e-6
    """Browser workload, N = 200, whole process."""
    per_packet_in: float = 18e-6
    """Reading, opening and rewriting one packet, once for all (``bench.pipe_cost``)."""
    per_pipe_copy: float = 3.87e-6
    """To another relay: not dearer than to a listener (``bench.pipe_cost``)."""
    feedback: float = 6e-6
    """One transport-wide feedback of a listener, on average opened or not."""
    feedbacks: float = 10.0
    """Of one listener, per second."""
    relay_join: float = 1.3e-3
    relay_peer_bytes: int = 124_000
    api_join: float = 2.5e-3
    api_return: float = 1.5e-3
    api_event: float = 10.4e-6
    """One event to one of 1,000 members."""
    api_member_bytes: int = 34_000
    redis_script: float = 56e-6
    """Of Redis' one thread, in the script (``usec_per_call``); one that appends an event."""
    redis_read: float = 6e-6
    """A hash read: 0.9 us in the command, the rest is its socket's."""
    redis_stand: float = 215e-6
    """``relay_stand.lua`` in a room of 119 relays."""
    redis_push: float = 2e-6
    """One published event to one subscriber: not measured."""
    join_scripts: int = 5
    join_reads: int = 7
    """Without the list of relays, which each api process reads twice a second."""
    loss: float = 0.001
    """Between relays."""
    nack_seconds: float = 0.005
    """Until a hole counts as a loss."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One lecture."""

    listeners: int = 100_000
    workload: WorkloadName = "browser"
    max_load: float = 0.85
    """Of a core: a relay that is fuller gets nobody new (``LECTERN_MAX_LOAD``)."""
    fan_out: int = 32
    regions: tuple[tuple[str, float, float], ...] = (
        ("the presenter's", 0.6, 0.0005),
        ("near", 0.25, 0.020),
        ("far", 0.15, 0.090),
    )
    """(name, share of the listeners, one-way seconds from the presenter's region)."""
    max_peers: int = 1_000
    """``LECTERN_MAX_PEERS``."""
    packets_per_second: int = 150_000
    """``RelayConfig.packets_per_second``: a relay that sends so many counts as full."""
    seconds: float = 4.0
    join_seconds: float = 600.0
    board_events: float = 10.0
    """Per second to everybody."""
    seed: int = 1


@dataclass(slots=True)
class Relay:
    """One relay process, and what the simulation saw of it."""

    region: int
    depth: int
    upper: "Relay | None"
    listeners: int
    lower: list["Relay"] = field(default_factory=list)
    free_at: float = 0.0
    busy: float = 0.0
    bytes_out: int = 0
    bytes_to_relays: int = 0


@dataclass(slots=True)
class Seen:
    """Delays from the presenter's relay's socket to a listener's network, in seconds."""

    by_depth: dict[int, list[float]] = field(default_factory=dict)
    by_region: dict[int, list[float]] = field(default_factory=dict)
    packets: int = 0


def packets_per_second(workload: WorkloadName) -> float:
    """Return how many packets the presenter sends."""
    steps = schedule(workload, 10.0, 1)
    return sum(step.audio + step.send for step in steps) / 10.0


def listeners_per_relay(plan: Plan, cost: Measured) -> int:
    """Return how many listeners fill one relay to ``max_load``: by CPU, peers or packets."""
    rate = packets_per_second(plan.workload)
    each = rate * cost.per_copy + cost.feedbacks * cost.feedback
    fixed = rate * (cost.per_packet_in + plan.fan_out * cost.per_pipe_copy)
    by_cpu = (plan.max_load - fixed) / each
    by_peers = plan.max_load * plan.max_peers
    by_packets = plan.max_load * plan.packets_per_second / rate - plan.fan_out
    return max(1, int(min(by_cpu, by_peers, by_packets)))


def build(plan: Plan, cost: Measured) -> list[Relay]:
    """Return the relays, the first of them first, as ``relay_stand.lua`` would place them."""
    most = listeners_per_relay(plan, cost)
    first = Relay(0, 0, None, 0)
    relays = [first]
    for region, (_, share, _) in enumerate(plan.regions):
        left = round(plan.listeners * share)
        if region == 0:
            first.listeners = min(left, most)
            left -= first.listeners
        while left > 0:
            relays.append(Relay(region, 0, None, min(left, most)))
            left -= relays[-1].listeners
    # They come in any order; the script gives the first relay its fan-out, then the least laden.
    order = relays[1:]
    random.Random(plan.seed).shuffle(order)
    for relay in order:
        feeders = [one for one in relays if one.depth == 1 and one.upper is first]
        if len(first.lower) < plan.fan_out or not feeders:
            upper = first
        else:
            upper = min(feeders, key=lambda one: (_rank(relay, one), len(one.lower)))
        relay.upper, relay.depth = upper, upper.depth + 1
        upper.lower.append(relay)
    return relays


def _rank(relay: Relay, feeder: Relay) -> int:
    """Of its own region, else of the first relay's: a way there and back costs twice."""
    return 0 if feeder.region == relay.region else 1 if feeder.region == 0 else 2


def simulate(plan: Plan, cost: Measured, relays: list[Relay]) -> Seen:
    """Send the workload through the tree; fill in what each relay did."""
    chance = random.Random(plan.seed)
    rate = packets_per_second(plan.workload)
    seen = Seen()
    counter = 0
    queue: list[tuple[float, int, Relay, int, int, float]] = []
    for at, packets, size in _bursts(plan):
        seen.packets += packets
        queue.append((at, counter, relays[0], packets, size, at))
        counter += 1
    heapq.heapify(queue)
    while queue:
        now, _, relay, packets, size, sent = heapq.heappop(queue)
        begin = max(now, relay.free_at)
        at = begin + packets * cost.per_packet_in
        for lower in relay.lower:
            at += packets * cost.per_pipe_copy
            relay.bytes_to_relays += size
            away = _distance(plan, relay, lower)
            lost = chance.random() < 1 - (1 - cost.loss) ** packets
            repair = cost.nack_seconds + 2 * away if lost else 0.0
            counter += 1
            heapq.heappush(queue, (at + away + repair, counter, lower, packets, size, sent))
        begin_listeners = at
        at += packets * relay.listeners * cost.per_copy
        for place in SAMPLES:
            delay = begin_listeners + place * (at - begin_listeners) - sent
            seen.by_depth.setdefault(relay.depth, []).append(delay)
            seen.by_region.setdefault(relay.region, []).append(delay)
        relay.bytes_out += size * (relay.listeners + len(relay.lower))
        rest = relay.listeners * cost.feedbacks * cost.feedback * packets / rate
        relay.busy += at + rest - begin
        relay.free_at = at + rest
    return seen


def _bursts(plan: Plan) -> Iterator[tuple[float, int, int]]:
    """Return (when, packets, bytes on the wire) of what the presenter sends at once."""
    sizes: list[int] = []
    for step in schedule(plan.workload, plan.seconds, plan.seed):
        sizes += step.frame_sizes
        count = step.audio + step.send
        size = sum(sizes[: step.send]) + step.audio * AUDIO_BYTES
        del sizes[: step.send]
        if count:
            yield step.at, count, size + count * (RTP_OVERHEAD + UDP_OVERHEAD)


def _distance(plan: Plan, one: Relay, other: Relay) -> float:
    here, there = plan.regions[one.region][2], plan.regions[other.region][2]
    return plan.regions[0][2] if one.region == other.region else max(here, there)


def percentile(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
