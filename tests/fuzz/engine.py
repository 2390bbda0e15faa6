"""A small coverage-guided fuzzer: what reaches new lines of ``app`` is kept and mutated further.

Its corpus is a folder of files per target, checked in; so is every input that ever failed.
"""

import hashlib
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
MAX_BYTES = 8_192
MAX_SECONDS = 1.0
"""Of CPU. An input that takes longer, traced, is a failure: work must be bounded by size."""

INTERESTING = (0, 1, 2, 3, 4, 7, 8, 15, 16, 20, 31, 63, 64, 96, 127, 128, 144, 191, 192, 254, 255)


@dataclass(frozen=True)
class Target:
    """Something that takes bytes from outside. ``run`` raises where a promise is broken."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    words: tuple[bytes, ...] = ()
    """Pieces that chance would never spell."""


class Broken(Exception):
    """A promise that an input broke; ``data`` is the input."""

    def __init__(self, target: Target, data: bytes, reason: str) -> None:
        super().__init__(f"{target.name}: {reason}: {data[:80]!r}{'…' if len(data) > 80 else ''}")
        self.data = data


@dataclass
class Lines:
    """Which lines of the application an input ran."""

    seen: set[tuple[int, int]] = field(default_factory=set)
    _codes: dict[Any, int] = field(default_factory=dict)

    def _number(self, frame: FrameType) -> int:
        code = frame.f_code
        number = self._codes.get(code)
        if number is None:
            inside = "/app/" in code.co_filename
            number = self._codes[code] = len(self._codes) + 1 if inside else 0
        return number

    def _enter(self, frame: FrameType, event: str, _: object) -> Any:
        number = self._number(frame)
        if not number:
            return None
        self.seen.add((number, frame.f_lineno))

        def line(inner: FrameType, happened: str, _: object) -> Any:
            if happened == "line":
                self.seen.add((number, inner.f_lineno))
            return line

        return line

    def run(self, target: Target, data: bytes) -> int:
        """Run one input; return how many lines it was the first to reach."""
        before = len(self.seen)
        former = sys.gettrace()
        sys.settrace(self._enter)
        try:
            target.run(data)
        finally:
            sys.settrace(former)
        return len(self.seen) - before


def attempt(target: Target, data: bytes, lines: Lines | None = None) -> int:
    """Run one input, bounded in time. Raises Broken."""
    start = time.thread_time()
    try:
        found = lines.run(target, data) if lines is not None else 0
        if lines is None:
            target.run(data)
    except Exception as error:
        raise Broken(target, data, f"{type(error).__name__}: {error}") from error
    if time.thread_time() - start > MAX_SECONDS:
        raise Broken(target, data, "took too long")
    return found


def corpus(target: Target) -> list[bytes]:
    """Return the seeds and the inputs that were kept, in a stable order."""
    folder = CORPUS / target.name
    kept = [path.read_bytes() for path in sorted(folder.glob("*"))] if folder.exists() else []
    return target.seeds() + kept


def keep(target: Target, data: bytes, kind: str = "") -> Path:
    """Store an input in the corpus; return where."""
    folder = CORPUS / target.name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}{hashlib.sha256(data).hexdigest()[:16]}"
    path.write_bytes(data)
    return path


def mutations(pool: list[bytes], target: Target, chance: random.Random) -> Iterator[bytes]:
    """Yield ever new inputs made from ``pool``, which may grow meanwhile."""
    while True:
        data = bytearray(chance.choice(pool))
        for _ in range(1 << chance.randrange(5)):
            _mutate(data, pool, target, chance)
        yield bytes(data[:MAX_BYTES])


def _mutate(data: bytearray, pool: list[bytes], target: Target, chance: random.Random) -> None:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + 1 + int(chance.expovariate(0.1)))
    match chance.randrange(9):
        case 0 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 1 if at < len(data):
            data[at] = chance.choice(INTERESTING)
        case 2 if at + 1 < len(data):
            number = chance.choice((0, 1, 0x7FFF, 0x8000, 0xFFFF, chance.randrange(1 << 16)))
            data[at : at + 2] = number.to_bytes(2, "big")
        case 3:
            del data[at:end]
        case 4:
            data[at:at] = data[at:end] * chance.choice((1, 1, 2, 9))
        case 5:
            data[at:at] = chance.randbytes(1 + int(chance.expovariate(0.2)))
        case 6:
            other = chance.choice(pool)
            begin = chance.randrange(len(other) + 1)
            data[at:end] = other[begin : begin + int(chance.expovariate(0.05))]
        case 7 if target.words:
            data[at:end] = chance.choice(target.words)
        case _:
            del data[at:]


@dataclass
class Result:
    runs: int = 0
    kept: int = 0
    lines: int = 0


def fuzz(target: Target, seconds: float, seed: int, keeps: bool = False) -> Result:
    """Fuzz one target. Raises Broken at the first broken promise, and stores its input."""
    chance = random.Random(seed)
    lines, result = Lines(), Result()
    pool = corpus(target)
    end = time.perf_counter() + seconds
    try:
        for data in pool:
            attempt(target, data, lines)
        for data in mutations(pool, target, chance):
            if time.perf_counter() >= end:
                break
            result.runs += 1
            if attempt(target, data, lines):
                pool.append(data)
                result.kept += 1
                if keeps:
                    keep(target, data)
    except Broken as broken:
        keep(target, broken.data, "broken-")
        raise
    result.lines = len(lines.seen)
    return result
