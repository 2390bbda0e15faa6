"""One task's assignment to a process: what becomes of it, as values (seed rows O9 and O10).

Times are milliseconds of Redis' clock, which all processes share.
"""

from dataclasses import dataclass, replace
from typing import Final

from app.core.ids import NodeId

HARDLY_MS: Final = 1000
"""A reservation that would end this much later is not begun anew."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task is a process'. It is reserved until ``due_ms``, or for as long as it is executed."""

    node: NodeId
    reserve_ms: int
    """For how long it is reserved whenever nobody executes it."""
    due_ms: int | None
    """When the reservation ends; None while the process executes the task."""

    @property
    def is_executing(self) -> bool:
        return self.due_ms is None

    def is_over(self, now_ms: int) -> bool:
        """Tell whether the reservation has ended: the task is nobody's."""
        return self.due_ms is not None and self.due_ms <= now_ms

    def write(self) -> bytes:
        """Return the record that Redis keeps."""
        return f"{self.node}|{self.reserve_ms}|{self.due_ms or 0}".encode()


def read_assignment(record: bytes, now_ms: int) -> Assignment | None:
    """Return what a record says; None for one that is empty, over, or no record."""
    parts = record.decode(errors="replace").rsplit("|", 2)
    if len(parts) != 3 or not (parts[1].isdigit() and parts[2].isdigit()):
        return None
    found = Assignment(NodeId(parts[0]), int(parts[1]), int(parts[2]) or None)
    return None if found.is_over(now_ms) else found


def reserved(node: NodeId, reserve_ms: int, now_ms: int) -> Assignment:
    """Return a new assignment: reserved, until somebody picks it up."""
    return Assignment(node, reserve_ms, now_ms + reserve_ms)


def asked_again(assignment: Assignment, reserve_ms: int, now_ms: int) -> Assignment:
    """Return a live assignment that somebody schedules again: the process stays.

    The longer reservation of the two counts. It begins anew where nobody executes the task, and
    does not run where somebody does.
    """
    longest = max(assignment.reserve_ms, reserve_ms)
    due = None if assignment.is_executing else now_ms + longest
    return replace(assignment, reserve_ms=longest, due_ms=due)


def is_hardly_newer(again: Assignment, held: Assignment) -> bool:
    """Tell whether asking again changed nothing worth a write: a class that asks at once would
    only compete for the last word about a few milliseconds."""
    if again.reserve_ms != held.reserve_ms:
        return False
    return (again.due_ms or 0) - (held.due_ms or 0) < HARDLY_MS


def picked_up(assignment: Assignment | None, node: NodeId, reserve_ms: int) -> Assignment:
    """Return the assignment of a task that ``node`` executes, whoever had it: the last one wins."""
    return Assignment(node, assignment.reserve_ms if assignment else reserve_ms, None)


def laid_down(assignment: Assignment | None, node: NodeId, now_ms: int) -> Assignment | None:
    """Return the assignment of a task that ``node`` executes no more: reserved for it again.

    Another's assignment is left as it is.
    """
    if assignment is None or assignment.node != node or not assignment.is_executing:
        return assignment
    return replace(assignment, due_ms=now_ms + assignment.reserve_ms)


def unscheduled(assignment: Assignment | None, node: NodeId) -> Assignment | None:
    """Return what is left when ``node`` gives a task up: nothing, if it was its own."""
    return None if assignment is not None and assignment.node == node else assignment
