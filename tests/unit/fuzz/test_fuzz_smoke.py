"""Each fuzz target keeps its promise on the corpus and on a second's worth of new inputs."""

import itertools
import random

import pytest

from tests.fuzz.engine import Broken, Target, attempt, corpus, fuzz, mutations
from tests.fuzz.targets import TARGETS

INPUTS = 60


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_promises_hold_on_the_corpus_and_beyond(target: Target) -> None:  # P7, rows 28 to 31
    pool = corpus(target)
    assert pool
    for data in pool:
        attempt(target, data)
    for data in itertools.islice(mutations(pool, target, random.Random(3)), INPUTS):
        attempt(target, data)


def test_a_broken_promise_is_found_and_its_input_kept(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.engine.CORPUS", tmp_path)

    def run(data: bytes) -> None:
        if data[:1] == b"B":
            raise RuntimeError("a defect")

    target = Target("planted", run, lambda: [b"AAAA"], (b"B",))
    with pytest.raises(Broken, match="planted: RuntimeError: a defect"):
        fuzz(target, 5.0, seed=1)
    (kept,) = tmp_path.glob("planted/broken-*")  # type: ignore[attr-defined]  # a Path
    assert kept.read_bytes()[:1] == b"B"
