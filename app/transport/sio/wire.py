"""What the server's values look like to a client: the other half of ``messages``."""

import hashlib
from typing import Any

import orjson

from app.core.ids import RoomId
from app.lecture.model import Snapshot
from app.lecture.seat import PresenterSeat, Seat
from app.questions.model import Question, QuestionView
from app.relay.answers import Candidate, PeerOpened, RoomMeasured
from app.rooms.floor import member_id
from app.transport.sio.packets import encode_event
from app.transport.sio.parcel import BoardPart, Parcel
from app.whiteboard.model import Board, Drawing, ElementBoard

LECTURE = "/lecture"

SNAPSHOT_PART_BYTES = 128 * 1024
"""Of elements in one ``snapshot``: events go between two of them, and no outbox is full of one."""


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


def description(answer: PeerOpened | None) -> dict[str, str] | None:
    """None where media goes from browser to browser."""
    return None if answer is None else {"type": "answer", "sdp": answer.sdp}


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


def elements(of: ElementBoard) -> list[Parcel]:
    """An element board in parts, for everyone who asks: they differ in nothing."""
    parts: list[list[bytes]] = [[]]
    size = 0
    for text in of.elements:
        if size + len(text) > SNAPSHOT_PART_BYTES and parts[-1]:
            parts.append([])
            size = 0
        parts[-1].append(text)
        size += len(text) + 1
    return [
        Parcel(
            encode_event(
                LECTURE,
                "snapshot",
                {
                    "rev": of.rev,
                    "hash": of.hash,
                    "page": of.page,
                    "part": number,
                    "parts": len(parts),
                    "elements": orjson.Fragment(b"[" + b",".join(part) + b"]"),
                },
            )
        )
        for number, part in enumerate(parts)
    ]


def drawing(of: Drawing, seat: Seat | None) -> dict[str, Any]:
    """Who may draw, for one member: the list of names is the presenter's alone."""
    if isinstance(seat, PresenterSeat):
        return {"mode": of.mode, "may": True, "members": list(of.members)}
    may = seat is not None and of.lets(seat.identity, member_id(seat.room, seat.identity))
    return {"mode": of.mode, "may": may}


def floor(of: Snapshot, seat: Seat) -> dict[str, Any]:
    """Who speaks, and for the presenter whose hand is up; a participant learns its own name."""
    speakers = [
        {name: one[name] for name in ("id", "name", "sources", "muted")}
        for one in of.floor["speakers"]
    ]
    said: dict[str, Any] = {"speakers": speakers, "presenterMuted": of.floor["muted"]}
    if isinstance(seat, PresenterSeat):
        said["hands"] = of.floor["hands"]
    else:
        said["speakerId"] = member_id(seat.room, seat.identity)
    return said


def state(
    of: Snapshot, seat: Seat, view: QuestionView, cursor: int | None = None
) -> dict[str, Any]:
    """Where the lecture is, as the client enters it; ``cursor``: what it missed follows."""
    fields: dict[str, Any] = {
        "roomId": seat.room,
        "role": _role(seat),
        "startTime": of.start_time,
        "seq": of.seq if cursor is None else cursor,
        "resumed": cursor is not None,
        "board": {"kind": of.board_kind, "rev": of.rev, "hash": of.board_hash},
        "page": of.page,
        "drawing": drawing(of.drawing, seat),
        "presenterPresent": of.status == "LIVE",
        "deadline": of.deadline,
        "listeners": of.listeners,
        "sources": dict(of.sources),
        "whip": of.whip,
        "recording": dict(of.recording),
        **floor(of, seat),
    }
    fields |= {
        "memberId": view.member,
        "assistant": view.role == "assistant",
        "assistants": view.assistants,
        "moderation": view.moderation,
        "questions": view.questions,
    }
    if isinstance(seat, PresenterSeat):
        fields["epoch"] = seat.epoch
        more = {question["questionId"]: question for question in view.questions}
        fields["questions"] = [
            {
                **more.get(question.id, {}),
                "questionId": question.id,
                "content": question.content,
                "name": question.name,
            }
            for question in of.questions or []
        ]
    return fields


def _role(seat: Seat) -> str:
    if isinstance(seat, PresenterSeat):
        return "presenter"
    return "guest" if seat.kind == "GUEST" else "student"


def questions(of: QuestionView) -> dict[str, Any]:
    """What a client is answered that asks for all the questions it may see."""
    return {
        "memberId": of.member,
        "assistant": of.role == "assistant",
        "assistants": of.assistants,
        "moderation": of.moderation,
        "questions": of.questions,
        "known": of.known,
    }


def ended(reason: str, seq: int | None) -> dict[str, Any]:
    return {"type": "lecture", "content": "finish", "reason": reason, "seq": seq}


def figures(room: RoomId, of: RoomMeasured) -> dict[str, Any]:
    """A room's figures. Who a peer is stays unsaid: its id is its owner's secret."""
    return {
        "roomId": room,
        "peers": [
            {**peer.model_dump(), "peer": member_of(peer.peer)}
            | {"sent": [_without_owner(section.model_dump()) for section in peer.sent]}
            for peer in of.peers
        ],
        "leftOut": of.left_out,
    }


def member_of(peer: str) -> str:
    """Return a name for a peer that tells it apart and opens nothing."""
    return hashlib.blake2b(peer.encode(), digest_size=6).hexdigest()


def _without_owner(section: dict[str, Any]) -> dict[str, Any]:
    owner = section.pop("owner")
    return {**section, "from": None if owner is None else member_of(owner)}
