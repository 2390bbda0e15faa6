"""What a stranger can send to the server API before anything is proved: signatures and tickets."""

import asyncio
import base64

import orjson

from app.auth.seat_tokens import SeatTokens
from app.auth.signatures import SignatureError, is_timely, read_mauth, read_own
from app.auth.tickets import TicketRefused, Tickets
from app.core.errors import Unauthorized, Unavailable
from app.store.redis import Redis
from tests.fuzz.engine import Target

WALL = 1_750_000_000.0
SECRET = "the fuzzer's secret of at least 32 bytes"
KEY = "the fuzzed service's key, long enough"


def run_signature(data: bytes) -> None:
    """Nothing but SignatureError leaves a reader, and nothing is proved without the key."""
    text = data.decode("utf-8", "replace")
    try:
        mauth = read_mauth(text)
    except SignatureError:
        pass
    else:
        _ = (mauth.username, is_timely(mauth.timestamp, WALL))
        assert not mauth.is_by(KEY)
    try:
        own = read_own(text)
    except SignatureError:
        pass
    else:
        assert not own.is_by(KEY, "POST", "/v1/rooms", b"{}")


def signature_seeds() -> list[bytes]:
    said = "mauth_serviceid=5a1,mauth_cnonce=12345,mauth_timestamp=1750000000000"
    return [
        f"MAuth realm=x,mauth_signature_method=HMAC_SHA1,{said},mauth_signature=YWJj".encode(),
        f"MAuth mauth_signature_method=HMAC_SHA256,{said},mauth_username=7J6Q,mauth_role=viewer,"
        "mauth_signature=YWJj".encode(),
        b"Lectern-HMAC-SHA256 service=5a1,timestamp=1750000000000,nonce=n1,signature=00ff",
    ]


def run_ticket(data: bytes) -> None:
    """A forged ticket is refused before Redis is asked, and so is a forged seat token."""
    text = data.decode("latin-1")

    async def take() -> None:
        nowhere = Redis("redis://127.0.0.1:1")
        try:
            await Tickets(nowhere, SECRET).take(text, WALL)
        except TicketRefused:
            return
        except Unavailable as fault:
            raise AssertionError("a forged ticket was looked up") from fault
        finally:
            await nowhere.close()

    asyncio.run(take())
    seats = SeatTokens(SECRET)
    _ = seats.is_one(text)
    try:
        seats.read(text, WALL)
    except Unauthorized:
        return
    raise AssertionError("a forged seat was taken")


def ticket_seeds() -> list[bytes]:
    said = {
        "tokenId": "x" * 24,
        "host": "class.example",
        "secure": True,
        "webTransportUrl": "",
        "room": "004217",
        "expires": int(WALL) + 180,
        "key": int(WALL) // 3600,
        "signature": "0" * 64,
    }
    shapes: list[object] = [said, {**said, "key": "1"}, {**said, "signature": None}, [], 7]
    token = b"eyJhbGciOiJIUzI1NiIsInR5cCI6ImxlY3Rlcm4tc2VhdCtqd3QifQ.e30.AAAA"
    return [*(base64.b64encode(orjson.dumps(shape)) for shape in shapes), token]


TARGETS = (
    Target("signature", run_signature, signature_seeds),
    Target("ticket", run_ticket, ticket_seeds),
)
