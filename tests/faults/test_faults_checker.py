"""The checker catches every planted defect, in the real scripts on a real Redis."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as driver

from app.core.errors import LecternError, StalePresenter, Unavailable
from app.core.ids import Email, LectureId, NodeId, QuestionId, RoomId
from app.questions.service import Questions
from app.questions.store import RedisQuestionStore
from app.rooms.store import RoomStore
from app.store import script
from app.store.events import RoomEvent
from app.store.fanout import FanOut
from app.store.redis import Redis
from app.whiteboard.model import Board
from app.whiteboard.store import RedisBoardStore
from tests.faults.history import (
    Claim,
    Delivery,
    Entrance,
    Final,
    History,
    Logged,
    Operation,
    StoredQuestion,
    check,
)
from tests.faults.readings import read_final
from tests.redis_server import RedisServer

ROOM = RoomId("004217")
EMAIL = Email("ada@example.org")


@dataclass(frozen=True)
class Defect:
    """One line of one script, made wrong."""

    script: str
    right: str
    wrong: str
    rule: str


DEFECTS = {
    "no dedupe": Defect("ask", "if before then return before end", "", "one entry per client id"),
    "group at $": Defect(
        "_room", "GROUP, '0', 'MKSTREAM'", "GROUP, '$', 'MKSTREAM'", "list is stored less solved"
    ),
    "no fence": Defect("_room", "if get('epoch') ~= epoch then", "if false then", "one presenter"),
    "solved without XACK": Defect(
        "_questions",
        "redis.call('XACK', QUESTIONS, GROUP, id)",
        "",
        "list is stored less solved",
    ),
    "a new group forgets what was solved": Defect(
        "_room",
        "redis.call('XACK', QUESTIONS, GROUP, string.sub(field, 8))",
        "",
        "list is stored less solved",
    ),
    "no lifetime": Defect(
        "_room",
        "redis.call('PEXPIRE', KEYS[i], TTL)",
        "redis.call('PERSIST', KEYS[i])",
        "everything has a lifetime",
    ),
    "a board that is not stored": Defect(
        "edit", "redis.call('HSET', ROOM, 'whiteboardObjects', ARGV[3])", "", "boards converge"
    ),
    "the acknowledged question is trimmed": Defect(
        "ask",
        "redis.call('XADD', QUESTIONS, '*'",
        "redis.call('XADD', QUESTIONS, 'MAXLEN', '5', '*'",
        "acknowledged is stored",
    ),
    "a number is left out": Defect(
        "_room",
        "redis.call('HINCRBY', ROOM, 'seq', 1)",
        "redis.call('HINCRBY', ROOM, 'seq', ARGV[1] == '1' and 2 or 1)",
        "the log has no gaps",
    ),
    "the text is another's": Defect(
        "ask",
        "'content', content, 'name', name)",
        "'content', name, 'name', name)",
        "stored was invoked",
    ),
}


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the scripts that the test's Redis loads."""
    copy = tmp_path / "scripts"
    shutil.copytree(script.SCRIPTS, copy)
    monkeypatch.setattr(script, "SCRIPTS", copy)
    return copy


class Skipping(FanOut):
    """A fan-out that loses one event that is no board, and says nothing."""

    lost = False

    def _send(self, follower: Any, event: RoomEvent) -> None:
        if event.type == "solved" and not self.lost:
            self.lost, follower.seq = True, event.seq
            return
        super()._send(follower, event)


class Twice(FanOut):
    """A fan-out that delivers each event twice."""

    def _send(self, follower: Any, event: RoomEvent) -> None:
        super()._send(follower, event)
        super()._send(follower, event)


class Deaf(FanOut):
    """A fan-out that loses one board and says nothing."""

    def _send(self, follower: Any, event: RoomEvent) -> None:
        if event.type != "board" or event.blob != b"board-4":
            super()._send(follower, event)
        else:
            follower.seq = event.seq


