"""Existing clients' record: objects never empty, thinned, and bounded (X2, X18)."""

import gzip

import orjson

from app.archive import record
from app.archive.record import NO_OBJECTS, Extent, Log, RecordMaker

VIEW = {"viewport": [1, 0, 0, 1, 0, 0], "eventTime": 0, "width": 2, "height": 3}


def logs_of(
    maker: RecordMaker, events: list[tuple[int, str, dict[str, object], bytes | None]]
) -> list[Log]:
    logs: list[Log] = []
    for seq, (at, kind, data, objects) in enumerate(events, 1):
        logs += maker.take(seq, at, kind, data, objects)
    return logs + list(maker.last())


def test_a_pan_is_thinned_and_its_end_is_told() -> None:
    pan = [(16 * n, "board", {**VIEW, "eventTime": 16 * n}, None) for n in range(1, 61)]
    logs = logs_of(RecordMaker(Extent(960, 1, 10), 0), [(0, "board", VIEW, b"gz"), *pan])
    assert 4 <= len(logs) <= 6
    assert logs[-1].view["eventTime"] == 960
    assert {log.objects for log in logs} == {b"gz"}


def test_no_stroke_is_left_out() -> None:
    strokes = [(n, "board", VIEW, bytes([n])) for n in range(1, 100)]
    logs = logs_of(RecordMaker(Extent(100, 99, 99), 0), strokes)
    assert [log.objects for log in logs] == [bytes([n]) for n in range(1, 100)]


def test_before_the_first_objects_there_are_some() -> None:
    (log,) = logs_of(RecordMaker(Extent(), 0), [(0, "board", VIEW, None)])
    assert log.objects == NO_OBJECTS
    read = orjson.loads(log.json())
    assert gzip.decompress(bytes(read["objects"])) == b"[]"
    assert read["viewport"] == VIEW["viewport"]


def test_a_record_is_bounded_however_much_was_drawn() -> None:
    size, count = 100_000, 2_000
    extent = Extent(4 * 3600_000, count, size * count)
    maker = RecordMaker(extent, 0)
    step = extent.duration_ms // count
    events = [(n * step, "board", VIEW, b"%06d" % n + bytes(size - 6)) for n in range(count)]
    logs = logs_of(maker, events)
    told = sum(len(log.objects) for log in logs) * record.CHARACTERS_PER_BYTE
    assert record.MOST_BYTES / 4 < told < 1.2 * record.MOST_BYTES
    assert logs[-1].objects.startswith(b"%06d" % (count - 1))


def test_a_page_of_elements_is_told_now_and_then() -> None:
    put = {"id": "a", "version": 1, "versionNonce": 1}
    events: list[tuple[int, str, dict[str, object], bytes | None]] = [
        (n, "drawn", {"rev": n, "ops": [{"put": {**put, "version": n}}]}, None)
        for n in range(1000, 4000, 10)
    ]
    logs = logs_of(RecordMaker(Extent(3000), 1000), events)
    assert len(logs) == 4
    assert [log.view["eventTime"] for log in logs] == [0, 1000, 2000, 2990]
    last = orjson.loads(gzip.decompress(logs[-1].objects))
    assert last[0]["version"] == 3990


def test_equal_logs_have_equal_digests() -> None:
    one, other = Log(b"x", VIEW), Log(b"x", {**VIEW, "width": 2.0})
    assert one.digest == other.digest
    assert one.digest != Log(b"y", VIEW).digest != Log(b"x", {**VIEW, "width": 4}).digest
