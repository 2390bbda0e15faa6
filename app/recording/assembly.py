"""A recording made whole: its segments joined, its sound mixed, all of it put where it belongs.

It runs as a process of its own (``python -m app finalise``): an hour of sound takes half a minute
of computing, which no process that serves people has to spare, and to cancel it is to kill it.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
from pydantic import ValidationError

from app.core.errors import NotFound, Unavailable
from app.recording.container import UnreadableError, format_of
from app.recording.delivery import raw_prefix
from app.recording.joining import Joined, Joiner, Piece
from app.recording.mixing import mix
from app.recording.model import Segment
from app.recording.orders import Advanced, Assembled, Away, Incomplete, Order, Report
from app.recording.segments import Group, RecordedFile, final_name, grouped, key_of, mix_name
from app.recording.storage.port import Storage, StoredObject

log = structlog.get_logger(__name__)

MOST_PERCENT: Final = 99
"""What is left is for whoever notes the outcome."""


class Assembly:
    """One run. ``work`` is a folder of its own, emptied before and after."""

    def __init__(
        self, order: Order, storage: Storage, work: Path, report: Callable[[Report], None]
    ) -> None:
        self._order = order
        self._storage = storage
        self._work = work
        self._report = report
        self._total = 1
        self._seen = 0
        self._percent = 0
        self._used: list[str] = []
        self._paths: dict[str, Path] = {}

    async def run(self) -> None:
        """Do it; the last report says what came of it."""
        await asyncio.to_thread(self._clear)
        try:
            self._report(await self._assemble())
        except Unavailable as error:
            self._report(Away(reason=error.message))
        except OSError as error:
            self._report(Away(reason=error.strerror or "the disk fails"))
        finally:
            await asyncio.to_thread(shutil.rmtree, self._work, ignore_errors=True)

    def _clear(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(mode=0o700, parents=True)

    async def _assemble(self) -> Report:
        found = await self._storage.names(raw_prefix(self._order.lecture))
        media = {one.key for one in found}
        sidecars = [one for one in found if one.key.endswith(".json")]
        missing = [one for one in sidecars if one.key.removesuffix(".json") not in media]
        if missing and not self._order.is_last_call:
            return Incomplete(missing=len(missing))
        if missing:
            log.warning("segments never came", lecture=self._order.lecture, segments=len(missing))
        segments = await self._fetch([one for one in sidecars if one not in missing])
        groups = grouped([*segments, *(await self._fetch_finals())])
        self._count(groups)
        files = [
            made for group, members in groups.items() if (made := await self._join(group, members))
        ]
        mixed = await self._mix(groups)
        self._used += [one.key for one in missing]
        name = mix_name(self._order.lecture) if mixed is not None else None
        return Assembled(
            files=[*files, *([mixed] if mixed is not None else [])], audio=name, used=self._used
        )

    # In --------------------------------------------------------------------------------------

    async def _fetch(self, sidecars: Sequence[StoredObject]) -> list[Segment]:
        segments: list[Segment] = []
        for one in sidecars:
            beside = self._work / "segment.json"
            await self._storage.fetch(one.key, beside)
            try:
                segment = Segment.model_validate_json(await asyncio.to_thread(beside.read_bytes))
            except ValidationError:
                log.warning("a segment says nothing of itself", key=one.key)
                continue
            key = one.key.removesuffix(".json")
            await self._bring(key, segment.name)
            self._used += [key, one.key]
            segments.append(segment)
        return segments

    async def _fetch_finals(self) -> list[Segment]:
        segments: list[Segment] = []
        for one in self._order.finals:
            if one.kind == "mix":
                continue
            name = f"before-{one.name}"
            try:
                await self._bring(key_of(self._order.lecture, one.name), name)
            except NotFound:
                continue
            segments.append(
                Segment.model_validate(
                    {
                        "name": name,
                        "lecture": self._order.lecture,
                        "publisher": one.publisher,
                        "source": one.source,
                        "kind": one.kind,
                        "codec": one.codec,
                        "content_type": one.content_type,
                        "start_ms": one.start_ms,
                    }
                )
            )
        return segments

    async def _bring(self, key: str, name: str) -> None:
        path = self._work / name
        await self._storage.fetch(key, path)
        self._paths[name] = path

    # Out -------------------------------------------------------------------------------------

    def _pieces(self, members: Sequence[Segment]) -> list[Piece]:
        return [Piece(self._paths[one.name], one.start_ms) for one in members]

    def _count(self, groups: dict[Group, list[Segment]]) -> None:
        """Find out how much is to be done: sound is gone through twice."""
        for members in groups.values():
            size = sum(self._paths[one.name].stat().st_size for one in members)
            self._total += size * (2 if members[0].kind == "audio" else 1)

    def _advance(self, size: int) -> None:
        self._seen += size
        percent = min(MOST_PERCENT, self._seen * 100 // self._total)
        if percent > self._percent:
            self._percent = percent
            self._report(Advanced(percent=percent))

    async def _join(self, group: Group, members: Sequence[Segment]) -> RecordedFile | None:
        form = format_of(group[2])
        if form is None:
            return None
        name = final_name(group, form.suffix)
        path = self._work / name

        def work() -> Joined | None:
            try:
                return Joiner(form, path).join(self._pieces(members), self._advance)
            except UnreadableError:
                log.warning("a source has no picture to begin with", name=name)
                return None

        joined = await asyncio.to_thread(work)
        if joined is None:
            return None
        size = await self._keep(name, path, form.content_type)
        first = members[0]
        return RecordedFile(
            name,
            first.kind,
            first.publisher,
            first.source,
            first.codec,
            form.content_type,
            size,
            joined.start_ms,
            joined.end_ms,
            tuple(joined.active),
        )

    async def _mix(self, groups: dict[Group, list[Segment]]) -> RecordedFile | None:
        sources: dict[str, list[Segment]] = {}
        for (publisher, _, codec), members in groups.items():
            if codec == "opus":
                sources.setdefault(publisher, []).extend(members)
        if not sources:
            return None
        name = mix_name(self._order.lecture)
        path = self._work / name
        length = await asyncio.to_thread(
            mix, [self._pieces(one) for one in sources.values()], path, self._advance
        )
        size = await self._keep(name, path, "audio/mpeg")
        whole: Any = ((0, length),)
        return RecordedFile(
            name, "mix", "all", "microphone", "mp3", "audio/mpeg", size, 0, length, whole
        )

    async def _keep(self, name: str, path: Path, content_type: str) -> int:
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        await self._storage.put(key_of(self._order.lecture, name), path, content_type)
        return size
