"""What goes wrong with datagrams, said now and then: packets come by the thousand."""

from typing import Final

import structlog

from app.core.clock import Clock

log = structlog.get_logger(__name__)

LOG_SECONDS: Final = 60.0
"""At most one line per so many seconds."""


class Complaints:
    """Errors of one socket, logged at a bounded rate. Whoever complains counts them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = float("-inf")

    def say(self, event: str, error: Exception) -> None:
        """Log ``error``, with its traceback unless the system is to blame."""
        now = self._clock.now()
        if now - self._last >= LOG_SECONDS:
            self._last = now
            log.error(event, error=repr(error), exc_info=not isinstance(error, OSError))
