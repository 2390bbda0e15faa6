"""What all parts of a room work with."""

from dataclasses import dataclass

from app.relay.core.batch import Batch
from app.relay.core.burst import BurstSender
from app.relay.core.counters import Counters
from app.relay.core.sent import SentLog


@dataclass(frozen=True, slots=True)
class Tools:
    """What all lines of a room share."""

    sender: BurstSender
    counters: Counters
    batch: Batch
    log: SentLog
