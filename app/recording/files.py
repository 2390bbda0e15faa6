"""The files that a recorder has open: begun where a lane first needs one, told of when closed."""

from collections.abc import Callable

from app.recording.container import Format, MediaFile
from app.recording.lanes import AudioLane, VideoLane
from app.recording.model import Segment, new_segment_name
from app.recording.sessions import Lane, Track
from app.recording.spool import Spool


class Files:
    """Of all sessions. ``begun`` and ``finished`` hear of each segment whose file is open, and
    closed; the latter also where closing it fails."""

    def __init__(
        self,
        spool: Spool,
        begun: Callable[[Segment], None],
        finished: Callable[[Segment], None],
    ) -> None:
        self._spool = spool
        self._begun = begun
        self._finished = finished
        self._open: dict[MediaFile, Segment] = {}
        self._written = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def bytes_written(self) -> int:
        """To all files that there were."""
        return self._written + sum(file.bytes_written for file in self._open)

    def lane(self, track: Track) -> Lane | None:
        """Return where the track is written: a new file where its codec is another than before's;
        None while the session cannot write."""
        session, said = track.session, track.said
        if session.fault is not None:
            return None
        key = (said.publisher, said.source)
        lane = session.lanes.get(key)
        if lane is not None and lane.form != track.form:
            lane.close()
            lane = None
        if lane is None:
            lane = session.lanes[key] = self._new_lane(track)
        return lane

    def _new_lane(self, track: Track) -> Lane:
        session, said = track.session, track.said

        def opened(form: Format, start: float, size: tuple[int, int] | None) -> MediaFile:
            start_ms = round(start * 1000)
            segment = Segment(
                name=new_segment_name(said.publisher, said.source, start_ms, form.suffix),
                lecture=session.lecture,
                publisher=said.publisher,
                source=said.source,
                kind=said.kind,
                codec=form.codec,
                content_type=form.content_type,
                start_ms=start_ms,
            )
            file = MediaFile(self._spool.announce(segment), form, size)
            self._open[file] = segment
            self._begun(segment)
            return file

        kind = AudioLane if said.kind == "audio" else VideoLane
        return kind(track.form, opened, self._closed)

    def _closed(self, file: MediaFile) -> None:
        segment = self._open.pop(file)
        self._written += file.bytes_written
        try:
            file.close()
        finally:
            self._finished(segment)
