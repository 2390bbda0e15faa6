"""What the archive needs from its neighbours, by shape alone."""

from collections.abc import Mapping
from typing import Any, Protocol

from app.core.ids import LectureId


class LectureFiles(Protocol):
    """The files of a lecture: what ``app.recording`` made."""

    async def delete(self, lecture: LectureId) -> None:
        """Delete every file of the lecture; fine where there is none. Raises Unavailable."""

    async def audio_url(self, lecture: LectureId) -> str | None:
        """Return a signed address of the lecture's audio, good for a while; None without one."""

    async def summary(self, lecture: LectureId) -> Mapping[str, Any]:
        """Return what there is of recordings, as the record of a lecture shows it."""


class NoFiles:
    """Where nothing is recorded."""

    async def delete(self, lecture: LectureId) -> None:
        """Nothing to do."""

    async def audio_url(self, lecture: LectureId) -> str | None:  # noqa: ARG002 (the port's)
        return None

    async def summary(self, lecture: LectureId) -> Mapping[str, Any]:  # noqa: ARG002 (the port's)
        return {}