class Shuffled(FanOut):
    """A fan-out that holds one event back until the next came."""

    held: RoomEvent | None = None

    def _send(self, follower: Any, event: RoomEvent) -> None:
        if event.type == "solved" and self.held is None:
            self.held = event
            return
        super()._send(follower, event)
        if self.held is not None and self.held.seq < event.seq:
            held, self.held = self.held, replace(event, seq=1 << 40)
            super()._send(follower, held)


class EagerQuestions(RedisQuestionStore):
    """Acknowledges first and writes afterwards."""

    async def ask(self, *question: Any) -> QuestionId:
        self.later = asyncio.ensure_future(super().ask(*question))
        return QuestionId("1-1")


class Scene:
    """Everything a lecture writes, once, with a log of it."""

    def __init__(self, url: str, fanout: Callable[[Redis], FanOut] = FanOut) -> None:
        self.redis = Redis(url)
        self.raw: Any = driver.Redis.from_url(url)
        self.rooms = RoomStore(self.redis)
        self.boards = RedisBoardStore(self.redis)
        self.questions = Questions(RedisQuestionStore(self.redis))
        self.fanout = fanout(self.redis)
        self.history = History()
        self.shown: dict[str, bytes] = {}
        self.epoch = 0

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def sink(self, client: str) -> Callable[[RoomEvent], None]:
        def take(event: RoomEvent) -> None:
            if event.type == "board":
                self.shown[client] = event.blob or self.shown.get(client, b"")
            question = str(event.data.get("questionId", ""))
            self.history.deliveries.append(
                Delivery(client, 0, event.seq, event.type, self._now(), question)
            )

        return take

    async def open(self) -> None:
        await self.redis.open()
        await self.fanout.open()
        await self.claim("api/1")
        for client in ("presenter", "viewer"):
            begins = await self.fanout.subscribe(ROOM, self.sink(client))
            self.history.entrances.append(Entrance(client, 0, begins, epoch=1))

    async def claim(self, holder: str) -> int:
        live = await self.rooms.read(ROOM)
        seen = (live.epoch, live.relay) if live else (0, None)
        claim = await self.rooms.claim(
            ROOM, LectureId("a" * 32), EMAIL, holder, 6, seen=seen, relay=NodeId("relay-1")
        )
        assert claim is not None
        self.history.claims.append(Claim(claim.epoch, self._now()))
        return claim.epoch

    async def _log(self, operation: Operation, work: Any) -> str:
        try:
            operation.result = str(await work)
        except Unavailable:
            operation.outcome = "unknown"
        except LecternError:
            operation.outcome = "refused"
        else:
            operation.outcome = "ok"
        operation.ended = self._now()
        return operation.result

    async def ask(self, key: str) -> str:
        content = f"question {key}"
        log = self.history.invoke("ask", key, key, self._now(), content)
        return await self._log(log, self.questions.ask(ROOM, key, "Sam", content, key))

    async def solve(self, question: str, epoch: int) -> None:
        log = self.history.invoke("solve", "ada", question, self._now(), epoch=epoch)
        await self._log(log, self.questions.solve(ROOM, epoch, QuestionId(question)))

    async def edit(self, n: int, epoch: int) -> Operation:
        log = self.history.invoke("edit", f"tab {epoch}", str(n), self._now(), epoch=epoch)
        await self._log(log, self.boards.edit(ROOM, epoch, Board(b"board-%d" % n)))
        return log

    async def play(self) -> None:
        asked = [await self.ask(f"c{n}") for n in range(8)]
        again = await self.ask("c3")  # its acknowledgement was lost on the way
        assert again
        for n in range(3):
            await self.edit(n, 1)
        await self.solve(asked[0], 1)
        await self.solve(asked[5], 1)
        await self.raw.xgroup_destroy("question:{004217}", "004217-group")
        await self.ask("c8")
        await self.solve(asked[6], 1)
        await self.claim("api/2")
        await self.edit(3, 1)  # a stale tab
        await self.edit(4, 2)

    async def final(self) -> Final:
        final = await read_final(self.raw, ROOM)
        final.boards = dict(self.shown)
        return final

    async def settle(self) -> None:
        """Wait until every sink has heard the last event, or will not."""
        (seq,) = await self.raw.hmget(f"room:{{{ROOM}}}", "seq")
        async with asyncio.timeout(5):
            while self.fanout._rooms[ROOM].seq != int(seq):
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self.fanout.close()
        await self.redis.close()
        await self.raw.aclose()


