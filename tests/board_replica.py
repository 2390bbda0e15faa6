"""What any client does with an element board, by docs/protocol.md alone: the tests' own reading."""

from dataclasses import dataclass, field
from typing import Any

Element = dict[str, Any]

WORD = 2**32


def mix(word: int) -> int:
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) % WORD
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) % WORD
    return word ^ (word >> 16)


def words(element: Element) -> tuple[int, int]:
    name = f"{element['id']}:{element['version']}:{element['versionNonce']}"
    both = []
    for offset in (2166136261, 3421674724):
        word = offset
        for letter in name:
            word = ((word ^ ord(letter)) * 16777619) % WORD
        both.append(mix(word))
    return both[0], both[1]


def board_hash(elements: list[Element]) -> str:
    pairs = [words(element) for element in elements]
    return "".join(f"{sum(pair[i] for pair in pairs) % WORD:08x}" for i in (0, 1))


@dataclass
class Replica:
    """A viewer: loads snapshots, applies ``drawn`` events in order, knows when it differs."""

    rev: int = 0
    elements: dict[str, Element] = field(default_factory=dict)
    differed: int = 0
    _parts: list[Any] = field(default_factory=list)

    def load(self, part: dict[str, Any]) -> None:
        """Take one part of a snapshot; the board changes with the last."""
        if part["part"] == 0:
            self._parts = []
        self._parts.append(part)
        if len(self._parts) < part["parts"]:
            return
        self.elements = {e["id"]: e for each in self._parts for e in each["elements"]}
        self.rev = part["rev"]
        assert self.hash() == part["hash"]

    def drawn(self, event: dict[str, Any]) -> None:
        """Apply one event; older ones than the board are ignored."""
        if event["rev"] <= self.rev:
            return
        for op in event["ops"]:
            self.apply(op)
        self.rev = event["rev"]
        if self.hash() != event["hash"]:
            self.differed += 1

    def apply(self, op: dict[str, Any]) -> None:
        if "put" in op:
            new = op["put"]
            old = self.elements.get(new["id"])
            if old is None or newer(new, old):
                self.elements[new["id"]] = new
        elif "del" in op:
            old = self.elements.get(op["del"])
            if old is not None and op["version"] >= old["version"]:
                del self.elements[op["del"]]
        else:
            page = op.get("page")
            self.elements = {
                ident: element
                for ident, element in self.elements.items()
                if page is not None and element.get("page", 0) != page
            }

    def hash(self) -> str:
        return board_hash(list(self.elements.values()))


def newer(new: Element, old: Element) -> bool:
    if new["version"] != old["version"]:
        return bool(new["version"] > old["version"])
    return bool(new["versionNonce"] < old["versionNonce"])
