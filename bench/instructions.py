"""Instructions that this process has executed, as the processor counts them (Linux perf events).

Unlike time they do not depend on what else the machine does.
"""

import ctypes
import os
import struct

_PERF_EVENT_OPEN = 298  # x86-64
_HARDWARE, _INSTRUCTIONS = 0, 1
_ATTRIBUTES = 112
"""Bytes of ``struct perf_event_attr``."""
_USER_ONLY = 1 << 5 | 1 << 6
"""The bits ``exclude_kernel`` and ``exclude_hv``."""


class Instructions:
    """Counts from the moment it was made, user mode only. ``close`` it."""

    def __init__(self) -> None:
        """Raises OSError where the kernel or the processor does not count."""
        kind = struct.pack("IIQQQQQ", _HARDWARE, _ATTRIBUTES, _INSTRUCTIONS, 0, 0, 0, _USER_ONLY)
        attributes = ctypes.create_string_buffer(kind, _ATTRIBUTES)
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.syscall(_PERF_EVENT_OPEN, attributes, 0, -1, -1, 0)
        if self._descriptor < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def read(self) -> int:
        """Return the count so far."""
        return int.from_bytes(os.read(self._descriptor, 8), "little")

    def close(self) -> None:
        os.close(self._descriptor)
