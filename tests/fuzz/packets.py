"""An input that is several packets."""


def framed(*packets: bytes) -> bytes:
    """Return packets as one input: each after its length, as RFC 4571 writes them."""
    return b"".join(len(packet).to_bytes(2, "big") + packet for packet in packets)


def unframed(data: bytes) -> list[bytes]:
    packets, at = [], 0
    while at + 2 <= len(data) and len(packets) < 64:
        size = int.from_bytes(data[at : at + 2], "big")
        packets.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return packets
