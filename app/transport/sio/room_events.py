"""What each member hears of a room event: one parcel for all, its own, or none."""

from collections.abc import Callable, Collection

from app.core.ids import ConnectionId, PeerId, relay_in
from app.lecture.seat import PresenterSeat, Seat
from app.rooms.floor import member_id
from app.store.events import RoomEvent
from app.transport.sio.packets import encode_event
from app.transport.sio.parcel import BoardPart, Parcel
from app.transport.sio.wire import LECTURE, drawing, ended
from app.whiteboard.model import Drawing


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


def displaces(event: RoomEvent, connection: ConnectionId, epoch: int) -> bool:
    """Tell whether ``displaced`` is for a connection: it had the slot, and another one took it. One
    that waits for the slot has none to lose, and one that took it anew did not lose it."""
    _, _, by = str(event.data["by"]).rpartition("/")
    return 0 < epoch < event.data["epoch"] and by != connection


def displaced(event: RoomEvent) -> Parcel:
    """Say who presents now: a later epoch. Which connection that is, is nobody's business."""
    payload = {"epoch": event.data["epoch"], "seq": event.seq}
    return Parcel(encode_event(LECTURE, "displaced", payload), seq=event.seq)


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
    if event.type == "displaced":
        told = displaced(event)
        return lambda _: told
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
