"""What became of a lecture's recording: asked of the server, and played from its files."""

from pathlib import Path
from typing import Any

import av
import httpx

from tests.faults.world import SERVICE_TOKEN, World, until


def seconds_in(path: Path) -> float:
    """Return how much of a file plays."""
    end = 0.0
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams[0]):
            if packet.pts is not None and packet.time_base is not None:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
    return end


async def whole(world: World, lecture: str) -> dict[str, Any]:
    """Return what the server says of a recording, once that is closed and whole."""
    found: dict[str, Any] = {}

    async def is_done() -> bool:
        url = f"{world.apis[0].url}/lecture/recording/{lecture}"
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(url, headers={"Authorization": SERVICE_TOKEN})
        if answer.status_code == 200:
            found.update(answer.json())
        return found.get("state") == "done"

    await until(is_done, 60, "the recording is whole")
    return found
