"""The history checker: what clients logged and what stands at the end, and what is wrong with it.

Pure: it takes values and returns values. An operation is logged when it is invoked and when its
outcome is known: ``ok`` (acknowledged), ``refused`` (answered with a refusal that says it did not
happen) or ``unknown`` (refused as ``unavailable``, timed out, or the connection was lost: it may or
may not have happened).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "refused", "unknown"]
Kind = Literal["ask", "solve", "edit", "draw"]


@dataclass(slots=True)
class Operation:
    """One write, by the clock of whoever logged it."""

    kind: Kind
    client: str
    key: str
    """Of ``ask``: the client's own id of the question. Of ``solve``: the question's id. Of
    ``edit``: what tells its objects from all others. Of ``draw``: the ``opId``."""
    began: float
    content: str = ""
    """Of ``ask``: the text. Of ``draw``: the id of the one element that it puts."""
    epoch: int = 0
    """The presenter's epoch, as the writer knew it; 0 for others."""
    ended: float | None = None
    outcome: Outcome = "unknown"
    result: str = ""
    """Of an acknowledged ``ask``: the question's id. Of ``edit`` and ``draw``: the revision."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event, as a client got it."""

    client: str
    connection: int
    """Which of the client's connections it came on, from 0."""
    seq: int
    name: str
    at: float
    question: str = ""


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a connection's events begin: after ``seq``. ``resumed``: at the client's own cursor."""

    client: str
    connection: int
    seq: int
    epoch: int = 0
    """A presenter's, who hears what is for the presenter alone, too, until another has the slot."""
    cursor: int | None = None
    """What the client gave; with it the server promises what follows it, or a snapshot."""
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Logged:
    """One event of the room's log."""

    seq: int
    type: str
    audience: str
    is_for_some: bool = False
    """It is about one of the room's relays, and for those who are on it."""


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """One entry of the room's stream."""

    id: str
    content: str


@dataclass(frozen=True, slots=True)
class Claim:
    """An epoch, from the moment that its holder was told."""

    epoch: int
    told_at: float
    client: str = ""


@dataclass(slots=True)
class Final:
    """What stands after everything has healed and gone quiet."""

    stored: list[StoredQuestion] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    """The presenter's list as the server has it, in its order."""
    shown: list[str] | None = None
    """The list that the presenter's page shows by now; None: nobody looks at it."""
    board: bytes = b""
    boards: dict[str, bytes] = field(default_factory=dict)
    """Per client: the board that it shows."""
    log: list[Logged] = field(default_factory=list)
    """The room's events, as far back as they are kept."""
    elements: set[str] = field(default_factory=set)
    element_hash: str = ""
    """Of the element board, as the server says it."""
    hashes: dict[str, str] = field(default_factory=dict)
    """Per client that shows elements: the hash of what it shows, by its own reckoning."""
    lifetimes: dict[str, int] = field(default_factory=dict)
    """Per live key its TTL in ms; negative: it has none."""


@dataclass(frozen=True, slots=True)
class Violation:
    rule: str
    what: str


