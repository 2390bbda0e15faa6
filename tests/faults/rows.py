"""One row of the fault matrix: its people, its figures, and what every row asserts besides."""

import asyncio
import contextlib
import time
from typing import Any

import httpx

from app.core.ids import RoomId
from app.questions.store import RedisQuestionStore
from app.store.redis import Redis
from tests.faults.history import History, check
from tests.faults.media import Show
from tests.faults.people import Person, Presenter, Student
from tests.faults.readings import read_final
from tests.faults.sketchers import Sketcher
from tests.faults.world import Process, Reading, World, student, until

CALM_SECONDS = 25.0
"""Until what a row cost must be given back: silent peers and closed sockets take their time."""

RSS_SLACK = 20 << 20
DESCRIPTOR_SLACK = 40
"""The Redis pool keeps the up to 32 connections that a burst made it open."""

TASK_SLACK = 12


class Load:
    """People who write all the time, each waiting for its answer, and retrying what is unknown."""

    def __init__(self, row: "Row", edits: bool = True) -> None:
        self._edits = edits
        self.taken = 0
        self.last_taken = 0.0
        self._stopping = False
        self._tasks = [asyncio.ensure_future(self._ask(person)) for person in row.audience]
        self._tasks.append(asyncio.ensure_future(self._present(row.host)))
        self._tasks += [
            asyncio.ensure_future(self._draw(person))
            for person in row.audience
            if isinstance(person, Sketcher)
        ]

    def _note(self) -> None:
        self.taken += 1
        self.last_taken = time.monotonic()

    async def _ask(self, person: Person) -> None:
        n = 0
        while not self._stopping:
            n += 1
            key = f"{person.name}-load-{n}"
            while (await person.ask(key)).outcome != "ok":
                await asyncio.sleep(0.1)
            self._note()
            await asyncio.sleep(0.5)  # a person may ask 30 at once, and one a second

    async def _present(self, host: Presenter) -> None:
        while not self._stopping:
            if self._edits and (await host.edit()).outcome == "ok":
                self._note()
            for question in host.shown[:2]:
                await host.solve(question)
            await asyncio.sleep(0.1)

    async def _draw(self, person: Sketcher) -> None:
        n = 0
        while not self._stopping:
            n += 1
            key = f"{person.name}-load-{n}"
            while (await person.draw(key)).outcome != "ok":
                await asyncio.sleep(0.1)
            self._note()
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """Stop writing; every write that was begun has its outcome then."""
        self._stopping = True
        async with asyncio.timeout(30):
            await asyncio.gather(*self._tasks)


