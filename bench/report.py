"""The bench's figures: medians over runs, as a table and as one JSON line."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one workload with one number of participants."""

    workload: str
    participants: int
    forwarded: int
    """Packets that reached receivers."""
    cpu_seconds: float
    """Of the relay process while they did."""
    expected: int
    """Packets sent, times participants."""
    join_cpu_seconds: float
    """Of the relay process for one participant's join, from offer to keys."""
    rss_bytes: int
    """Of the relay process, added by one participant, measured after the media."""
    packets_per_send: float


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of all runs of one workload with one number of participants."""

    workload: str
    participants: int
    runs: int
    us_per_packet: float
    us_per_packet_min: float
    us_per_packet_max: float
    loss: float
    """Share of the expected packets that did not arrive."""
    join_ms: float
    rss_kb: float
    packets_per_send: float


def medians(samples: Iterable[Sample]) -> list[Row]:
    """Return one row per workload and number of participants, in order of first appearance."""
    groups: dict[tuple[str, int], list[Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.workload, sample.participants), []).append(sample)
    return [_row(*key, group) for key, group in groups.items()]


def _row(workload: str, participants: int, group: list[Sample]) -> Row:
    cost = [1e6 * sample.cpu_seconds / max(1, sample.forwarded) for sample in group]
    return Row(
        workload=workload,
        participants=participants,
        runs=len(group),
        us_per_packet=round(statistics.median(cost), 2),
        us_per_packet_min=round(min(cost), 2),
        us_per_packet_max=round(max(cost), 2),
        loss=round(statistics.median(1 - s.forwarded / max(1, s.expected) for s in group), 5),
        join_ms=round(1e3 * statistics.median(s.join_cpu_seconds for s in group), 2),
        rss_kb=round(statistics.median(s.rss_bytes for s in group) / 1024, 1),
        packets_per_send=round(statistics.median(s.packets_per_send for s in group), 2),
    )


_HEAD = ("workload", "N", "us/packet", "min", "max", "loss %", "join ms", "KB each", "pkts/send")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
    for row in rows:
        cells = (
            row.workload, str(row.participants), f"{row.us_per_packet:.2f}",
            f"{row.us_per_packet_min:.2f}", f"{row.us_per_packet_max:.2f}",
            f"{100 * row.loss:.3f}", f"{row.join_ms:.2f}", f"{row.rss_kb:.0f}",
            f"{row.packets_per_send:.2f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def json_line(rows: Sequence[Row]) -> str:
    """Return the rows as one line of JSON."""
    fields = Row.__slots__
    return json.dumps(
        {"bench": "relay", "rows": [{name: getattr(row, name) for name in fields} for row in rows]}
    )
