"""What two relays tell each other of a room that they share: what there is, and what is wanted.

A sheet is whole, so that a lost one costs nothing but time. It travels inside SRTCP as RTCP APP
packets (RFC 3550 §6.7) named ``LCTN``: compressed JSON, cut to fit datagrams. The neighbour is
authentic, but may be of another version: what cannot be read is dropped and counted.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import orjson

from app.core.ids import PeerId
from app.relay.core.events import MutedBy
from app.relay.core.media import Codec, Kind, SourceName

NAME = b"LCTN"
APP = 204
CHUNK_BYTES = 1_000
"""Of one part: with headers, below every path's MTU."""
MAX_PARTS = 32
MAX_BYTES = 256 * 1024
"""Of a sheet's JSON."""
MAX_STREAMS = 64
MAX_LAYERS = 4
MAX_WANTS = MAX_STREAMS * MAX_LAYERS

_HEAD = struct.Struct("!IIBBH")
"""Version of the sheet, of the neighbour's that we have, part, parts, bytes in this part."""


@dataclass(frozen=True, slots=True)
class LayerSheet:
    """One track that may be had under ``ssrc``."""

    ssrc: int
    active: bool
    width: int
    height: int
    rates: tuple[int, ...]
    """Bits per second of each temporal layer."""


@dataclass(frozen=True, slots=True)
class StreamSheet:
    """One source of one publisher: all its simulcast layers, wanted or not."""

    owner: PeerId
    is_presenter: bool
    source: SourceName
    kind: Kind
    codecs: tuple[Codec, ...]
    extensions: tuple[tuple[str, int], ...]
    muted_by: tuple[MutedBy, ...]
    layers: tuple[LayerSheet, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that one end has for the other, and all that it wants of the other's last sheet."""

    streams: tuple[StreamSheet, ...] = ()
    wants: tuple[tuple[int, int], ...] = ()
    """(SSRC, highest temporal layer that anybody watches)."""

    def encode(self) -> bytes:
        """Return the compressed form; equal sheets have equal forms."""
        return zlib.compress(orjson.dumps({"streams": self.streams, "wants": self.wants}), 1)


def decode(data: bytes) -> Sheet:
    """Return the sheet that ``encode`` made. Raises ValueError for anything else."""
    unpack = zlib.decompressobj()
    try:
        text = unpack.decompress(data, MAX_BYTES)
        body = orjson.loads(text)
        return Sheet(
            tuple(_stream(one) for one in body["streams"][:MAX_STREAMS]),
            tuple((_ssrc(ssrc), int(temporal)) for ssrc, temporal in body["wants"][:MAX_WANTS]),
        )
    except (zlib.error, KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError("this is no sheet") from error


def _ssrc(value: Any) -> int:
    number = int(value)
    if not 0 < number < 1 << 32:
        raise ValueError("no SSRC")
    return number


def _stream(one: dict[str, Any]) -> StreamSheet:
    source, kind = one["source"], one["kind"]
    if source not in ("microphone", "camera", "screen") or kind not in ("audio", "video"):
        raise ValueError("an unknown kind of stream")
    return StreamSheet(
        PeerId(str(one["owner"])),
        bool(one["is_presenter"]),
        source,
        kind,
        tuple(
            Codec(int(c["payload_type"]), str(c["key"]), int(c["clock_rate"]), int(c["apt"]))
            for c in one["codecs"]
        ),
        tuple((str(uri), int(ident)) for uri, ident in one["extensions"]),
        cast(
            "tuple[MutedBy, ...]",
            tuple(by for by in one["muted_by"] if by in ("owner", "presenter")),
        ),
        tuple(
            LayerSheet(
                _ssrc(layer["ssrc"]),
                bool(layer["active"]),
                int(layer["width"]),
                int(layer["height"]),
                tuple(int(rate) for rate in layer["rates"]),
            )
            for layer in one["layers"][:MAX_LAYERS]
        ),
    )


def write(ssrc: int, version: int, has: int, data: bytes) -> list[bytes]:
    """Return the APP packets that carry an encoded sheet; one without content for empty data.

    ``has`` is the version of the neighbour's sheet that we have. Raises ValueError for a sheet that
    is longer than ``MAX_PARTS`` parts.
    """
    chunks = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)] or [b""]
    if len(chunks) > MAX_PARTS:
        raise ValueError("this sheet is too long")
    packets = []
    parts = len(chunks) if data else 0
    for part, chunk in enumerate(chunks):
        body = struct.pack("!I", ssrc) + NAME + _HEAD.pack(version, has, part, parts, len(chunk))
        body += chunk + bytes(-len(chunk) % 4)
        packets.append(struct.pack("!BBH", 0x80, APP, len(body) // 4) + body)
    return packets


@dataclass(frozen=True, slots=True)
class Part:
    """One APP packet as it came; ``parts`` is 0 for one that carries nothing."""

    version: int
    has: int
    part: int
    parts: int
    chunk: bytes


def parts_of(compound: bytes) -> Iterable[Part]:
    """Return the parts of sheets in an opened compound that ``rtcp.parse`` took as sound."""
    position = 0
    while position + 4 <= len(compound):
        end = position + 4 + 4 * int.from_bytes(compound[position + 2 : position + 4], "big")
        body = compound[position + 4 : end]
        if compound[position + 1] == APP and body[4:8] == NAME and len(body) >= 8 + _HEAD.size:
            version, has, part, parts, size = _HEAD.unpack_from(body, 8)
            start = 8 + _HEAD.size
            if part < max(1, parts) <= MAX_PARTS and start + size <= len(body):
                yield Part(version, has, part, parts, body[start : start + size])
        position = end


class Assembly:
    """Puts the parts of the newest sheet together; those of older ones are dropped."""

    def __init__(self) -> None:
        self.version = 0
        """Of the newest whole sheet."""
        self._open = 0
        self._chunks: dict[int, bytes] = {}

    def add(self, part: Part) -> bytes | None:
        """Take a part; return the sheet that it makes whole."""
        if part.version <= self.version or part.version < self._open or not part.parts:
            return None
        if part.version > self._open:
            self._open = part.version
            self._chunks.clear()
        self._chunks[part.part] = part.chunk
        if len(self._chunks) < part.parts:
            return None
        self.version = part.version
        whole = b"".join(chunk for _, chunk in sorted(self._chunks.items()))
        self._chunks.clear()
        return whole
