"""``python -m tests.fuzz --seconds 60``: fuzz what strangers can send, each target for so long.

Ends with 1 at the first broken promise; its input is then in ``tests/fuzz/corpus``.
"""

import argparse
import random
import sys

from tests.fuzz.engine import Broken, fuzz
from tests.fuzz.targets import BY_NAME


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--keep", action="store_true", help="add what reaches new lines")
    parser.add_argument("targets", nargs="*", metavar="target", help=" ".join(BY_NAME))
    read = parser.parse_args()
    unknown = set(read.targets) - set(BY_NAME)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    sys.stdout.write(f"seed {read.seed}\n")
    for name in read.targets or BY_NAME:
        try:
            found = fuzz(BY_NAME[name], read.seconds, read.seed, read.keep)
        except Broken as broken:
            sys.stdout.write(f"{name:10} BROKEN  {broken}\n")
            return 1
        sys.stdout.write(
            f"{name:10} {found.runs:7} inputs, {found.lines} lines, {found.kept} reached new ones\n"
        )
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
