"""Opus packets (RFC 6716): how long one is, and packets of true silence of any length."""

RATE = 48_000
"""Samples per second that durations are counted in, whatever the encoder's bandwidth."""

_FRAME_SAMPLES = (
    *(480, 960, 1920, 2880) * 3,  # SILK: 10, 20, 40, 60 ms
    *(480, 960) * 2,  # hybrid: 10, 20 ms
    *(120, 240, 480, 960) * 4,  # CELT: 2.5, 5, 10, 20 ms
)
"""By the configuration number of the first byte (§3.1, table 2)."""

LONGEST = 5_760
"""Samples of the longest packet: 120 ms (§3.2.5)."""
SHORTEST = 120
"""Samples of the shortest frame: 2.5 ms."""

_FRAME = b"\xff\xfe"
"""A CELT frame whose first symbol is the silence flag (§4.3): it decodes to zeros."""
_CELT_FULLBAND = {120: 28, 240: 29, 480: 30, 960: 31}
_MANY = 3
"""Code of a packet with a count of frames (§3.2.5)."""


def samples(packet: bytes) -> int:
    """Return how many samples at 48 kHz the packet lasts; 0 for one that is malformed."""
    if not packet:
        return 0
    frame = _FRAME_SAMPLES[packet[0] >> 3]
    code = packet[0] & 3
    if code < _MANY:
        return frame * (1 if code == 0 else 2)
    if len(packet) < 2:
        return 0
    total = frame * (packet[1] & 0x3F)
    return total if 0 < total <= LONGEST else 0


def silence(length: int) -> list[tuple[bytes, int]]:
    """Return packets of silence, with their samples, that last ``length`` samples together.

    What is left of ``length`` below 2.5 ms is left out.
    """
    packets: list[tuple[bytes, int]] = []
    most = bytes((_CELT_FULLBAND[960] << 3 | _MANY, LONGEST // 960)) + _FRAME * (LONGEST // 960)
    while length >= LONGEST:
        packets.append((most, LONGEST))
        length -= LONGEST
    for size in (960, 480, 240, 120):
        while length >= size:
            packets.append((bytes((_CELT_FULLBAND[size] << 3,)) + _FRAME, size))
            length -= size
    return packets
