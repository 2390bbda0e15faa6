"""``make bench`` works: a real relay process, real clients, media that was opened and compared."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_a_quick_bench_prints_a_table_and_one_line_of_json(tmp_path: Path) -> None:
    picture = tmp_path / "bench.png"
    command = [sys.executable, "-m", "bench.relay", "--quick", "--servers", "lectern"]
    command += ["--plot", str(picture)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    described, _, *table, line = done.stdout.strip().splitlines()
    assert "transport-wide feedback" in described
    assert len([each for each in table if each.startswith("|")]) == 2 + 4
    found = json.loads(line)
    rows, bars = found["rows"], found["bars"]
    assert {bar["name"] for bar in bars} == {"bursts, N = 10", "browser, N = 10"}
    judged = [each for each in table if each.startswith(("met", "MISSED"))]
    assert len(judged) == len(bars)
    assert [(row["workload"], row["participants"]) for row in rows] == [
        ("browser", 1), ("browser", 10), ("bursts", 1), ("bursts", 10),
    ]  # fmt: skip
    for row in rows:
        assert row["loss"] < 0.05
        assert 0 < row["us_per_packet"] < 5000
        assert 0 < row["join_ms"] < 500
        assert row["packets_per_send"] >= 1
        assert row["feedback_rate"] > 5, "transport-wide feedback was agreed to and sent"
        assert row["repaired"] > 0.5 or row["participants"] == 1
        assert 0 < row["delay_p50_ms"] <= row["delay_p99_ms"]
    assert picture.read_bytes().startswith(b"\x89PNG")
