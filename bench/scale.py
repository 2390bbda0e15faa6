"""A lecture of very many listeners, worked out: relays by simulation (``bench.tree``), and what api
processes, Redis and the network carry. ``python -m bench.scale`` prints docs/scale.md's tables, in
seconds; equal arguments, equal output.
"""

import argparse
from collections.abc import Iterator

from bench.tree import (
    Measured,
    Plan,
    Relay,
    Seen,
    build,
    listeners_per_relay,
    packets_per_second,
    percentile,
    simulate,
)

LOOKS, WATCHES = 2.0, 2.0
"""Per second: how often an api process reads the relays, for joins and to see who is dead."""

STANDS = 0.2
"""Per second: how often a relay says where it stands."""

API_LOAD = 0.7
"""Of a core that an api process is planned for."""


def report(plan: Plan, cost: Measured) -> str:
    """Return everything as Markdown."""
    relays = build(plan, cost)
    seen = simulate(plan, cost, relays)
    rate = packets_per_second(plan.workload)
    about = f"{plan.listeners:,} listeners, {plan.workload}: {rate:.0f} packets/s in"
    parts = [
        (about + f"; {plan.seconds:.0f} s simulated, {seen.packets} packets",),
        _relays(plan, cost, relays),
        _delays(plan, seen),
        _control(plan, cost, len(relays)),
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def _table(*head: str) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _relays(plan: Plan, cost: Measured, relays: list[Relay]) -> Iterator[str]:
    first = relays[0]
    mbit = 8e-6 / plan.seconds
    total = sum(relay.bytes_out for relay in relays) * mbit
    memory = plan.listeners * cost.relay_peer_bytes
    yield from _table("relays", "figure")
    yield _row("relay processes, a core each", len(relays))
    yield _row("listeners on one, at most", listeners_per_relay(plan, cost))
    yield _row("steps from the first relay, at most", max(relay.depth for relay in relays))
    yield _row("fed by the first relay", len(first.lower))
    yield _row("fed by another, at most", max(len(relay.lower) for relay in relays[1:]))
    yield _row("CPU of the fullest", f"{max(r.busy for r in relays) / plan.seconds:.0%} of a core")
    yield _row("the first relay sends other relays", f"{first.bytes_to_relays * mbit:.0f} Mbit/s")
    yield _row("the first relay sends in all", f"{first.bytes_out * mbit:.0f} Mbit/s")
    yield _row("all relays send", f"{total / 1000:.1f} Gbit/s")
    yield _row("memory for peers, all relays", f"{memory / 1e9:.1f} GB")


def _delays(plan: Plan, seen: Seen) -> Iterator[str]:
    yield from _table("from the first relay's socket to the listener's network", "p50 ms", "p99 ms")
    for step, delays in sorted(seen.by_depth.items()):
        yield _row(f"{step} steps away", *_percentiles(delays))
    for region, delays in sorted(seen.by_region.items()):
        name, share, away = plan.regions[region]
        yield _row(f"region {name}: {share:.0%}, {away * 1000:.1f} ms off", *_percentiles(delays))


def _percentiles(values: list[float]) -> tuple[str, str]:
    return f"{percentile(values, 0.5) * 1000:.1f}", f"{percentile(values, 0.99) * 1000:.1f}"


def _control(plan: Plan, cost: Measured, relays: int) -> Iterator[str]:
    joins = plan.listeners / plan.join_seconds
    deliveries = plan.listeners * plan.board_events
    cores = joins * cost.api_join + deliveries * cost.api_event
    api = max(2, int(cores / API_LOAD) + 1)
    stands = relays * STANDS
    scripts = joins * cost.join_scripts + relays + api + plan.board_events  # heartbeats, too
    reads = joins * cost.join_reads + api * (LOOKS + WATCHES) * (relays + 1)
    published = plan.board_events * api
    redis = scripts * cost.redis_script + reads * cost.redis_read
    redis += stands * cost.redis_stand + published * cost.redis_push
    back = plan.listeners / relays
    work = back * (cost.relay_join + cost.api_return)
    members = plan.listeners * cost.api_member_bytes
    yield from _table("signalling", "figure")
    yield _row(f"joins per second, {plan.join_seconds / 60:.0f} minutes long", f"{joins:.0f}")
    yield _row("relays' CPU for joins, all together", f"{joins * cost.relay_join:.2f} cores")
    yield _row("deliveries of board events", f"{deliveries / 1e6:.1f} M/s")
    yield _row(f"api processes at {API_LOAD:.0%} of a core", f"{api} ({cores:.1f} cores)")
    yield _row("connections per api process", f"{plan.listeners // api:,}")
    yield _row("memory for connections, all api processes", f"{members / 1e9:.1f} GB")
    yield _row("Redis: scripts and reads", f"{scripts + stands:.0f}/s and {reads:.0f}/s")
    yield _row("Redis: published times api processes", f"{published:.0f}/s")
    yield _row("Redis: its one core", f"{redis:.0%}")
    yield _row("a relay dies: peers that offer again", f"{back:.0f}, {work:.1f} s of CPU, shared")


def main() -> None:
    """Print the tables for the arguments."""
    plan, cost = Plan(), Measured()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=plan.listeners)
    parser.add_argument("--workload", choices=("browser", "bursts"), default=plan.workload)
    parser.add_argument("--fan-out", type=int, default=plan.fan_out)
    parser.add_argument("--max-peers", type=int, default=plan.max_peers)
    parser.add_argument("--per-copy-us", type=float, default=cost.per_copy * 1e6)
    found = parser.parse_args()
    copy = found.per_copy_us / 1e6
    plan = Plan(found.listeners, found.workload, fan_out=found.fan_out, max_peers=found.max_peers)
    print(report(plan, Measured(per_copy=copy, per_pipe_copy=copy)))


if __name__ == "__main__":
    main()
