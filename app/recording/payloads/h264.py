"""H.264 access units from RTP payloads (RFC 6184), in the byte stream format (annex B)."""

from collections.abc import Iterator, Sequence

_START = b"\0\0\0\1"
_IDR, _SPS, _PPS, _STAP_A, _FU_A = 5, 7, 8, 24, 28


class Joiner:
    """Of one track: it keeps the parameter sets, which need not come with every picture."""

    def __init__(self) -> None:
        self._sets: dict[int, bytes] = {}

    def join(self, payloads: Sequence[bytes]) -> bytes | None:
        """Return the access unit, or None where it is malformed or a fragment is missing.

        One that begins a sequence always has its parameter sets.
        """
        units = _units(payloads)
        if not units:
            return None
        kinds = {unit[0] & 0x1F for unit in units}
        for unit in units:
            if unit[0] & 0x1F in (_SPS, _PPS):
                self._sets[unit[0] & 0x1F] = unit
        if _IDR in kinds:
            missing = [self._sets.get(kind) for kind in (_SPS, _PPS) if kind not in kinds]
            units = [unit for unit in missing if unit is not None] + units
        return b"".join(_START + unit for unit in units)


def _units(payloads: Sequence[bytes]) -> list[bytes] | None:
    """Return the NAL units, or None where something is cut short or not in order."""
    units: list[bytes] = []
    fragment: bytearray | None = None
    for payload in payloads:
        kind = payload[0] & 0x1F if payload else 0
        if kind != _FU_A and fragment is not None:
            return None
        if 0 < kind < _STAP_A:
            units.append(payload)
        elif kind == _STAP_A:
            units += _aggregated(payload)
        elif kind == _FU_A and len(payload) > 2:
            head = payload[1]
            if bool(head & 0x80) == (fragment is not None):  # a start within, or none before
                return None
            if fragment is None:
                fragment = bytearray((payload[0] & 0xE0 | head & 0x1F,))
            fragment += payload[2:]
            if head & 0x40:
                units.append(bytes(fragment))
                fragment = None
        else:
            return None
    return units if fragment is None else None


def _aggregated(payload: bytes) -> Iterator[bytes]:
    position = 1
    while position + 2 < len(payload):
        size = int.from_bytes(payload[position : position + 2])
        unit = payload[position + 2 : position + 2 + size]
        if unit:
            yield unit
        position += 2 + size