class History:
    """A log that actors write to and ``check`` reads."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.deliveries: list[Delivery] = []
        self.claims: list[Claim] = []
        self.entrances: list[Entrance] = []

    def invoke(
        self, kind: Kind, client: str, key: str, at: float, content: str = "", epoch: int = 0
    ) -> Operation:
        operation = Operation(kind, client, key, at, content, epoch)
        self.operations.append(operation)
        return operation


def check(history: History, final: Final) -> list[Violation]:
    """Return everything in which the history breaks a promise; empty is what it should be."""
    return [
        *_questions(history, final),
        *_list(history, final),
        *_returns(history),
        *_edits(history),
        *_deliveries(history.deliveries, final.log),
        *_gaps(history, final.log),
        *_boards(final),
        *_elements(history, final),
        *_lifetimes(final),
    ]


def _of(history: History, kind: Kind) -> list[Operation]:
    return [operation for operation in history.operations if operation.kind == kind]


def _questions(history: History, final: Final) -> Iterator[Violation]:
    """Acknowledged ⊆ stored ⊆ invoked, and one entry per client id."""
    asks = _of(history, "ask")
    by_content = Counter(question.content for question in final.stored)
    by_id = {question.id: question.content for question in final.stored}
    possible = {ask.content for ask in asks if ask.outcome != "refused"}
    possible |= {ask.content for ask in asks if ask.outcome == "ok"}
    for ask in asks:
        if ask.outcome == "ok" and by_id.get(ask.result) != ask.content:
            yield Violation("acknowledged is stored", f"{ask.key} as {ask.result}")
    for content, count in by_content.items():
        if content not in possible:
            yield Violation("stored was invoked", content)
        if count > 1:
            yield Violation("one entry per client id", f"{content}: {count} times")
    answers: dict[str, set[str]] = {}
    for ask in asks:
        if ask.outcome == "ok":
            answers.setdefault(ask.key, set()).add(ask.result)
    for key, ids in answers.items():
        if len(ids) > 1:
            yield Violation("one entry per client id", f"{key} was acknowledged as {sorted(ids)}")


def _list(history: History, final: Final) -> Iterator[Violation]:
    """The presenter's list = stored less solved, in stream order."""
    solves = _of(history, "solve")
    solved = {solve.key for solve in solves if solve.outcome == "ok"}
    perhaps = {solve.key for solve in solves if solve.outcome == "unknown"} - solved
    wanted = [question.id for question in final.stored if question.id not in solved]
    lists = {"server": final.pending}
    if final.shown is not None:
        lists["page"] = final.shown
    for whose, found in lists.items():
        sure = [question for question in wanted if question not in perhaps]
        if [question for question in found if question not in perhaps] != sure:
            missing = [question for question in sure if question not in found]
            extra = [question for question in found if question not in wanted]
            yield Violation("list is stored less solved", f"{whose}: lacks {missing}, has {extra}")
        order = [question for question in wanted if question in set(found)]
        if [question for question in found if question in set(wanted)] != order:
            yield Violation("list is in stream order", whose)


def _returns(history: History) -> Iterator[Violation]:
    """A question that was acknowledged as solved is never brought to the presenter again."""
    solved_at: dict[str, float] = {}
    for solve in _of(history, "solve"):
        if solve.outcome == "ok" and solve.ended is not None:
            earlier = solved_at.get(solve.key, solve.ended)
            solved_at[solve.key] = min(earlier, solve.ended)
    for event in history.deliveries:
        at = solved_at.get(event.question)
        if event.name == "asked" and at is not None and event.at > at:
            yield Violation("solved never returns", f"{event.question} to {event.client}")


def _edits(history: History) -> Iterator[Violation]:
    """At most one presenter's epoch is effective at a time."""
    done = [edit for edit in _of(history, "edit") if edit.outcome == "ok"]
    newest = 0
    for edit in sorted(done, key=lambda edit: int(edit.result)):
        if edit.epoch < newest:
            yield Violation("one presenter", f"{edit.client} wrote as {edit.epoch} after {newest}")
        newest = max(newest, edit.epoch)
    presenting = [*done, *(s for s in _of(history, "solve") if s.outcome == "ok" and s.epoch)]
    for write in presenting:
        later = [c for c in history.claims if c.epoch > write.epoch and c.told_at < write.began]
        if later:
            yield Violation(
                "one presenter", f"{write.client} wrote as {write.epoch}, {later[0].epoch} was told"
            )
    for revision, count in Counter(edit.result for edit in done).items():
        if count > 1:
            yield Violation("one presenter", f"revision {revision} was given {count} times")


