"""The bench's figures: medians over runs, as a table, a plot and one JSON line."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bars import Bar


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one workload with one number of participants, on one server."""

    server: str
    workload: str
    participants: int
    forwarded: int
    """Packets that reached receivers."""
    cpu_seconds: float
    """Of the server's process while they did."""
    expected: int
    """Packets sent, times participants."""
    join_cpu_seconds: float
    """Of the server's process for one participant's join, from offer to keys."""
    rss_bytes: int
    """Of the server's process, added by one participant, measured after the media."""
    packets_per_send: float
    delay_p50: float
    """Seconds from before the publisher's send to the kernel of the receiver that joined last."""
    delay_p99: float
    repaired: float = 1.0
    """Share of the packets treated as lost that came again."""
    feedback_rate: float = 0.0
    """Transport-wide feedbacks per participant and second."""


@dataclass(frozen=True, slots=True)
class Row:
    """The medians of all runs of one workload with one number of participants, on one server."""

    server: str
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
    delay_p50_ms: float
    delay_p99_ms: float
    repaired: float
    feedback_rate: float


def medians(samples: Iterable[Sample]) -> list[Row]:
    """Return one row per server, workload and number of participants, sorted by these but for the
    server, so that rows to compare stand together."""
    groups: dict[tuple[str, int, str], list[Sample]] = {}
    for sample in samples:
        key = (sample.workload, sample.participants, sample.server)
        groups.setdefault(key, []).append(sample)
    return [_row(group) for _, group in sorted(groups.items(), key=lambda item: item[0][:2])]


def _row(group: list[Sample]) -> Row:
    cost = [1e6 * sample.cpu_seconds / max(1, sample.forwarded) for sample in group]
    return Row(
        server=group[0].server,
        workload=group[0].workload,
        participants=group[0].participants,
        runs=len(group),
        us_per_packet=round(statistics.median(cost), 2),
        us_per_packet_min=round(min(cost), 2),
        us_per_packet_max=round(max(cost), 2),
        loss=round(statistics.median(1 - s.forwarded / max(1, s.expected) for s in group), 5),
        join_ms=round(1e3 * statistics.median(s.join_cpu_seconds for s in group), 2),
        rss_kb=round(statistics.median(s.rss_bytes for s in group) / 1024, 1),
        packets_per_send=round(statistics.median(s.packets_per_send for s in group), 2),
        delay_p50_ms=round(1e3 * statistics.median(s.delay_p50 for s in group), 2),
        delay_p99_ms=round(1e3 * statistics.median(s.delay_p99 for s in group), 2),
        repaired=round(statistics.median(s.repaired for s in group), 3),
        feedback_rate=round(statistics.median(s.feedback_rate for s in group), 1),
    )


_HEAD = (
    "workload", "N", "server", "us/packet", "min", "max", "loss %", "join ms", "KB each",
    "pkts/send", "p50 ms", "p99 ms", "repaired %", "feedback/s",
)  # fmt: skip


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|" + "---|" * len(_HEAD)]
    for row in rows:
        cells = (
            row.workload, str(row.participants), row.server, f"{row.us_per_packet:.2f}",
            f"{row.us_per_packet_min:.2f}", f"{row.us_per_packet_max:.2f}",
            f"{100 * row.loss:.3f}", f"{row.join_ms:.2f}", f"{row.rss_kb:.0f}",
            f"{row.packets_per_send:.2f}", f"{row.delay_p50_ms:.2f}", f"{row.delay_p99_ms:.2f}",
            f"{100 * row.repaired:.0f}", f"{row.feedback_rate:.0f}",
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw cost per packet, CPU per join and memory per participant over N into a PNG file."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (half a second that only a plot needs)

    panels = (("us_per_packet", "CPU µs per packet"), ("join_ms", "CPU ms per join"),
              ("rss_kb", "KB per participant"), ("delay_p99_ms", "p99 delay, ms"))  # fmt: skip
    figure = Figure(figsize=(12, 8), layout="constrained")
    for place, (field, label) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        for server in dict.fromkeys(row.server for row in rows):
            for workload in dict.fromkeys(row.workload for row in rows):
                points = [r for r in rows if (r.server, r.workload) == (server, workload)]
                place.plot(
                    [r.participants for r in points], [getattr(r, field) for r in points],
                    marker="o", linestyle="-" if workload == "bursts" else "--",
                    color="tab:blue" if server == "lectern" else "tab:orange",
                    label=f"{server}, {workload}",
                )  # fmt: skip
        place.set(xscale="log", yscale="log", xlabel="participants", title=label)
        place.grid(visible=True, which="both", alpha=0.3)
    figure.axes[0].legend()
    figure.savefig(path, dpi=80)


def json_line(rows: Sequence[Row], bars: Sequence[Bar] = (), setting: str = "") -> str:
    """Return the rows, and which bars they meet, as one line of JSON."""
    return json.dumps(
        {
            "bench": "relay",
            "setting": setting,
            "rows": [_fields(row) for row in rows],
            "bars": [_fields(bar) for bar in bars],
        }
    )


def _fields(record: Row | Bar) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__slots__}
