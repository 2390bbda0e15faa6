"""When the relay wants to be called: its tick, its reports, rooms with something to send."""

from app.core.ids import RoomId
from app.relay.core.room import Room

TICK_SECONDS = 0.5
"""How often silence is looked at: consent, stopped tracks, newcomers without a keyframe."""
REPORT_SECONDS = 1.0
_NEVER = float("inf")


class Schedule:
    """Stands still until ``start``, and again from ``stop`` on."""

    def __init__(self) -> None:
        self._asking: dict[RoomId, tuple[Room, float]] = {}
        """Rooms with something for a publisher, and its moment, as of their last service."""
        self._next_tick: float | None = None
        self._next_report = 0.0

    def start(self, now: float) -> None:
        """Begin to tick, if it does not."""
        if self._next_tick is None:
            self._next_tick = now + TICK_SECONDS

    def stop(self) -> None:
        self._next_tick = None

    def turn(self, now: float) -> tuple[bool, bool]:
        """Return whether a tick, and whether reports are due, and set the next ones."""
        is_tick = self._next_tick is not None and now >= self._next_tick
        is_report = is_tick and now >= self._next_report
        if is_tick:
            self._next_tick = now + TICK_SECONDS
        if is_report:
            self._next_report = now + REPORT_SECONDS
        return is_tick, is_report

    def served(self, room: Room, due: float) -> None:
        """Note when a room that was served wants to be served again, infinity for not yet."""
        if due == _NEVER:
            self._asking.pop(room.id, None)
        else:
            self._asking[room.id] = room, due

    def forget(self, room: RoomId) -> None:
        self._asking.pop(room, None)

    def asking(self) -> list[Room]:
        """Return the rooms that wait for their moment."""
        return [room for room, _ in self._asking.values()]

    def next_timer(self) -> float | None:
        """Return when ``turn`` wants to be called next, or None for never."""
        if self._next_tick is None:
            return None
        due = self._next_tick
        for _, wanted in self._asking.values():
            if wanted < due:
                due = wanted
        return due
