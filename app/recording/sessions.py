"""What a recorder keeps of each lecture that it records, and of each track."""

from dataclasses import dataclass, field

from app.core.ids import LectureId
from app.recording.container import Format
from app.recording.frames import Frames, joiner
from app.recording.lanes import AudioLane, VideoLane
from app.recording.reorder import Reorder
from app.recording.timeline import Least, TrackTime
from app.recording.wire import Announce

Lane = AudioLane | VideoLane


@dataclass(slots=True)
class Session:
    """One lecture."""

    lecture: LectureId
    offset: float
    """Lecture time less monotonic time, in seconds."""
    lanes: dict[tuple[str, str], Lane] = field(default_factory=dict)
    """By publisher and source."""
    clocks: dict[str, Least] = field(default_factory=dict)
    fault: str | None = None
    retry_at: float = 0.0


@dataclass(slots=True)
class Track:
    """One track that the relay announced."""

    session: Session
    said: Announce
    form: Format
    time: TrackTime
    frames: Frames | None
    reorder: Reorder = field(default_factory=Reorder)
    asked_at: float = float("-inf")


def new_track(session: Session, said: Announce, form: Format) -> Track:
    """Return a track of ``session``; its publisher's tracks share one clock."""
    join = joiner(said.codec)
    shared = session.clocks.setdefault(said.publisher, Least())
    frames = Frames(join) if said.kind == "video" and join is not None else None
    return Track(session, said, form, TrackTime(said.clock_rate, shared), frames)
