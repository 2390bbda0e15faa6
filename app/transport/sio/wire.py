"""What the server's values look like to a client: the other half of ``messages``."""

import hashlib
from collections.abc import Callable, Collection
from typing import Any

import orjson

from app.core.ids import PeerId, RoomId, relay_in
from app.lecture.model import Snapshot
from app.lecture.seat import PresenterSeat, Seat
from app.questions.model import Question, QuestionView
from app.relay.messages import Candidate, PeerOpened, RoomMeasured
from app.rooms.floor import member_id
from app.store.events import RoomEvent
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


def board_part(event: RoomEvent) -> BoardPart:
    """Return what of the board an event carries."""
    if event.type != "board":
        return BoardPart.NONE
    return BoardPart.WHOLE if event.blob else BoardPart.VIEW


def room_event(event: RoomEvent) -> Parcel:
    """One room event, encoded for all of its members at once."""
    data = event.data
    if event.type == "board":
        content = {"objects": event.blob, **data}
        payload = {"type": "whiteBoard", "content": content, "seq": event.seq}
        return Parcel(encode_event(LECTURE, "update", payload), board_part(event), event.seq)
    if event.type == "asked":
        name, payload = "asked", {"type": "question", **data, "seq": event.seq}
    elif event.type == "ended":
        name, payload = "ended", ended(str(data.get("reason", "presenter")), event.seq)
    else:
        name, payload = event.type, {**data, "seq": event.seq}
    return Parcel(encode_event(LECTURE, name, payload), seq=event.seq)


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


def bound(event: RoomEvent, peer: str | None) -> Parcel | None:
    """Which of one member's own sections carry whose tracks; None when nothing is its."""
    own = [one for one in event.data["bindings"] if one[0] == peer]
    if peer is None or not own:
        return None
    sections = [
        {"mid": mid, "id": member or None, "source": source or None}
        for _, mid, member, source in own
    ]
    payload = {"sections": sections, "seq": event.seq}
    return Parcel(encode_event(LECTURE, "bound", payload), seq=event.seq)


def layer(event: RoomEvent, peer: str | None) -> Parcel | None:
    """What one member's own video sections get; None when nothing is its."""
    return _of_peer(event, peer, ("mid", "layer", "temporal", "paused"))


def bandwidth(event: RoomEvent, peer: str | None) -> Parcel | None:
    """Which of one member's own sections get less than they need; None when nothing is its."""
    return _of_peer(event, peer, ("mid", "short", "available"))


def _of_peer(event: RoomEvent, peer: str | None, names: tuple[str, ...]) -> Parcel | None:
    own = [one[1:] for one in event.data["sections"] if one[0] == peer]
    if peer is None or not own:
        return None
    sections = [dict(zip(names, one, strict=True)) for one in own]
    payload = {"sections": sections, "seq": event.seq}
    return Parcel(encode_event(LECTURE, event.type, payload), seq=event.seq)


def layers(event: RoomEvent, seat: Seat | None) -> Parcel | None:
    """Which simulcast streams of one member's own sources anybody watches; None for no change."""
    if seat is None:
        return None
    me = "presenter" if isinstance(seat, PresenterSeat) else member_id(seat.room, seat.identity)
    own = [
        # "*" is a source without simulcast.
        {"source": source, "rids": ["" if rid == "*" else rid for rid in rids.split()]}
        for member, source, rids in event.data["wanted"]
        if member == me
    ]
    if not own:
        return None
    payload = {"tracks": own, "seq": event.seq}
    return Parcel(encode_event(LECTURE, "layers", payload), seq=event.seq)


BY_PEER: dict[str, Callable[[RoomEvent, str | None], Parcel | None]] = {
    "bound": bound,
    "layer": layer,
    "bandwidth": bandwidth,
}
"""Room events about members' own sections: nobody else's peer is named to anybody."""


def text(event: RoomEvent, seat: Seat | None) -> Parcel | None:
    """A text to one member, for that one and for its sender on whatever other connections."""
    if seat is None:
        return None
    member = member_id(seat.room, seat.identity)
    return room_event(event) if member in (event.data["to"], event.data["from"]) else None


def signal(event: RoomEvent, seat: Seat | None) -> Parcel | None:
    """What one browser tells another, for that one alone."""
    if seat is None:
        return None
    if isinstance(seat, PresenterSeat) and event.data["to"] == "presenter":
        return room_event(event)
    return room_event(event) if member_id(seat.room, seat.identity) == event.data["to"] else None


def concerns(event: RoomEvent, peer: str | None) -> bool:
    """Tell whether ``media_moved`` is for one member: of a relay beside the room's first one, only
    those who are on it need to hear. Who is not known to be elsewhere hears."""
    moved = event.data.get("relay")
    here = relay_in(PeerId(peer)) if peer is not None else None
    return moved is None or here is None or here == moved


FOLLOWED = frozenset({"data", "attributes"})
"""Room events about one stream, for those alone who follow it."""


def is_followed(event: RoomEvent) -> bool:
    return event.type in FOLLOWED


def follows(event: RoomEvent, streams: Collection[str]) -> bool:
    """Tell whether one who follows ``streams`` hears an event of ``FOLLOWED``."""
    return event.data["stream"] in streams


PERSONAL = frozenset({*BY_PEER, *FOLLOWED, "layers", "signal", "drawing", "text", "media_moved"})
"""Room events of which not every member hears the same."""


def room_event_for(event: RoomEvent) -> Callable[[Seat | None], Parcel | None]:
    """Return what gives each member its parcel, None for nothing; those who hear the same share
    one. What is about sections, ``BY_PEER`` gives."""
    if event.type in BY_PEER:
        return lambda _: None
    if event.type == "text" and event.data["to"] != "all":
        return lambda seat: text(event, seat)
    if event.type == "signal":
        return lambda seat: signal(event, seat)
    if event.type == "layers":
        return lambda seat: layers(event, seat)
    if event.type != "drawing":
        shared = room_event(event)
        return lambda _: shared
    rule = Drawing(event.data["mode"], tuple(event.data["members"]))
    made: dict[bool | None, Parcel] = {}

    def parcel_for(seat: Seat | None) -> Parcel:
        says = drawing(rule, seat)
        key = None if "members" in says else bool(says["may"])
        if key not in made:
            payload = {**says, "seq": event.seq}
            made[key] = Parcel(encode_event(LECTURE, "drawing", payload), seq=event.seq)
        return made[key]

    return parcel_for
