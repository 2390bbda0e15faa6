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
Kind = Literal["ask", "solve", "edit"]


@dataclass(slots=True)
class Operation:
    """One write, by the clock of whoever logged it."""

    kind: Kind
    client: str
    key: str
    """Of ``ask``: the client's own id of the question. Of ``solve``: the question's id. Of
    ``edit``: what tells its objects from all others."""
    began: float
    content: str = ""
    epoch: int = 0
    """The presenter's epoch, as the writer knew it; 0 for others."""
    ended: float | None = None
    outcome: Outcome = "unknown"
    result: str = ""
    """Of an acknowledged ``ask``: the question's id. Of ``edit``: the revision."""


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
class StoredQuestion:
    """One entry of the room's stream."""

    id: str
    content: str


@dataclass(frozen=True, slots=True)
class Claim:
    """An epoch, from the moment that its holder was told."""

    epoch: int
    told_at: float


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
        *_deliveries(history.deliveries),
        *_boards(final),
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


def _deliveries(deliveries: Iterable[Delivery]) -> Iterator[Violation]:
    """On one connection events come in the order of their numbers, each once.

    The questions that a returning presenter missed all carry the number of its snapshot.
    """
    last: dict[tuple[str, int], int] = {}
    asked: set[tuple[str, int, str]] = set()
    for event in deliveries:
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


def _lifetimes(final: Final) -> Iterator[Violation]:
    for key, milliseconds in final.lifetimes.items():
        if milliseconds < 0:
            yield Violation("everything has a lifetime", key)
