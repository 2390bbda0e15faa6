"""How packets of a track look to those who negotiated alike: types, extensions, RED."""

from dataclasses import dataclass

from app.relay.core.media import Kind, Section
from app.relay.core.red import primary, renamed
from app.relay.core.rtp import (
    ABS_SEND_TIME_URI,
    HOP_BY_HOP_URIS,
    TRANSPORT_WIDE_URI,
    Packet,
    elements,
    pack_elements,
)
from app.relay.core.sent import SentLog
from app.relay.core.track import Track


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
        self._log = log
        self._owner = owner

    def payload(self, packet: Packet) -> tuple[int, memoryview] | None:
        """Return our payload type and the payload, or None where it cannot be carried."""
        payload_type = self._types.get(packet.payload_type)
        payload: memoryview | None = packet.data[packet.payload : packet.end]
        if packet.payload_type in self._red_types and payload:
            payload_type, payload = self._carry_red(payload_type, payload)
        return None if payload_type is None or payload is None else (payload_type, payload)

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

    def extensions(self, packet: Packet, index: int, now: float) -> bytes:
        """Return the whole header extension, empty if there is none."""
        mapped = self._extensions
        transport = self._transport_id
        if not transport and not packet.profile:
            return b""
        values: list[tuple[int, bytes | memoryview]] = []
        for ident, value in elements(packet) if mapped and packet.profile else ():
            ours = mapped.get(ident)
            if ours is None:
                continue
            if ours == self._send_time_id:
                # 6.18 fixed point seconds: when it leaves here, not when it left the presenter.
                values.append((ours, (int(now * (1 << 18)) & 0xFFFFFF).to_bytes(3, "big")))
            else:
                values.append((ours, value))
        if transport:
            size = packet.end - packet.payload
            values.append((transport, self._log.add(self._owner, index, size, now)))
        return pack_elements(values) if values else b""
