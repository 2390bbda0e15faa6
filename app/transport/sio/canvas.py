"""The stored board as the canvas JSON from which a returning presenter's page restores itself.

Existing clients restore from that alone; without it their next stroke would wipe the board of
everybody (seed row X9).
"""

import asyncio
import zlib

import orjson
import structlog

log = structlog.get_logger(__name__)

MAX_INFLATED_BYTES = 16 * 1024 * 1024
"""A megabyte of gzip can be a gigabyte; real boards shrink about ten to one."""

INLINE_BYTES = 32 * 1024
"""Compressed boards up to this size are inflated on the event loop (under a millisecond)."""

VERSION = "5.3.0"
"""The canvas library's format version; its loader reads the objects whatever stands here."""

_AUTO_HEADER = 32 + zlib.MAX_WBITS
"""zlib: recognise gzip and zlib headers."""


async def canvas_json(objects: bytes) -> orjson.Fragment:
    """Return ``{"version", "objects", "background"}``, ready to stand in a message.

    ``objects`` is gzip of a JSON list. Anything else becomes a canvas without objects and a line
    in the log: a returning presenter is never refused for it.
    """
    if len(objects) <= INLINE_BYTES:
        listed = _objects(objects)
    else:
        listed = await asyncio.to_thread(_objects, objects)
    return orjson.Fragment(
        b'{"version":"' + VERSION.encode() + b'","objects":' + listed + b',"background":"white"}'
    )


def _objects(packed: bytes) -> bytes:
    """Return the JSON text of the list, or of an empty one."""
    if not packed:
        return b"[]"
    try:
        inflater = zlib.decompressobj(_AUTO_HEADER)
        text = inflater.decompress(packed, MAX_INFLATED_BYTES)
        if inflater.unconsumed_tail or not inflater.eof:
            log.warning("board not restorable", reason="too large or cut short", bytes=len(packed))
            return b"[]"
        if not isinstance(orjson.loads(text), list):
            log.warning("board not restorable", reason="no list", bytes=len(packed))
            return b"[]"
    except (zlib.error, ValueError) as fault:
        log.warning("board not restorable", reason=type(fault).__name__, bytes=len(packed))
        return b"[]"
    return text
