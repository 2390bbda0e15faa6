"""What a board is: a whole snapshot, as existing clients send it after every stroke."""

from dataclasses import dataclass, field, replace

Viewport = tuple[float, float, float, float, float, float]
"""The six numbers of an affine transform, as the clients' canvas has them."""

IDENTITY: Viewport = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Board:
    """One snapshot. ``objects`` is the gzip of a JSON list, opaque here; empty means unchanged."""

    objects: bytes = b""
    viewport: Viewport = field(default=IDENTITY)
    event_time: float = 0.0
    """Milliseconds since the lecture began, by the presenter's clock."""
    width: float = 0.0
    height: float = 0.0

    def merged(self, edit: "Board") -> "Board":
        """Return the board after ``edit``: its view, and its objects unless they are empty (X2)."""
        return edit if edit.objects else replace(edit, objects=self.objects)
