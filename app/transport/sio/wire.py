"""What the server's values look like to a client: the other half of ``messages``."""

import hashlib
from typing import Any

from app.lecture.model import Snapshot
from app.lecture.seat import PresenterSeat, Seat
from app.questions.model import Question
from app.relay.messages import Candidate, PeerOpened
from app.store.events import RoomEvent
from app.transport.sio.outbox import BoardPart, Parcel
from app.transport.sio.packets import encode_event
from app.whiteboard.model import Board

LECTURE = "/lecture"


def board(of: Board) -> dict[str, Any]:
    """A snapshot as clients send and receive it; ``objects`` is binary also when empty."""
    return {
        "objects": of.objects,
        "viewport": list(of.viewport),
        "eventTime": of.event_time,
        "width": of.width,
        "height": of.height,
    }


def board_digest(of: Board) -> bytes:
    """Equal for equal boards; 16 bytes to remember in place of a megabyte."""
    view = repr((of.viewport, of.event_time, of.width, of.height)).encode()
    return hashlib.blake2b(of.objects + view, digest_size=16).digest()


def description(answer: PeerOpened) -> dict[str, str]:
    return {"type": "answer", "sdp": answer.sdp}


def candidate(of: Candidate) -> dict[str, Any]:
    return {"candidate": of.model_dump()}


def question_entry(of: Question) -> list[Any]:
    """One of ``reconnectPresenter``'s questions, in the shape of a stream entry."""
    return [of.id, ["content", of.content]]


def asked(of: Question, seq: int) -> dict[str, Any]:
    return {
        "type": "question",
        "content": of.content,
        "questionId": of.id,
        "name": of.name,
        "seq": seq,
    }


def update(of: Board, seq: int) -> Parcel:
    """The whole board, for one who enters or returns."""
    payload = {"type": "whiteBoard", "content": board(of), "seq": seq}
    return Parcel(encode_event(LECTURE, "update", payload), BoardPart.WHOLE)


def state(of: Snapshot, seat: Seat) -> dict[str, Any]:
    """Where the lecture is, as the client enters it."""
    fields: dict[str, Any] = {
        "roomId": seat.room,
        "role": "presenter" if isinstance(seat, PresenterSeat) else seat.kind.lower(),
        "startTime": of.start_time,
        "seq": of.seq,
        "presenterPresent": of.status == "LIVE",
        "deadline": of.deadline,
        "listeners": of.listeners,
        "sources": dict(of.sources),
    }
    if isinstance(seat, PresenterSeat):
        fields["epoch"] = seat.epoch
        fields["questions"] = [
            {"questionId": question.id, "content": question.content, "name": question.name}
            for question in of.questions or []
        ]
    return fields


def ended(reason: str, seq: int | None) -> dict[str, Any]:
    return {"type": "lecture", "content": "finish", "reason": reason, "seq": seq}


def room_event(event: RoomEvent) -> Parcel:
    """One room event, encoded for all of its members at once."""
    data = event.data
    if event.type == "board":
        content = {"objects": event.blob, **data}
        payload = {"type": "whiteBoard", "content": content, "seq": event.seq}
        part = BoardPart.WHOLE if event.blob else BoardPart.VIEW
        return Parcel(encode_event(LECTURE, "update", payload), part, event.seq)
    if event.type == "asked":
        name, payload = "asked", {"type": "question", **data, "seq": event.seq}
    elif event.type == "ended":
        name, payload = "ended", ended(str(data.get("reason", "presenter")), event.seq)
    else:
        name, payload = event.type, {**data, "seq": event.seq}
    return Parcel(encode_event(LECTURE, name, payload), seq=event.seq)
