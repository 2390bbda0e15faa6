"""A date that a test may set, for one process: ``clock_shim.c`` loaded before it starts."""

import asyncio
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "clock_shim.c"

LOOK_SECONDS = 0.12
"""The shim looks at its file in each tenth of a second."""


class ClockShim:
    """Makes the date of processes that are started with ``environment`` what ``set`` says."""

    def __init__(self, folder: Path) -> None:
        library, self._offset = folder / "clock_shim.so", folder / "offset"
        build = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
        subprocess.run(build, check=True, timeout=60)
        self._offset.write_text("0")
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(self._offset)}

    def set(self, seconds: int) -> None:
        """Set the date so far from the real one; it is seen ``LOOK_SECONDS`` later."""
        whole = self._offset.with_suffix(".new")
        whole.write_text(str(seconds))
        whole.replace(self._offset)

    async def jump(self, seconds: int) -> None:
        """Set the date, and return when it is seen."""
        self.set(seconds)
        await asyncio.sleep(LOOK_SECONDS)
