"""What goes in and out of a lecture's use-cases, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.core.ids import PeerId
from app.lecture.seat import AudienceSeat, PresenterSeat
from app.questions.model import Question
from app.relay.answers import PeerOpened
from app.relay.messages import Source
from app.whiteboard.model import EMPTY_HASH, Board, BoardKind, Drawing


@dataclass(frozen=True, slots=True)
class LectureConfig:
    """The times that rule a live lecture."""

    grace_seconds: float = 300.0
    """How long a room is held for a presenter who dropped, counted from the loss."""
    lease_seconds: float = 6.0
    """How long the slot stays with a process that stopped renewing it; renewed each third."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A client's SDP offer, empty where media goes from browser to browser. ``peer``, when given,
    restarts that peer's ICE."""

    sdp: str
    sources: dict[str, Source] = field(default_factory=dict)
    """mid → source, where the client says so."""
    peer: PeerId | None = None


@dataclass(frozen=True, slots=True)
class Returned:
    """What a presenter who comes back needs: the board, and exactly the unanswered questions."""

    board: Board
    start_time: str
    questions: list[Question]


@dataclass(frozen=True, slots=True)
class Started:
    """The presenter holds the slot, and the relay has answered."""

    seat: PresenterSeat
    answer: PeerOpened | None
    """None where media goes from browser to browser, as ``peer``."""
    peer: PeerId | None
    returned: Returned | None
    """None: this call began the lecture."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A participant is in, and the relay has answered."""

    seat: AudienceSeat
    answer: PeerOpened | None
    """None where media goes from browser to browser, as ``peer``."""
    peer: PeerId | None
    board: Board
    start_time: str
    presenter_present: bool


NOBODY: Mapping[str, Any] = {"hands": [], "speakers": [], "muted": {}}
"""Nobody has a hand up or was invited."""

NOT_RECORDED: Mapping[str, Any] = {"state": "off", "since": None, "reason": None}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A room at one instant: a reader continues with the events after ``seq``."""

    board: Board
    start_time: str
    seq: int
    status: Literal["LIVE", "AWAY"]
    deadline: str | None
    """ISO 8601: when an AWAY room ends."""
    listeners: int
    sources: dict[Source, bool]
    questions: list[Question] | None
    """For a presenter the unanswered ones, in order; None for the audience."""
    floor: Mapping[str, Any] = field(default_factory=lambda: NOBODY)
    """``hands``, ``speakers`` and ``muted`` as ``floor.lua`` keeps them."""
    whip: bool = False
    """A WHIP session carries the presenter's media."""
    board_kind: BoardKind = "whole"
    """``elements``: ``board`` is the view alone."""
    board_hash: str = EMPTY_HASH
    rev: int = 0
    page: int = 0
    drawing: Drawing = field(default_factory=Drawing)
    recording: Mapping[str, Any] = field(default_factory=lambda: NOT_RECORDED)
    """``state``, ``since`` and ``reason``, as the event ``recording`` has them."""
