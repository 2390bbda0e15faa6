"""What a board is: a whole snapshot, as existing clients send it, or a set of elements."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal

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


BoardKind = Literal["whole", "elements"]
"""Who drew last: a client that sends whole snapshots, or one that sends elements."""

Drawers = Literal["presenter", "list", "everyone"]
"""Who may draw on an element board."""

MAX_VERSION: Final = 2**53 - 1
"""Of a version or nonce: what JavaScript and Lua count exactly."""


@dataclass(frozen=True, slots=True)
class Put:
    """Make an element what ``text`` says, unless a newer write of it stands."""

    id: str
    version: int
    nonce: int
    page: int
    text: bytes
    """The whole element as JSON."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an element, unless a write of a higher version stands."""

    id: str
    version: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Remove every element that stands, or those of one page."""

    page: int | None = None


Operation = Put | Delete | Clear


@dataclass(frozen=True, slots=True)
class Author:
    """Who draws. ``epoch`` is the presenter's, None for a participant."""

    identity: str
    epoch: int | None = None
    member: str = ""
    """The id under which the room knows a participant; the presenter may name it by either."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Where the board is after a draw. ``hash`` is ``state_hash`` of all its elements."""

    rev: int
    hash: str
    first: bool = True
    """False: this ``opId`` was drawn before, and this is what it answered then."""


@dataclass(frozen=True, slots=True)
class ElementBoard:
    """The elements of a board at one instant, each as JSON, in no order."""

    rev: int
    hash: str
    page: int
    elements: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """Who may draw beside the presenter.

    ``members`` are e-mails, and ids under which the room knows its members. A guest has no other
    name: its own id is its only credential, which nobody else is told.
    """

    mode: Drawers = "presenter"
    members: tuple[str, ...] = ()

    def lets(self, identity: str, member: str = "") -> bool:
        """Tell whether a participant may draw."""
        named = identity in self.members or (member != "" and member in self.members)
        return self.mode == "everyone" or (self.mode == "list" and named)


Digest = tuple[int, int]
"""Two words of 32 bits."""

EMPTY_HASH: Final = "0" * 16

_WORD: Final = 0xFFFFFFFF
_OFFSETS: Final = (0x811C9DC5, 0xCBF29CE4)
"""FNV's offset basis of 32 bits, and the upper half of that of 64 bits."""


def digest(element: str, version: int, nonce: int) -> Digest:
    """Return the digest of one write of an element; equal writes have equal ones.

    Of its id (ASCII), version and nonce alone: these three name a write, so that no client has to
    write another's JSON byte by byte alike. Vectors are in docs/protocol.md.
    """
    first, second = (_word(f"{element}:{version}:{nonce}", offset) for offset in _OFFSETS)
    return first, second


def _word(text: str, offset: int) -> int:
    """FNV-1a of 32 bits, mixed by MurmurHash3's finaliser so that sums of it stay random."""
    word = offset
    for byte in text.encode("ascii"):
        word = ((word ^ byte) * 0x01000193) & _WORD
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) & _WORD
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) & _WORD
    return word ^ (word >> 16)


def state_hash(first: int, second: int) -> str:
    """Return the hash of a board whose elements' digests add up, word by word, to these sums."""
    return f"{first & _WORD:08x}{second & _WORD:08x}"