async def rules_broken(scene: Scene) -> set[str]:
    await scene.open()
    try:
        await scene.play()
        await scene.settle()
        return {violation.rule for violation in check(scene.history, await scene.final())}
    finally:
        await scene.close()


async def test_the_right_scripts_break_no_rule(redis_url: str) -> None:
    assert await rules_broken(Scene(redis_url)) == set()


@pytest.mark.parametrize("name", DEFECTS)
async def test_a_defect_in_a_script_is_caught(redis_url: str, scripts: Path, name: str) -> None:
    defect = DEFECTS[name]
    path = scripts / f"{defect.script}.lua"
    text = path.read_text()
    assert defect.right in text, "the script has changed: plant the defect anew"
    path.write_text(text.replace(defect.right, defect.wrong))
    assert defect.rule in await rules_broken(Scene(redis_url))


@pytest.mark.parametrize(
    ("fanout", "rule"),
    [
        (Twice, "delivered once"),
        (Deaf, "boards converge"),
        (Shuffled, "delivered in order"),
        (Skipping, "delivered without gaps"),
    ],
)
async def test_a_defect_in_the_fan_out_is_caught(
    redis_url: str, fanout: Callable[[Redis], FanOut], rule: str
) -> None:
    assert rule in await rules_broken(Scene(redis_url, fanout))


async def test_an_acknowledgement_before_the_write_is_caught(redis_server: RedisServer) -> None:
    scene = Scene(redis_server.url)
    await scene.open()
    try:
        scene.questions = Questions(EagerQuestions(scene.redis))
        redis_server.pause()
        await scene.ask("c0")
        redis_server.kill()
        redis_server.start()
        found = check(scene.history, await scene.final())
    finally:
        await scene.close()
    assert "acknowledged is stored" in {violation.rule for violation in found}


async def test_a_redis_that_does_not_keep_what_it_took_is_caught() -> None:
    with RedisServer(durable=False) as server:
        scene = Scene(server.url)
        await scene.open()
        try:
            await scene.ask("c0")
            server.kill()
            server.start()
            found = check(scene.history, await scene.final())
        finally:
            await scene.close()
    assert "acknowledged is stored" in {violation.rule for violation in found}


async def test_a_lost_acknowledgement_is_no_violation(redis_url: str) -> None:
    scene = Scene(redis_url)
    await scene.open()
    try:
        await scene.ask("c0")
        scene.history.operations[0].outcome = "unknown"
        await scene.ask("c0")
        await scene.settle()
        assert check(scene.history, await scene.final()) == []
    finally:
        await scene.close()


def stored(*keys: str) -> list[StoredQuestion]:
    return [StoredQuestion(f"{n}-0", f"question {key}") for n, key in enumerate(keys, 1)]


def asks(*keys: str) -> History:
    history = History()
    for n, key in enumerate(keys, 1):
        log = history.invoke("ask", "sam", key, n, f"question {key}")
        log.outcome, log.ended, log.result = "ok", n + 0.5, f"{n}-0"
    return history


def rules(history: History, final: Final) -> set[str]:
    return {violation.rule for violation in check(history, final)}


def test_an_unknown_write_may_be_there_or_not() -> None:
    history = asks("a")
    history.invoke("ask", "sam", "b", 9, "question b")
    assert rules(history, Final(stored("a"), ["1-0"])) == set()
    assert rules(history, Final(stored("a", "b"), ["1-0", "2-0"])) == set()


