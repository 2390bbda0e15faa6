"""The spool: a live recorder's folder is its own, a dead one's is anybody's, once."""

import fcntl
import os
from pathlib import Path

import pytest

from app.core.ids import LectureId
from app.recording import spool as spool_module
from app.recording.model import Segment, new_segment_name
from app.recording.spool import Spool, forget, left_behind, sidecar


def segment(start_ms: int = 0) -> Segment:
    return Segment(
        name=new_segment_name("presenter", "microphone", start_ms, "webm"),
        lecture=LectureId("a" * 32),
        publisher="presenter",
        source="microphone",
        kind="audio",
        codec="opus",
        content_type="audio/webm",
        start_ms=start_ms,
    )


def dies(spool: Spool) -> None:
    os.close(spool._lock)


def test_what_a_live_recorder_writes_is_left_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.open()
    one = segment()
    spool.announce(one).write_bytes(b"sound")
    with left_behind(tmp_path) as found:
        assert found == []
    dies(spool)
    with left_behind(tmp_path) as found, left_behind(tmp_path) as second:
        assert found == [(one, spool.path(one))]
        assert second == []
        forget(found[0][1])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_never_begun_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.open()
    path = spool.announce(segment())
    (spool.folder / "rubbish.webm.json").write_text("{}")
    dies(spool)
    with left_behind(tmp_path) as found:
        assert found == []
    assert not sidecar(path).exists()


def test_a_spool_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    with left_behind(tmp_path / "nowhere") as found:
        assert found == []


def test_a_look_in_between_costs_a_new_recorder_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, looked = spool_module._locked, []

    def locked(folder: Path) -> int:
        if not looked:
            looked.append(lock(folder))  # somebody looks for what the dead left
        return lock(folder)

    monkeypatch.setattr(spool_module, "_locked", locked)
    spool = Spool(tmp_path)
    spool.open()
    with pytest.raises(BlockingIOError):
        fcntl.flock(os.open(spool.folder / "lock", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
    spool.close()
    assert not spool.folder.exists()


def test_names_sort_by_time() -> None:
    names = [new_segment_name("presenter", "camera", at, "webm") for at in (0, 999, 14_400_000)]
    assert sorted(names) == names
    assert len({new_segment_name("p", "camera", 0, "webm") for _ in range(50)}) == 50
