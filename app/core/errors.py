"""Every refusal the server can make, as data.

A refusal is raised where the rule lives and is turned into an answer once, at the edge
(``transport``): a Socket.IO acknowledgement or ``failed`` event, or an HTTP status with a body.

    LecternError
    ├── BadRequest          bad_request          400  the message does not fit its schema
    ├── TooLarge            too_large            413  over a stated payload limit
    ├── Unauthorized        unauthorized         401  no token, or one that is not ours or expired
    ├── Forbidden           forbidden            403  signed in, but this is not theirs to do
    ├── Banned              banned               403  removed from this lecture by its presenter
    ├── RoomFull            room_full            409  as many are in as the room lets in
    ├── NotFound            not_found            404  no such account, lecture, question
    ├── Conflict            conflict             409  it exists already
    ├── NotStarted          not_started          409  the lecture has no presenter yet
    ├── Ended               ended                410  the lecture is over
    ├── NotJoined           not_joined           409  this connection is in no room
    ├── StalePresenter      stale_presenter      409  another connection holds the presenter's slot
    ├── WrongOrder          wrong_order          409  an event before the one it depends on
    ├── BadOffer            bad_offer            400  an SDP offer that cannot be answered
    ├── RateLimited         rate_limited         429  too many, try later
    ├── Unavailable         unavailable          503  Redis, SQL or a relay is away, try again
    └── Internal            internal             500  a defect of ours; it is in the log
"""

from typing import ClassVar


class LecternError(Exception):
    """A refusal. ``message`` is plain English for a person and holds nothing personal."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(LecternError):
    code = "bad_request"
    http_status = 400


class TooLarge(LecternError):
    code = "too_large"
    http_status = 413


class Unauthorized(LecternError):
    code = "unauthorized"
    http_status = 401


class Forbidden(LecternError):
    code = "forbidden"
    http_status = 403


class Banned(LecternError):
    code = "banned"
    http_status = 403


class RoomFull(LecternError):
    code = "room_full"
    http_status = 409
    retryable = True


class NotFound(LecternError):
    code = "not_found"
    http_status = 404


class Conflict(LecternError):
    code = "conflict"
    http_status = 409


class NotStarted(LecternError):
    code = "not_started"
    http_status = 409
    retryable = True


class Ended(LecternError):
    code = "ended"
    http_status = 410


class NotJoined(LecternError):
    code = "not_joined"
    http_status = 409


class StalePresenter(LecternError):
    code = "stale_presenter"
    http_status = 409


class WrongOrder(LecternError):
    code = "wrong_order"
    http_status = 409


class BadOffer(LecternError):
    code = "bad_offer"
    http_status = 400


class RateLimited(LecternError):
    code = "rate_limited"
    http_status = 429
    retryable = True


class Unavailable(LecternError):
    code = "unavailable"
    http_status = 503
    retryable = True


class Internal(LecternError):
    pass


BY_CODE: dict[str, type[LecternError]] = {
    kind.code: kind
    for kind in (
        BadRequest, TooLarge, Unauthorized, Forbidden, NotFound, Conflict, NotStarted, Ended,
        NotJoined, StalePresenter, WrongOrder, BadOffer, RateLimited, Unavailable, Internal,
        Banned, RoomFull,
    )
}  # fmt: skip
"""Every refusal by its code: how an error that crossed a process (or a Lua script) comes back."""
