"""Packets of one line in their final plain form, laid out for ``burst``: arrays over one buffer."""

from array import array

CAPACITY = 64
"""Packets: what one UDP_SEGMENT send takes on older kernels."""
STRIDE = 2048
"""Bytes of a slot: a packet from a 1,500-byte datagram, a rebuilt extension block, padding."""
MAX_PACKET = 1472
"""Largest sealed datagram forwarded: Ethernet's 1,500 bytes less the IPv4 and UDP headers."""
_TAG_ROOM = 16


class Batch:
    """Up to ``CAPACITY`` packets. The arrays are as long as ``count`` and run in line order."""

    __slots__ = ("buffer", "count", "headers", "indices", "lengths", "markers", "offsets",
                 "payloads", "pictures", "timestamps", "tl0s", "view")  # fmt: skip

    def __init__(self) -> None:
        self.buffer = bytearray(CAPACITY * STRIDE)
        self.view = memoryview(self.buffer)
        self.offsets = array("I", (slot * STRIDE for slot in range(CAPACITY)))
        self.count = 0
        self.headers = array("H", bytes(2 * CAPACITY))
        """Header lengths, extension included: what is authenticated but not encrypted."""
        self.lengths = array("H", bytes(2 * CAPACITY))
        self.indices = array("Q", bytes(8 * CAPACITY))
        """48-bit line indices; the low 16 bits are the sequence numbers."""
        self.timestamps = array("I", bytes(4 * CAPACITY))
        self.markers = array("B", bytes(CAPACITY))
        self.payloads = array("H", bytes(2 * CAPACITY))
        """Payload lengths without padding, for sender reports."""
        self.pictures = array("H", bytes(2 * CAPACITY))
        """Where in the slot a VP8 picture id stands (``vp8.WIDE`` added for 15 bits); 0: none."""
        self.tl0s = array("H", bytes(2 * CAPACITY))
        """Where in the slot a VP8 TL0PICIDX stands; 0: none."""

    def append(
        self, header: bytes, payload: memoryview, padding: int, index: int, timestamp: int
    ) -> bool:
        """Add a packet; return False, adding nothing, if it is too large to forward.

        ``header`` has its padding bit set as ``padding`` says; the caller flushes a full batch.
        """
        slot = self.count
        start = slot * STRIDE
        head = len(header)
        body = len(payload)
        length = head + body + padding
        if length > MAX_PACKET - _TAG_ROOM:
            return False
        buffer = self.buffer
        buffer[start : start + head] = header
        buffer[start + head : start + head + body] = payload
        if padding:
            buffer[start + head + body : start + length] = bytes(padding - 1) + bytes((padding,))
        self.headers[slot] = head
        self.lengths[slot] = length
        self.payloads[slot] = body
        self.indices[slot] = index
        self.timestamps[slot] = timestamp
        self.markers[slot] = header[1] >> 7
        self.pictures[slot] = self.tl0s[slot] = 0
        self.count = slot + 1
        return True

    def pad(self, slot: int) -> bool:
        """Make a packet one byte longer with RTP padding; False if it is padded already."""
        start = slot * STRIDE
        if self.buffer[start] & 0x20:
            return False
        self.buffer[start] |= 0x20
        self.buffer[start + self.lengths[slot]] = 1
        self.lengths[slot] += 1
        return True

    def is_padded(self, slot: int) -> bool:
        return bool(self.buffer[slot * STRIDE] & 0x20)
