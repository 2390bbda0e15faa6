"""What of the media plane is agreed to in answers: a peer must not be told of more than is done."""

from typing import Final, Literal

Feature = Literal[
    "rtx", "nack", "transport-cc", "estimate", "simulcast", "dependency descriptor", "speakers"
]
"""``transport-cc``: transport-wide feedback to who sends. ``estimate``: of who receives, too."""
Features = frozenset[Feature]

ALL: Final[Features] = frozenset(
    ("rtx", "nack", "transport-cc", "estimate", "simulcast", "dependency descriptor", "speakers")
)
SERVED: Final[Features] = ALL
"""What the core does today."""
