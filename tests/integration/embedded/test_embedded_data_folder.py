"""The data folder: one run at a time, and secrets that are made once."""

import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.store.data_folder import DataFolder, DataFolderError


def test_a_second_run_on_the_folder_is_refused(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    first.lock()
    with pytest.raises(DataFolderError, match="in use by another Lectern"):
        second.lock(patience=0.1)
    first.unlock()
    second.lock(patience=0.1)
    second.unlock()


def test_the_folder_stays_claimed_while_a_child_holds_the_lock(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path), DataFolder(tmp_path)
    descriptor = first.lock()
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[descriptor]
    )
    first.unlock()
    with pytest.raises(DataFolderError, match="in use"):
        second.lock(patience=0.1)
    child.communicate(timeout=10)
    second.lock(patience=2)
    second.unlock()


def test_a_secret_is_made_once_and_is_for_the_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    made = folder.secret("jwt-secret")
    assert len(made) == 64
    assert DataFolder(tmp_path / "data").secret("jwt-secret") == made
    assert folder.secret("service-token") != made
    assert stat.S_IMODE((folder.path / "jwt-secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert sorted(path.name for path in folder.path.iterdir()) == ["jwt-secret", "service-token"]


def _make(path: Path) -> str:
    return DataFolder(path).secret("jwt-secret")


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(6) as pool:
        made = pool.map(_make, [tmp_path] * 60, chunksize=1)
    assert len(set(made)) == 1


def test_a_secret_that_was_emptied_is_refused(tmp_path: Path) -> None:
    (tmp_path / "jwt-secret").write_text("oops\n")
    with pytest.raises(DataFolderError, match="delete it"):
        DataFolder(tmp_path).secret("jwt-secret")


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match=r"LECTERN_DATA_DIR: .* cannot be written"):
        DataFolder(tmp_path / "file" / "data").prepare()
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(DataFolderError, match="cannot be written"):
            DataFolder(tmp_path / "closed").prepare()
