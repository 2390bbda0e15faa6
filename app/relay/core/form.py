"""How packets of a track look to those who negotiated alike: types, extensions, RED."""

import struct
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from app.relay.core.media import Kind, Section
from app.relay.core.red import primary, renamed
from app.relay.core.rtp import (
    ABS_SEND_TIME_URI,
    HOP_BY_HOP_URIS,
    NO_ELEMENTS,
    TRANSPORT_WIDE_URI,
    Layout,
    Packet,
    field,
    pack_elements,
)
from app.relay.core.sent import SentLog
from app.relay.core.track import Track

MAX_LAYOUTS: Final = 16
"""Layouts of a track's extensions that a line remembers how to write."""


@dataclass(frozen=True, slots=True)
class Form:
    """What subscribers must agree in to share a line."""

    kind: Kind
    ssrc: int
    codecs: tuple[tuple[str, int], ...]
    extensions: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, section: Section) -> "Form":
        return cls(
            section.kind,
            section.ssrc,
            tuple(sorted((c.key, c.payload_type) for c in section.codecs if c.key != "rtx")),
            tuple(item for item in section.extensions if item[0] not in HOP_BY_HOP_URIS),
        )

    def extension_id(self, uri: str) -> int:
        return next((ident for name, ident in self.extensions if name == uri), 0)


class Headers:
    """How a line's headers are written for packets of one layout: whole, by one packing."""

    __slots__ = ("_constants", "_first", "_has_time", "_order", "_pack")

    def __init__(
        self, layout: Layout, mapped: dict[int, int], send_time_id: int, transport_id: int
    ) -> None:
        """``mapped``: the layout's ids → ours. An id of 0 is not written."""
        # (id, bytes, struct's name, where it is among the packet's values, the time, the number)
        written: list[tuple[int, int, str, int]] = []
        for (ident, begin, stop), place in zip(layout.elements, layout.places, strict=True):
            ours, size = mapped.get(ident), stop - begin
            if ours is not None and ours == send_time_id:
                written.append((ours, 3, "3s", layout.count))
            elif ours is not None:
                written.append((ours, size, field(size), place))
        if transport_id:
            written.append((transport_id, 2, "2s", layout.count + 1))
        self._has_time = any(place == layout.count for _, _, _, place in written)
        self._first = 0x90 if written else 0x80
        packed = pack_elements([(ours, bytes(size)) for ours, size, _, _ in written])
        profile = int.from_bytes(packed[:2], "big")
        found = Layout(packed, profile, 4, len(packed)).elements if written else []
        form, order, position = "!BBHII", [], 0
        constants: list[bytes] = []
        """What stands between the values."""
        for (_, begin, stop), (_, _, name, place) in zip(found, written, strict=True):
            form += f"{begin - position}s{name}"
            order += [layout.count + 2 + len(constants), place]
            constants.append(packed[position:begin])
            position = stop
        if written:
            form += f"{len(packed) - position}s"
            order.append(layout.count + 2 + len(constants))
            constants.append(packed[position:])
        self._constants = tuple(constants)
        self._order = itemgetter(*order) if order else _nothing
        self._pack = struct.Struct(form).pack

    def write(
        self, packet: Packet, second: int, padded: int, index: int, timestamp: int, ssrc: int,
        now: float, number: bytes,
    ) -> bytes:  # fmt: skip
        """Return the header of a packet; ``padded`` is 0 or ``rtp.PADDED``."""
        time = b""
        if self._has_time:
            # 6.18 fixed point seconds: when it leaves here, not when it left the presenter.
            time = (int(now * (1 << 18)) & 0xFFFFFF).to_bytes(3, "big")
        values = self._order((*packet.values, time, number, *self._constants))
        first = self._first | padded
        return self._pack(first, second, index & 0xFFFF, timestamp, ssrc, *values)


def _nothing(_: tuple[Any, ...]) -> tuple[Any, ...]:
    return ()


class Dress:
    """Puts one track's packets into one form."""

    def __init__(self, form: Form, track: Track, log: SentLog, owner: int) -> None:
        payload_types: dict[str, int] = {}
        for name, payload_type in form.codecs:
            payload_types.setdefault(name, payload_type)
        self._types = {
            payload_type: payload_types[codec.key]
            for payload_type, codec in track.codecs.items()
            if codec.key in payload_types and codec.key != "rtx"
        }
        """The track's payload types → ours; a type that is missing cannot be carried."""
        self._red_types = frozenset(
            payload_type for payload_type, codec in track.codecs.items() if codec.key == "red"
        )
        ours = dict(form.extensions)
        self._extensions = {
            ident: ours[uri]
            for uri, ident in track.section.extensions
            if uri in ours and uri != TRANSPORT_WIDE_URI
        }
        self._send_time_id = form.extension_id(ABS_SEND_TIME_URI)
        self._transport_id = form.extension_id(TRANSPORT_WIDE_URI)
        self._headers: dict[Layout | None, Headers] = {}
        self._ssrc = form.ssrc
        self._log = log
        self._owner = owner

    def payload(self, packet: Packet) -> tuple[int | None, memoryview | None]:
        """Return our payload type and the payload, None for either where it cannot be carried."""
        payload_type = self._types.get(packet.payload_type)
        payload = packet.data[packet.payload : packet.end]
        if self._red_types and packet.payload_type in self._red_types and payload:
            return self._carry_red(payload_type, payload)
        return payload_type, payload

    def _carry_red(
        self, payload_type: int | None, payload: memoryview
    ) -> tuple[int | None, memoryview | None]:
        """Rename RED's inner types, or give only the primary to those without RED."""
        if payload_type is not None:
            return payload_type, renamed(payload, self._types)
        block = primary(payload)
        if block is None:
            return None, None
        return self._types.get(block[0]), block[1]

    def header(
        self, packet: Packet, payload_type: int, padded: int, index: int, timestamp: int, now: float
    ) -> bytes:
        """Return the whole header of a packet in our numbers; ``padded`` is 0 or ``rtp.PADDED``."""
        number = b""
        if self._transport_id:
            number = self._log.add(self._owner, index, packet.end - packet.payload, now)
        headers = self._headers.get(packet.layout) or self._learn(packet.layout)
        second = payload_type | 0x80 if packet.marker else payload_type
        return headers.write(packet, second, padded, index, timestamp, self._ssrc, now, number)

    def _learn(self, layout: Layout | None) -> Headers:
        if len(self._headers) >= MAX_LAYOUTS:
            self._headers.clear()
        ids = self._send_time_id, self._transport_id
        headers = self._headers[layout] = Headers(layout or NO_ELEMENTS, self._extensions, *ids)
        return headers
