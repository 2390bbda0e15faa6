"""What of the media plane is agreed to in answers: a peer must not be told of more than is done."""

from typing import Final, Literal

Feature = Literal["rtx", "nack", "transport-cc", "simulcast", "dependency descriptor", "speakers"]
Features = frozenset[Feature]

ALL: Final[Features] = frozenset(
    ("rtx", "nack", "transport-cc", "simulcast", "dependency descriptor", "speakers")
)
SERVED: Final[Features] = frozenset()
"""What the core does today."""
