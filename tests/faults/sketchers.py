"""Participants with our own client's abilities: they draw elements, and come back by a cursor."""

import time
from typing import Any

from app.whiteboard.model import digest, state_hash
from tests.faults.history import Entrance, Operation
from tests.faults.people import Student


class Sketcher(Student):
    """Draws one element at a time, and shows the element board by what it is told alone."""

    def __init__(self, *person: Any, **more: Any) -> None:
        super().__init__(*person, **more)
        self.elements: dict[str, tuple[int, int]] = {}
        """What it shows: id → version and nonce."""
        self.cursor: int | None = None
        """The last event that it has."""
        self.told: list[int] = []
        """Every event's number, in the order of arrival, over all connections."""
        self.resumes: list[bool] = []
        """Of each entrance: whether what it missed followed."""
        self._given: int | None = None

    def _lecture_auth(self) -> dict[str, Any]:
        self._given = self.cursor
        cursor = {} if self.cursor is None else {"cursor": self.cursor}
        return {**super()._lecture_auth(), "elements": True, **cursor}

    def _entrance(self, connection: int, state: dict[str, Any]) -> Entrance:
        self.resumes.append(state["resumed"])
        if not state["resumed"]:
            self.elements = {}
        self.cursor = state["seq"]
        return Entrance(
            self.name, connection, state["seq"], cursor=self._given, resumed=state["resumed"]
        )

    def _take(self, connection: int, event: str, data: dict[str, Any]) -> None:
        super()._take(connection, event, data)
        if event == "drawn":
            for operation in data["ops"]:
                self._apply(operation)
        elif event == "snapshot":
            for element in data["elements"]:
                self._put(element)
        if event != "state" and isinstance(data.get("seq"), int):
            self.told.append(data["seq"])
            self.cursor = max(self.cursor or 0, data["seq"])

    def _apply(self, operation: dict[str, Any]) -> None:
        if "put" in operation:
            self._put(operation["put"])
        elif "del" in operation:
            self.elements.pop(operation["del"], None)

    def _put(self, element: dict[str, Any]) -> None:
        version, nonce = element["version"], element["versionNonce"]
        before = self.elements.get(element["id"])
        if before is None or (version, -nonce) > (before[0], -before[1]):
            self.elements[element["id"]] = (version, nonce)

    @property
    def element_hash(self) -> str:
        """The state hash of what it shows, by docs/protocol.md."""
        first = second = 0
        for ident, (version, nonce) in self.elements.items():
            one, other = digest(ident, version, nonce)
            first, second = first + one, second + other
        return state_hash(first, second)

    async def draw(self, key: str | None = None) -> Operation:
        """Put one element that nobody else puts, once, under ``key`` if it is a repeat."""
        if key is None:
            self._writes += 1
            key = f"{self.name}-{self._writes}"
        log = self.history.invoke("draw", self.name, key, time.monotonic(), key, self.epoch)
        element = {"id": key, "version": 1, "versionNonce": 7, "type": "rectangle", "page": 0}
        return await self._write(log, "draw", {"opId": key, "ops": [{"put": element}]}, "rev")