def test_a_refused_write_must_not_be_there() -> None:
    history = asks("a")
    history.invoke("ask", "sam", "b", 9, "question b").outcome = "refused"
    assert rules(history, Final(stored("a", "b"), ["1-0", "2-0"])) == {"stored was invoked"}


def test_two_answers_for_one_client_id_are_caught() -> None:
    history = asks("a", "a")
    assert "one entry per client id" in rules(history, Final(stored("a", "a"), ["1-0", "2-0"]))


def test_a_list_out_of_order_is_caught() -> None:
    final = Final(stored("a", "b"), ["2-0", "1-0"])
    assert "list is in stream order" in rules(asks("a", "b"), final)


def test_a_page_that_lacks_a_question_is_caught() -> None:
    final = Final(stored("a", "b"), ["1-0", "2-0"], shown=["1-0"])
    assert rules(asks("a", "b"), final) == {"list is stored less solved"}


def test_a_question_that_comes_back_is_caught() -> None:
    history = asks("a")
    solve = history.invoke("solve", "ada", "1-0", 3)
    solve.outcome, solve.ended = "ok", 4
    history.deliveries.append(Delivery("ada", 1, 7, "asked", 5, "1-0"))
    assert rules(history, Final(stored("a"))) == {"solved never returns"}


def test_a_write_under_an_old_epoch_is_caught_even_without_a_later_one() -> None:
    history = History()
    history.claims = [Claim(1, 0), Claim(2, 5)]
    edit = history.invoke("edit", "old tab", "x", 6, epoch=1)
    edit.outcome, edit.ended, edit.result = "ok", 7, "3"
    assert rules(history, Final()) == {"one presenter"}


def test_a_gap_is_caught_unless_a_newer_board_came() -> None:
    log = [Logged(n, kind, "room") for n, kind in enumerate(("board", "solved", "board"), 1)]
    history = History()
    history.entrances = [Entrance("viewer", 0, 0)]
    history.deliveries = [Delivery("viewer", 0, n, "x", n) for n in (2, 3)]
    assert rules(history, Final(log=log)) == set()
    history.deliveries = [Delivery("viewer", 0, n, "x", n) for n in (1, 3)]
    assert rules(history, Final(log=log)) == {"delivered without gaps"}


def test_what_is_the_staffs_is_missed_by_nobody_else() -> None:
    log = [Logged(1, "asked", "presenter"), Logged(2, "solved", "room")]
    history = History()
    history.entrances = [Entrance("viewer", 0, 0), Entrance("ada", 0, 0, epoch=1)]
    history.deliveries = [Delivery(client, 0, 2, "solved", 1) for client in ("viewer", "ada")]
    found = check(history, Final(log=log))
    assert [(v.rule, v.what) for v in found] == [("delivered without gaps", "asked 1 to ada")]


def test_a_cursor_that_was_not_kept_to_is_caught() -> None:
    history = History()
    history.entrances = [Entrance("viewer", 1, 5, cursor=3, resumed=True)]
    assert rules(history, Final()) == {"resumed at the cursor"}


def test_a_draw_that_was_lost_or_made_up_is_caught() -> None:
    history = History()
    for key in ("a", "b"):
        draw = history.invoke("draw", "sam", key, 1, key)
        draw.outcome, draw.result = "ok", "1"
    assert rules(history, Final(elements={"a", "b"})) == set()
    assert rules(history, Final(elements={"a"})) == {"acknowledged is drawn"}
    assert rules(history, Final(elements={"a", "b", "c"})) == {"drawn was invoked"}
    history.operations[1].key, history.operations[1].result = "a", "2"
    assert rules(history, Final(elements={"a", "b"})) == {"drawn once"}


async def test_a_stale_tab_is_refused_and_logged_so(redis_url: str) -> None:
    scene = Scene(redis_url)
    await scene.open()
    try:
        await scene.claim("api/2")
        assert (await scene.edit(0, 1)).outcome == "refused"
        with pytest.raises(StalePresenter):
            await scene.boards.edit(ROOM, 1, Board(b"x"))
    finally:
        await scene.close()
