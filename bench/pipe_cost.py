"""What a pipe costs a relay's core: one more copy, one more line, one packet that comes by it.
``python -m bench.pipe_cost`` takes some seconds; the socket is left out, so compare the rows.
"""

import gc
import time
from collections.abc import Callable

from app.relay.core.media import Address
from tests.unit.relay.core.pipe_world import Campus, Site
from tests.unit.relay.core.world import VIDEO_SSRC, Client, VideoSource

FRAMES, PACKETS, PAYLOAD = 3_000, 2, 900
RUNS = 3

Batch = list[tuple[bytearray, Address]]


def _nowhere(data: memoryview, segment: int, _: Address) -> int:
    return -(-len(data) // segment)


def _warm(campus: Campus, presenter: Client) -> VideoSource:
    video = VideoSource(presenter, VIDEO_SSRC)
    for _ in range(2):
        presenter.send(*video.frame(PACKETS, True, PAYLOAD))
        campus.advance(0.1)
    return video


def _cost(site: Site, now: float, batches: list[Batch]) -> float:
    """Return microseconds per packet that comes."""
    site.transmit = _nowhere  # the kernel is not what is measured
    gc.collect()
    began = time.process_time()
    for batch in batches:
        site.relay.receive(batch, now)
    return (time.process_time() - began) / len(batches) / PACKETS * 1e6


def first(relays: int, listeners: int) -> float:
    """Cost at the presenter's relay."""
    campus = Campus("root", *(f"e{number}" for number in range(relays)))
    root = campus.sites["root"]
    presenter = root.presenter()
    for number in range(relays):
        _ = campus.join(f"e{number}", "root")
        campus.sites[f"e{number}"].participant(f"x{number}")
    for number in range(listeners):
        root.participant(f"l{number}")
    video = _warm(campus, presenter)
    frames = [video.frame(PACKETS, False, PAYLOAD) for _ in range(FRAMES)]
    sealed: list[Batch] = [
        [(bytearray(presenter.seal(packet)), presenter.address) for packet in frame]
        for frame in frames
    ]
    return _cost(root, campus.now, sealed)


def other(listeners: int) -> float:
    """Cost at a relay that is fed by a pipe."""
    campus = Campus("root", "edge")
    root, edge = campus.sites["root"], campus.sites["edge"]
    presenter = root.presenter()
    _ = campus.join("edge", "root")
    for number in range(listeners):
        edge.participant(f"l{number}")
    video = _warm(campus, presenter)
    caught: Batch = []

    def catch(site: Site, data: bytes, _: Address) -> None:
        if site is root and not 192 <= data[1] <= 223:
            caught.append((bytearray(data), root.address))

    campus.carry = catch  # type: ignore[method-assign]
    batches: list[Batch] = []
    for _ in range(FRAMES):
        presenter.send(*video.frame(PACKETS, False, PAYLOAD))
        batches.append(list(caught))
        caught.clear()
    return _cost(edge, campus.now, batches)


def _least(measure: Callable[[], float]) -> str:
    return f"{min(measure() for _ in range(RUNS)):.1f}"


def main() -> None:
    """Print the table."""
    print("| relay | other relays fed | listeners | us per packet that comes |\n|---|---|---|---|")
    for relays, listeners in ((0, 1), (1, 0), (8, 0), (32, 0), (0, 32), (0, 100), (32, 100)):
        cost = _least(lambda: first(relays, listeners))  # noqa: B023  (called at once)
        print(f"| the presenter's | {relays} | {listeners} | {cost} |")
    for listeners in (1, 100):
        cost = _least(lambda: other(listeners))  # noqa: B023
        print(f"| fed by a pipe | 0 | {listeners} | {cost} |")


if __name__ == "__main__":
    main()
