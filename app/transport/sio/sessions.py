"""Which socket id is which session's, per namespace."""

from typing import Any

from socketio import AsyncManager


class SessionIndex(AsyncManager):  # type: ignore[misc]  # socketio ships no types
    """The library's index of sockets, where one that leaves does not cost a walk over all.

    We make no rooms in it (``hub`` has those), so a socket is in two entries: its namespace's
    list, and the one of its own name.
    """

    def basic_disconnect(self, sid: str, namespace: str, **_: Any) -> None:
        """Forget a socket."""
        self.basic_leave_room(sid, namespace, sid)
        self.basic_leave_room(sid, namespace, None)
        self.callbacks.pop(sid, None)
        for pending in (self.pending_connect, self.pending_disconnect):
            waiting = pending.get(namespace, [])
            if sid in waiting:
                waiting.remove(sid)
            if not waiting:
                pending.pop(namespace, None)
