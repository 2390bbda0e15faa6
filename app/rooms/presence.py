"""Who this process serves: the slots that its connections hold, and its listeners by room."""

from dataclasses import dataclass

from app.core.ids import ConnectionId, RoomId


@dataclass(frozen=True, slots=True)
class HeldSlot:
    """A presenter's slot that a connection of this process holds."""

    room: RoomId
    connection: ConnectionId
    epoch: int


class Presence:
    """Plain bookkeeping, in memory; Redis learns of it through the keeper."""

    def __init__(self) -> None:
        self._slots: dict[RoomId, HeldSlot] = {}
        self._listeners: dict[RoomId, set[ConnectionId]] = {}
        self._changed: set[RoomId] = set()

    def hold(self, slot: HeldSlot) -> None:
        """Note that a connection of ours has the slot; an older epoch never replaces a newer."""
        held = self._slots.get(slot.room)
        if held is None or held.epoch <= slot.epoch:
            self._slots[slot.room] = slot

    def drop(self, slot: HeldSlot) -> None:
        """Note that the slot is no longer ours, unless a newer connection of ours has it (X7)."""
        if self._slots.get(slot.room) == slot:
            del self._slots[slot.room]

    def held(self) -> list[HeldSlot]:
        """Return the slots to renew."""
        return list(self._slots.values())

    def present(self, room: RoomId, connection: ConnectionId) -> None:
        """Count a listener. A repeat counts once."""
        members = self._listeners.setdefault(room, set())
        if connection not in members:
            members.add(connection)
            self._changed.add(room)

    def absent(self, room: RoomId, connection: ConnectionId) -> None:
        """Count a listener no more. Unknown ones are ignored."""
        members = self._listeners.get(room)
        if members is None or connection not in members:
            return
        members.discard(connection)
        if not members:
            del self._listeners[room]
        self._changed.add(room)

    def count(self, room: RoomId) -> int:
        """Return how many listeners of the room this process serves."""
        return len(self._listeners.get(room, ()))

    def take_changed(self) -> list[RoomId]:
        """Return, once, the rooms whose count changed since the last call."""
        changed = list(self._changed)
        self._changed.clear()
        return changed

    def mark_changed(self, room: RoomId) -> None:
        """Return the room by ``take_changed`` again: its count did not reach Redis."""
        self._changed.add(room)

    def rooms(self) -> set[RoomId]:
        """Return every room of which this process serves somebody."""
        return self._listeners.keys() | self._slots.keys()

    def listening(self) -> list[RoomId]:
        """Return every room of which this process serves listeners."""
        return list(self._listeners)