class Row:
    """What a test of one row is given."""

    def __init__(
        self, world: World, properties: list[tuple[str, object]], students: int = 0
    ) -> None:
        """Begin with nobody; ``students`` accounts are somebody's already."""
        self.world = world
        self.history = History()
        self.people: list[Person] = []
        self.raw: Any = world.raw()
        self.room = RoomId("")
        self.owner = ""
        self.baseline: dict[str, Reading] = {}
        self.killed: list[Process] = []
        """Processes that the row itself ends; all others must be alive when it is over."""
        self.checked = False
        self.rss_slack = RSS_SLACK
        self.properties = properties
        self._students = students
        self._show: Show | None = None

    def figure(
        self, name: str, value: float, unit: str = "s", *, most: float | None = None
    ) -> None:
        """Note a measured figure, and hold it to its bound."""
        bound = "" if most is None else f" (at most {most:g})"
        self.properties.append(("figure", f"{name} {value:.3g} {unit}{bound}".replace("  ", " ")))
        assert most is None or value <= most, f"{name}: {value:.3g} {unit}, at most {most:g}"

    # people

    async def lecture(self, students: int = 3, *, presenter: bool = True) -> "Row":
        """Begin a lecture with its presenter on the first api and students on all in turn."""
        self.room, self.owner = await self.world.lecture()
        if presenter:
            await self.presenter()
        for _ in range(students):
            await self.student()
        return self

    async def presenter(self, home: int = 0, name: str = "presenter") -> Presenter:
        token = self.world.token(self.owner)
        person = Presenter(name, self.room, token, self.world.apis, self.history, home)
        self.people.append(person)
        await person.enter()
        return person

    async def student(
        self, home: int | None = None, offer: dict[str, str] | None = None
    ) -> Student:
        n = self._students
        self._students += 1
        token = self.world.token(student(n))
        where = n + 1 if home is None else home
        person = Student(f"student{n}", self.room, token, self.world.apis, self.history, where)
        self.people.append(person)
        await person.enter(offer)
        return person

    def newcomer(self, *, presenter: bool = False) -> Person:
        """Return somebody at the door, who enters with an offer of the test's own."""
        n = self._students
        self._students += not presenter
        token = self.world.token(self.owner if presenter else student(n))
        kind: type[Person] = Presenter if presenter else Student
        name = "presenter" if presenter else f"student{n}"
        person = kind(name, self.room, token, self.world.apis, self.history, n)
        self.people.append(person)
        return person

    async def sketcher(self, home: int = 0) -> Sketcher:
        """Let somebody in who draws, where the presenter lets everyone draw."""
        n = self._students
        self._students += 1
        token = self.world.token(student(n))
        name = f"sketcher{n}"
        person = Sketcher(name, self.room, token, self.world.apis, self.history, home)
        self.people.append(person)
        await person.enter()
        return person

    @property
    def sketchers(self) -> list[Sketcher]:
        return [person for person in self.people if isinstance(person, Sketcher)]

    @property
    def host(self) -> Presenter:
        first = self.people[0]
        assert isinstance(first, Presenter)
        return first

    @property
    def audience(self) -> list[Student]:
        return [person for person in self.people if isinstance(person, Student)]

    async def ask_many(self, count: int) -> None:
        """Have that many questions asked, through the server's own store, by nobody in the room."""
        redis = Redis(self.world.redis.tcp)
        store = RedisQuestionStore(redis)
        for n in range(count):
            content = f"question many-{n}"
            log = self.history.invoke("ask", "many", f"many-{n}", time.monotonic(), content)
            asker = f"many{n // 20}"  # one may ask 30 at once
            log.result = await store.ask(self.room, asker, "Many", content, f"many-{n}")
            log.outcome, log.ended = "ok", time.monotonic()
        await redis.close()

    def load(self, *, edits: bool = True) -> Load:
        """Have everybody write until ``stop``; without ``edits`` the board is the sketchers'."""
        return Load(self, edits)

    async def show(self, listeners: int = 1) -> Show:
        """Let a presenter's voice and its listeners in, and wait until it is heard."""
        show = self._show = Show(listeners)
        offers = show.offers()
        host = self.host
        await host.stop_staying()
        host.link.close() if host.link else None
        host.is_in.clear()
        await host.enter(offers[0])
        host.stay()
        answers = [host.answer["SDP"]["sdp"]]
        for offer in offers[1:]:
            listener = await self.student(offer=offer)
            listener.stay()
            answers.append(listener.answer["SDP"]["sdp"])
        await show.begin(answers)
        await until(lambda: show.heard > 10, 10, "the voice is heard")
        show.forget_gaps()
        return show

    def stay(self) -> None:
        for person in self.people:
            person.stay()

    # the end

    async def settled(self, seconds: float = 10.0) -> None:
        """Wait until every member shows what the server has, then run the history checker."""

        async def converged() -> bool:
            if not await self.raw.exists(f"room:{{{self.room}}}"):
                return True
            final = await read_final(self.raw, self.room)
            inside = [person for person in self.people if person.is_in.is_set()]
            boards = all(person.board == final.board for person in self._viewers())
            drawn = all(p.element_hash == final.element_hash for p in self.sketchers if p in inside)
            lists = all(p.shown == final.pending for p in inside if self._is_effective(p))
            return boards and lists and drawn

        with contextlib.suppress(AssertionError):  # the checker says what is wrong
            await until(converged, seconds)
        final = await read_final(self.raw, self.room)
        inside = [person for person in self.people if person.is_in.is_set()]
        if await self.raw.exists(f"room:{{{self.room}}}"):  # else it is over, and so are they
            final.boards = {person.name: person.board for person in self._viewers()}
            final.hashes = {p.name: p.element_hash for p in self.sketchers if p in inside}
            for person in inside:
                if self._is_effective(person):
                    final.shown = person.shown
        violations = check(self.history, final)
        assert violations == [], violations
        self.checked = True

    def _viewers(self) -> list[Person]:
        """Return who shows whole snapshots: nobody, once somebody has drawn elements."""
        if self.sketchers:
            return []
        return [person for person in self.people if person.is_in.is_set()]

    def _is_effective(self, person: Person) -> bool:
        newest = max((p.epoch for p in self.people if p.is_presenter), default=0)
        return person.is_presenter and person.epoch == newest

    async def take_baseline(self) -> None:
        for api in self.world.apis:
            self.baseline[api.name] = await api.reading()

    async def finish(self) -> None:
        """End the lecture, let everybody go, and see that it cost nothing that stays."""
        for person in self.people:
            await person.stop_staying()
        if self._show is not None:
            await self._show.close()
        await self._end_lecture()
        for person in self.people:
            await person.close()
        try:
            for api in self.world.apis:
                before = self.baseline.get(api.name)
                if before is not None and before.pid == api.pid:
                    await self._is_back(api.name, before)
        finally:
            await self.raw.aclose()

    async def _end_lecture(self) -> None:
        if not self.room:
            return
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.patch(
                f"{self.world.apis[0].url}/lecture/end",
                json={"code": self.room, "audio": ""},
                headers={"Authorization": self.world.token(self.owner)},
            )
        assert answer.status_code in (200, 404, 410), answer.text

    async def _is_back(self, name: str, before: Reading) -> None:
        api = next(api for api in self.world.apis if api.name == name)
        began = time.monotonic()
        while True:
            now = await api.reading()
            excess = {
                "bytes of memory": now.rss_bytes - before.rss_bytes - self.rss_slack,
                "descriptors": now.descriptors - before.descriptors - DESCRIPTOR_SLACK,
                "tasks": now.tasks - before.tasks - TASK_SLACK,
                "sockets": now.sockets - before.sockets,
            }
            if all(over <= 0 for over in excess.values()):
                break
            assert time.monotonic() - began < CALM_SECONDS, f"{name} keeps {excess}"
            await asyncio.sleep(0.1)
        stalls = now.stalls - before.stalls
        if stalls:
            self.figure(f"{name}: stalls of over 50 ms", stalls, "")
        assert stalls == 0, f"{name}'s loop stalled {stalls} times for > 50 ms"
