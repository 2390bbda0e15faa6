"""What stands in Redis at the end of a scene, read beside the server's own code."""

from typing import Any

from app.store import keys
from tests.faults.history import Final, Logged, StoredQuestion


async def read_final(raw: Any, room: Any) -> Final:
    """Return the room as it stands: stream, pending list, board, and every key's lifetime.

    The pending list is read by XPENDING, not by the script that the presenter's list comes from.
    """
    entries = await raw.xrange(keys.questions(room))
    stored = [
        StoredQuestion(entry.decode(), fields.get(b"content", b"").decode())
        for entry, fields in entries
    ]
    pending: list[str] = []
    if stored and await raw.exists(keys.questions(room)):
        try:
            waiting = await raw.xpending_range(
                keys.questions(room), keys.question_group(room), "-", "+", 20_000
            )
        except Exception as error:
            if "NOGROUP" not in str(error):
                raise
            waiting = []
        pending = [entry["message_id"].decode() for entry in waiting]
    board, digest = await raw.hmget(keys.room(room), "whiteboardObjects", "boardHash")
    return Final(
        stored,
        pending,
        board=board or b"",
        log=await read_log(raw, room),
        elements={key.decode() for key in await raw.hkeys(keys.elements(room))},
        element_hash=(digest or b"").decode(),
        lifetimes=await lifetimes(raw),
    )


async def read_log(raw: Any, room: Any) -> list[Logged]:
    """Return the room's log, as far back as it reaches."""
    return [
        Logged(
            int(entry.partition(b"-")[0]),
            fields[b"type"].decode(),
            fields[b"audience"].decode(),
            fields[b"type"] == b"media_moved" and b'"relay"' in fields[b"data"],
        )
        for entry, fields in await raw.xrange(keys.events(room))
    ]


async def lifetimes(raw: Any) -> dict[str, int]:
    """Return every key's TTL in ms. A key that goes while it is looked at has none to tell."""
    found = {}
    async for key in raw.scan_iter(count=1000):
        left = await raw.pttl(key)
        if left != -2:
            found[key.decode(errors="replace")] = left
    return found
