"""A lecture's record over REST: for its presenter, its audience and services, and nobody else."""

import base64
import gzip
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from app.core.ids import ConnectionId
from app.subtitles.model import Audio
from app.whiteboard.model import Author, Board
from tests.integration.archive.conftest import PRESENTER, ArchiveWorld
from tests.integration.archive.site import SERVICE, ArchiveSite
from tests.integration.archive.test_archive_log import element, whole

ADA = Author("ada@example.org", 1)


@pytest.fixture
async def site(world: ArchiveWorld) -> AsyncIterator[ArchiveSite]:
    made = ArchiveSite(world)
    yield made
    await made.book.close()
    await made.client.aclose()


async def get(site: ArchiveSite, path: str, headers: dict[str, str], status: int = 200) -> Any:
    answer = await site.client.get(path, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


READS = ("", "/board", "/board/at?t=0", "/keyframes", "/questions", "/chapters", "/marks",
         "/captions", "/captions.vtt", "/attendance")  # fmt: skip


async def test_only_those_who_were_there_read(site: ArchiveSite) -> None:  # X17
    lecture = await site.world.start()
    sam = await site.sign_up("sam")
    eve = await site.sign_up("eve")
    await site.world.catalogue.attend(lecture.id, "sam@example.org")  # type: ignore[arg-type]
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    ada = site.as_("ada")
    paths = [f"/lecture/archive/{lecture.id}{read}" for read in READS]
    for path in [*paths, f"/lecture/record/{lecture.id}"]:
        expected = {"ada": 200, "sam": 403 if path.endswith("/attendance") else 200, "eve": 403}
        for name, headers in (("ada", ada), ("sam", sam), ("eve", eve)):
            answer = await site.client.get(path, headers=headers)
            assert answer.status_code == expected[name], (path, name)
        assert (await site.client.get(path)).status_code == 401
        assert (await site.client.get(path, headers=SERVICE)).status_code == 200
    assert (await site.client.get(f"/lecture/archive/{'0' * 32}", headers=ada)).status_code == 404
    # By id alone: a code is given again to others.
    assert (
        await site.client.get(f"/lecture/record/{lecture.code}", headers=ada)
    ).status_code == 404


async def test_a_record_of_whole_boards(site: ArchiveSite) -> None:  # B11, X2, X18
    lecture = await site.world.start()
    room, ada = lecture.code, site.as_("ada")
    boards = [
        Board(b"", event_time=1.0),
        whole("one"),
        Board(b"", event_time=6.0, width=9.0),
        whole("two"),
    ]
    for board in boards:
        await site.world.boards.edit(room, 1, board)
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    record = await get(site, f"/lecture/record/{lecture.id}", ada)
    assert (record["subtitles"], record["audio_file"]) == ([], "")
    logs = record["logs"]
    assert [orjson.loads(gzip.decompress(bytes(log["objects"]))) for log in logs] == [
        [],
        ["one"],
        ["two"],
    ]  # fmt: skip (the change of the view came within a quarter of a second of the next board)
    assert logs[2] == {
        "objects": list(boards[3].objects),
        "viewport": [1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        "eventTime": 5.0,
        "width": 4,
        "height": 3,
    }


async def test_a_record_of_elements_is_of_the_shown_page(site: ArchiveSite) -> None:
    lecture = await site.world.start()
    room = lecture.code
    await site.world.boards.draw(room, ADA, "1", [element("a"), element("b", page=1)])
    await site.world.boards.set_page(room, 1, 1)
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    record = await get(site, f"/lecture/record/{lecture.id}", site.as_("ada"))
    shown = [orjson.loads(gzip.decompress(bytes(log["objects"]))) for log in record["logs"]]
    assert [[one["id"] for one in objects] for objects in shown] == [["a"], ["b"]]


async def test_a_lecture_that_left_nothing_has_an_empty_record(site: ArchiveSite) -> None:  # X18
    lecture = await site.world.start()
    record = await get(site, f"/lecture/record/{lecture.id}", site.as_("ada"))
    assert record == {"logs": [], "subtitles": [], "audio_file": ""}
    site.files.audio_of[lecture.id] = Audio("https://files.example/lecture.mp3?sig=1")
    record = await get(site, f"/lecture/record/{lecture.id}", site.as_("ada"))
    assert record["audio_file"] == "https://files.example/lecture.mp3?sig=1"


async def test_the_summary_and_the_lists(site: ArchiveSite) -> None:
    lecture = await site.world.start()
    room, ada = lecture.code, site.as_("ada")
    sam = await site.sign_up("sam")
    await site.world.catalogue.attend(lecture.id, "sam@example.org")  # type: ignore[arg-type]
    site.book.joined(room, ConnectionId("c1"), "STUDENT", "sam@example.org", "sam")
    site.book.joined(room, ConnectionId("c2"), "GUEST", "guest-id", "Guest 4821")
    await site.book.write()
    site.world.clock.advance(2)
    site.book.left(room, ConnectionId("c2"))
    await site.book.write()
    await site.world.boards.edit(room, 1, whole("one"))
    first = await site.world.questions.ask(room, "sam@example.org", "sam", "why?", None)
    hidden = await site.world.questions.ask(room, "guest-id", "Guest 4821", "hm", None)
    await site.world.questions.hide(room, PRESENTER, hidden)
    await site.world.questions.answer(room, PRESENTER, first, "because")
    await site.world.redis.on_room("chapter", room, 1, "Introduction", "")
    who = ("1", "ada@example.org", "ada", "presenter", "presenter assistant")
    await site.world.redis.on_room("caption", room, *who, "a < b", 0, "", 5, 20)
    await site.world.archiver.bring_all()
    path = f"/lecture/archive/{lecture.id}"
    assert (await get(site, path, sam))["state"] == "live"
    await site.world.end(lecture)
    await site.world.archiver.bring_all()

    summary = await get(site, path, ada)
    assert (summary["state"], summary["gaps"], summary["is_owner"]) == ("ready", [], True)
    assert summary["counts"] == {
        "board": 1, "questions": 2, "captions": 1, "speech": 0, "chapters": 1, "attendance": 2
    }  # fmt: skip
    assert summary["presenter"] == {"username": "ada", "email": "ada@example.org"}
    assert summary["board"] == {"kind": "whole", "last_seq": 1}
    board = await get(site, f"{path}/board", sam)
    assert base64.b64decode(board["items"][0]["objects"]) == whole("one").objects
    assert board["next"] is None
    at = await get(site, f"{path}/board/at?t=99999999", sam)
    assert (at["seq"], base64.b64decode(at["objects"]), at["hash"]) == (1, whole("one").objects, "")
    asked = (await get(site, f"{path}/questions", sam))["items"]
    assert [(one["content"], one["answer"]["content"]) for one in asked] == [("why?", "because")]
    assert "memberId" not in asked[0]
    asked = await get(site, f"{path}/questions?limit=1", ada)
    assert asked["next"] == asked["items"][0]["seq"]
    asked = (await get(site, f"{path}/questions?after={asked['next']}", ada))["items"]
    assert [(one["content"], one["shown"]) for one in asked] == [("hm", "hidden")]
    assert [one["title"] for one in (await get(site, f"{path}/chapters", sam))["items"]] == [
        "Introduction"
    ]
    assert [one["kind"] for one in (await get(site, f"{path}/marks", sam))["items"]] == ["ended"]
    there = (await get(site, f"{path}/attendance", ada))["items"]
    stays = {one["name"]: one["leftAt"] is not None for one in there}
    assert stays == {"sam": True, "Guest 4821": True}  # whoever was there left at the end
    vtt = await site.client.get(f"{path}/captions.vtt", headers=sam)
    assert vtt.headers["content-type"].startswith("text/vtt")
    assert "a &lt; b" in vtt.text


async def test_posted_logs(site: ArchiveSite) -> None:  # X17, X18
    lecture = await site.world.start()
    code, ada = lecture.code, site.as_("ada")
    eve = await site.sign_up("eve")
    body = {"objects": list(whole("p").objects), "viewport": [1, 0, 0, 1, 0, 0], "eventTime": 3}
    path = f"/lecture/log/{code}"
    assert (await site.client.post(path, json=body)).status_code == 401
    assert (await site.client.post(path, json=body, headers=eve)).status_code == 403
    for headers, stored in ((SERVICE, True), (ada, False)):
        answer = await site.client.post(path, json=body, headers=headers)
        assert (answer.status_code, answer.json()) == (201, {"stored": stored})
    node = {**body, "objects": {"type": "Buffer", "data": []}, "eventTime": 1}
    assert (await site.client.post(path, json=node, headers=SERVICE)).status_code == 201
    large = {**body, "objects": [255] * 800_000, "eventTime": 9}  # 3 MB of JSON
    assert (await site.client.post(path, json=large, headers=SERVICE)).status_code == 201
    for bad in (
        {**body, "objects": [256]},
        {**body, "objects": "%%%"},
        {**body, "viewport": [1]},
        {**body, "eventTime": "x"},
        {},
    ):
        assert (await site.client.post(path, json=bad, headers=SERVICE)).status_code == 400
    huge = {**body, "objects": [255] * 1_100_000}
    answer = await site.client.post(path, json=huge, headers=SERVICE)
    assert answer.status_code in {400, 413}
    # What was drawn here is not told twice, and all is in the order of its time.
    await site.world.boards.edit(code, 1, whole("drawn"))
    same = {"objects": list(whole("drawn").objects), "viewport": [1, 0, 0, 1, 0, 0],
            "eventTime": 5.0, "width": 4, "height": 3}  # fmt: skip
    assert (await site.client.post(path, json=same, headers=SERVICE)).json() == {"stored": True}
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    logs = (await get(site, f"/lecture/record/{lecture.id}", ada))["logs"]
    assert [log["eventTime"] for log in logs] == [1, 3, 5, 9]
    assert all(log["objects"] for log in logs)


async def test_a_lectures_text(site: ArchiveSite) -> None:  # X16, X17
    lecture = await site.world.start()
    body = {"segments": [{"start": 4000, "textEdited": "two"}, {"start": 10, "textEdited": "one"}]}
    by_code, by_id = f"/lecture/{lecture.code}/text", f"/lecture/{lecture.id}/text"
    for headers in ({}, site.as_("ada")):
        assert (await site.client.post(by_code, json=body, headers=headers)).status_code == 401
    answer = await site.client.post(by_code, json=body, headers=SERVICE)
    assert (answer.status_code, answer.json()) == (200, {"stored": 2})
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    site.world.clock.advance(7200)  # the code is anybody's by now; the id is not
    assert (await site.client.post(by_code, json=body, headers=SERVICE)).status_code == 404
    assert (await site.client.post(by_id, json=body, headers=SERVICE)).status_code == 200
    record = await get(site, f"/lecture/record/{lecture.id}", site.as_("ada"))
    assert record["subtitles"] == [{"start": 10, "text": "one"}, {"start": 4000, "text": "two"}]
    bad = {"segments": [{"start": -1, "textEdited": "x"}]}
    assert (await site.client.post(by_id, json=bad, headers=SERVICE)).status_code == 400


async def test_retention_and_deletion(site: ArchiveSite) -> None:
    lecture = await site.world.start()
    ada, eve = site.as_("ada"), await site.sign_up("eve")
    path = f"/lecture/archive/{lecture.id}"
    assert (await site.client.delete(path, headers=ada)).status_code == 409
    await site.world.boards.edit(lecture.code, 1, whole("secret-bytes"))
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    days = {"retention_days": 30}
    assert (await site.client.patch(path, json=days, headers=eve)).status_code == 403
    answer = await site.client.patch(path, json=days, headers=ada)
    assert answer.json()["retention_days"] == 30
    assert answer.json()["expires_at"] is not None
    zero = await site.client.patch(path, json={"retention_days": 0}, headers=ada)
    assert zero.status_code == 400
    site.world.clock.advance(29 * 86_400)
    assert await site.deletion.sweep(0) == 0
    site.world.clock.advance(86_401)
    assert await site.deletion.sweep(0) == 1
    assert site.files.deleted == [lecture.id]
    assert (await site.client.get(path, headers=site.as_("ada"))).status_code == 404

    other = await site.world.catalogue.create(lecture.owner_email, "Two", "")
    gone = f"/lecture/archive/{other.id}"
    assert (await site.client.delete(gone, headers=eve)).status_code in {401, 403}
    assert (await site.client.delete(gone, headers=site.as_("eve"))).status_code == 403
    assert (await site.client.delete(gone, headers=site.as_("ada"))).status_code == 204
    assert (await site.client.delete(gone, headers=site.as_("ada"))).status_code == 404


async def test_the_operators_retention_holds_where_a_lecture_has_none(site: ArchiveSite) -> None:
    lecture = await site.world.start()
    await site.world.end(lecture)
    await site.world.archiver.bring_all()
    site.world.clock.advance(10 * 86_400)
    assert await site.deletion.sweep(0) == 0
    assert await site.deletion.sweep(11) == 0
    assert await site.deletion.sweep(9) == 1