def _deliveries(deliveries: Iterable[Delivery], log: list[Logged]) -> Iterator[Violation]:
    """On one connection events come in the order of their numbers, each once.

    The questions that a returning presenter missed all carry the number of its snapshot. An
    ``update`` with the number of another event is a snapshot as of then, for those who know no
    elements.
    """
    types = {event.seq: event.type for event in log}
    last: dict[tuple[str, int], int] = {}
    asked: set[tuple[str, int, str]] = set()
    for event in deliveries:
        if event.name == "update" and types.get(event.seq, "board") != "board":
            continue
        where = (event.client, event.connection)
        if event.name == "asked":
            once = (*where, event.question)
            if once in asked:
                yield Violation("delivered once", f"{event.question} to {event.client}")
            asked.add(once)
        before = last.get(where, -1)
        if event.seq < before or (event.seq == before and event.name != "asked"):
            yield Violation("delivered in order", f"{event.name} {event.seq} to {event.client}")
        last[where] = max(event.seq, before)


def _boards(final: Final) -> Iterator[Violation]:
    for client, board in final.boards.items():
        if board != final.board:
            yield Violation("boards converge", client)


PERSONAL = frozenset({"bound"})
"""Events that a member hears only when they are about itself."""


def _gaps(history: History, log: list[Logged]) -> Iterator[Violation]:
    """The log counts without gaps, and nobody misses an event between two that it got.

    A board that a newer one replaced, on its way to a slow reader, is not missed.
    """
    numbers = [event.seq for event in log]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        yield Violation("the log has no gaps", f"{numbers[0]} to {numbers[-1]}: {len(numbers)}")
    got: dict[tuple[str, int], set[int]] = {}
    for event in history.deliveries:
        got.setdefault((event.client, event.connection), set()).add(event.seq)
    for entrance in history.entrances:
        heard = got.get((entrance.client, entrance.connection), set())
        if entrance.resumed and entrance.seq != entrance.cursor:
            yield Violation("resumed at the cursor", f"{entrance.client}: {entrance}")
        is_staff = entrance.epoch > 0 and not any(
            claim.epoch > entrance.epoch and claim.client != entrance.client
            for claim in history.claims
        )
        boards = [e.seq for e in log if e.type == "board" and e.seq in heard]
        newest_board = max(boards, default=0)
        for event in log:
            is_between = entrance.seq < event.seq < max(heard, default=0)
            is_theirs = event.audience == "room" or is_staff
            is_replaced = event.type == "board" and event.seq < newest_board
            is_personal = event.type in PERSONAL or event.is_for_some
            if not is_between or not is_theirs or is_replaced or is_personal:
                continue
            if event.seq not in heard:
                yield Violation(
                    "delivered without gaps", f"{event.type} {event.seq} to {entrance.client}"
                )


def _elements(history: History, final: Final) -> Iterator[Violation]:
    """Acknowledged ⊆ shown ⊆ drawn (each draw puts an element of its own), one answer per opId."""
    draws = _of(history, "draw")
    if not draws:
        return
    possible = {draw.content for draw in draws if draw.outcome != "refused"}
    answers: dict[str, set[str]] = {}
    for draw in draws:
        if draw.outcome != "ok":
            continue
        answers.setdefault(f"{draw.client} {draw.key}", set()).add(draw.result)
        if draw.content not in final.elements:
            yield Violation("acknowledged is drawn", f"{draw.key} by {draw.client}")
    for element in final.elements - possible:
        yield Violation("drawn was invoked", element)
    for key, revisions in answers.items():
        if len(revisions) > 1:
            yield Violation("drawn once", f"{key} was acknowledged as {sorted(revisions)}")
    for client, shown in final.hashes.items():
        if shown != final.element_hash:
            yield Violation("boards converge", f"{client}'s elements")


def _lifetimes(final: Final) -> Iterator[Violation]:
    for key, milliseconds in final.lifetimes.items():
        if milliseconds < 0:
            yield Violation("everything has a lifetime", key)
