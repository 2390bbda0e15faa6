"""``make faults``: every automatic row, then the fuzzers, and docs/faults.md from it all."""

import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "faults.md"
FUZZ_SECONDS = 60
ROW_SECONDS = 300
"""A row that takes longer than this hangs."""

_NAME = re.compile(r"test_row_(\d+)_")


@dataclass
class Result:
    """What one test of a row came to."""

    number: int
    title: str
    outcome: str = "not run"
    seconds: float = 0.0
    figures: list[str] = field(default_factory=list)


class Results:
    """A pytest plugin that keeps what every row's test came to."""

    def __init__(self) -> None:
        self.rows: dict[str, Result] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the rows, and run them in the order of the matrix."""
        for item in items:
            found = _NAME.search(item.name)
            if found:
                doc = (getattr(item, "obj", None).__doc__ or item.name).strip()
                self.rows[item.nodeid] = Result(int(found[1]), doc.splitlines()[0])
        items.sort(
            key=lambda item: self.rows[item.nodeid].number if item.nodeid in self.rows else 0
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = self.rows.get(report.nodeid)
        if row is None:
            return
        row.seconds += report.duration
        if report.failed:
            row.outcome = "FAILED"
        elif report.when == "call" and row.outcome != "FAILED":
            row.outcome = report.outcome
        if report.when == "teardown":
            row.figures = [str(value) for name, value in report.user_properties if name == "figure"]


def page(rows: list[Result], fuzz: str, seconds: float) -> str:
    """Return docs/faults.md."""
    machine = ", ".join(
        (
            f"{datetime.now(UTC):%Y-%m-%d}",
            f"{os.cpu_count()} cores",
            f"Linux {platform.release()}",
            f"Python {platform.python_version()}",
            f"load average at the end {os.getloadavg()[2]:.1f}",
        )
    )
    lines = [
        "# Faults",
        "",
        "Written by `make faults` (do not edit): what is done to a running Lectern of several",
        "processes, what came of it, and the figures of this run. In every row the server stays",
        "alive, its loop computes nothing for more than 50 ms in one piece, memory, descriptors",
        "and tasks go back to where they were, and the history checker finds every acknowledged",
        "write stored, once, and every page converged (`tests/faults/history.py`).",
        "",
        f"{machine}; {seconds / 60:.1f} minutes; {_count(rows)}.",
        "",
        "| Row | What is done | Result | Measured |",
        "|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row.number):
        figures = "; ".join(row.figures) or "-"
        lines.append(f"| {row.number} | {row.title} | {row.outcome} | {figures} |")
    lines += ["", f"Fuzzers: {fuzz}.", ""]
    return "\n".join(lines)


def _count(rows: list[Result]) -> str:
    good = sum(row.outcome == "passed" for row in rows)
    return f"{good} of {len(rows)} passed" if good < len(rows) else f"all {good} passed"


def run_fuzz() -> tuple[str, int]:
    """Run the fuzzers where they are; return what they came to and the exit code."""
    if not (ROOT / "tests" / "fuzz" / "__main__.py").is_file():
        return "none in this tree", 0
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", str(FUZZ_SECONDS)]
    code = subprocess.run(command, cwd=ROOT, check=False, timeout=20 * 60).returncode
    return ("nothing found" if code == 0 else "FAILED"), code


def main() -> int:
    """Run all; return the exit code."""
    began = time.monotonic()
    results = Results()
    files = sorted(str(path) for path in (*HERE.glob("test_*.py"), *HERE.glob("rows_*.py")))
    options = ["-q", "-p", "no:cacheprovider", f"--timeout={ROW_SECONDS}", *sys.argv[1:]]
    code = int(pytest.main([*files, *options], plugins=[results]))
    if code == pytest.ExitCode.INTERRUPTED:  # a page of half the rows would pass for a whole one
        return code
    fuzz, fuzz_code = "not run", 0
    if not any(argument.startswith("-k") for argument in sys.argv[1:]):
        rows = list(results.rows.values())
        PAGE.write_text(page(rows, fuzz, time.monotonic() - began))
        fuzz, fuzz_code = run_fuzz()
        PAGE.write_text(page(rows, fuzz, time.monotonic() - began))
        sys.stdout.write(f"written: {PAGE.relative_to(ROOT)}\n")
    for row in (row for row in results.rows.values() if row.outcome != "not run"):
        sys.stdout.write(f"{row.number:3} {row.outcome:7} {row.seconds:6.1f} s  {row.title}\n")
        for figure in row.figures:
            sys.stdout.write(f"      {figure}\n")
    return code or fuzz_code


if __name__ == "__main__":
    sys.exit(main())
