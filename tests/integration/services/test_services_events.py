"""Each event that a client may send, both ways; and what a client is told when it is in.

The events are read off the code: one that is new and is not walked through here fails the test.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.relay.messages import OpenPeer
from app.transport.sio.connection import KNOWN_EVENTS
from tests.integration.services.conftest import OFFER, Client, Process, Site
from tests.integration.sio.conftest import content

GARBAGE = {"type": "offer", "sdp": "v=0\r\ngarbage\r\n"}
NOBODY = "0123456789abcdef"
LECTURE = "/lecture"
BOARD = {"objects": b"x", "viewport": [1, 0, 0, 1, 0, 0], "eventTime": 1, "width": 8, "height": 6}

ALL = dict.fromkeys(("publish", "subscribe", "record", "stats", "controlhandlers"), True)
ROLES = [
    {"role": "presenter", **ALL},
    {"role": "talker", "publish": True, "subscribe": True},
    {"role": "viewer", "subscribe": True},
]

Step = tuple[str, str, Client, Callable[[], dict[str, Any]]]


def registered(process: Process) -> set[tuple[str, str]]:
    """Every (namespace, event) that the process answers."""
    spaces = process.socket_side._gateway._spaces.values()
    return {(space.name, event) for space in spaces for event in space.routes}


class Acks:
    """Counts a client's acknowledgements as they come in, by their number."""

    def __init__(self, client: Client) -> None:
        self.counted: Counter[tuple[str, int]] = Counter()
        handle = client.sio._handle_ack

        async def count(namespace: str, ident: int, data: Any) -> None:
            self.counted[namespace, ident] += 1
            await handle(namespace, ident, data)

        client.sio._handle_ack = count

    def each_once(self) -> bool:
        return set(self.counted.values()) <= {1}


class Walk:
    """A lecture with a presenter (Ada), two participants (Bob, Cem), and one at each door."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.answers: dict[str, Any] = {}
        self.acks: list[Acks] = []

    async def begin(self) -> "Walk":
        site = self.site
        self.room = (await site.room(notifying=True, roles=ROLES))["id"]
        self.ada = await site.enter(self.room, "Ada", "presenter")
        self.bob = await site.enter(self.room, "Bob", "talker", process=site.two)
        self.cem = await site.enter(self.room, "Cem", "talker")
        self.code = await site.code(self.room)
        self.doors = []
        for space, user, role in (
            ("/create-room", "Ada", "presenter"), ("/enter-room", "Dee", "viewer")
        ):  # fmt: skip
            one = site.client()
            await one.join(space, "", ticket=await site.ticket(self.room, user, role))
            self.doors.append(one)
        self.pair = (await site.room(p2p=True, roles=ROLES))["id"]
        self.pairs = [
            await self._present("Ada"),
            await self._door("Bob", "/enter-room"),
        ]
        self.acks = [Acks(one) for one in (*self.pairs, self.ada, self.bob, self.cem, *self.doors)]
        return self

    async def _door(self, user: str, space: str) -> Client:
        client = self.site.client()
        role = "presenter" if space == "/create-room" else "talker"
        await client.join(space, "", ticket=await self.site.ticket(self.pair, user, role))
        return client

    async def _present(self, user: str) -> Client:
        client = await self._door(user, "/create-room")
        self.pair_code = await self.site.code(self.pair)
        answer = await client.ask("/create-room", "presenterOffer", self._no_offer())
        assert answer == {"ok": True, "peerId": None, "epoch": 1}
        await client.join(LECTURE, client.all("seat")[0]["accessToken"])
        await client.event("state")
        return client

    def _no_offer(self) -> dict[str, Any]:
        return {"roomId": self.pair_code}

    def _signal(self) -> dict[str, Any]:
        return {"roomId": self.pair_code, "to": "presenter", "message": {"sdp": "x"}}

    def member(self, client: Client) -> str:
        return str(client.all("seat")[0]["id"])

    def question(self) -> dict[str, Any]:
        return {"questionId": self.answers["ask"]["questionId"]}

    def steps(self) -> list[Step]:
        """Each event once, in an order in which each is right."""
        ada, bob, cem = self.ada, self.bob, self.cem
        bobs = self.member(bob)

        def of(client: Client, event: str, fields: Any = None) -> Step:
            def build() -> dict[str, Any]:
                more = fields() if callable(fields) else fields or {}
                return {"roomId": self.code, **more}

            return (LECTURE, event, client, build)

        return [
            of(ada, "edit", {"content": content()}),
            of(ada, "sources", {"microphone": True}),
            of(ada, "record", {"on": True}),
            of(ada, "draw", {"opId": "o", "ops": [{"del": "a", "version": 1}]}),
            of(ada, "drawing", {"mode": "everyone"}),
            of(ada, "page", {"page": 2}),
            of(cem, "snapshot"),
            of(ada, "moderation", {"on": True}),
            of(bob, "ask", {"content": "why?"}),
            of(ada, "approve", self.question),
            of(cem, "upvote", self.question),
            of(cem, "questions", {"ids": []}),
            of(ada, "claim", self.question),
            of(ada, "answer", lambda: {**self.question(), "content": "because"}),
            of(ada, "solved", self.question),
            of(ada, "hide", self.question),
            of(ada, "appoint", {"member": bobs, "name": "Bob"}),
            of(ada, "dismiss", {"member": bobs}),
            of(bob, "hand", {"up": True}),
            of(ada, "invite", {"speakerId": bobs}),
            of(bob, "speak", {"SDP": OFFER, "sources": {"0": "microphone"}}),
            of(cem, "follow", {"stream": bobs}),
            of(bob, "attributes", {"attributes": {"label": "x"}}),
            of(bob, "data", {"message": {"n": 1}}),
            of(bob, "mute", {"source": "microphone"}),
            of(ada, "uninvite", {"speakerId": bobs}),
            of(cem, "pause", {"mid": "0"}),
            of(cem, "prefer", {"mid": "0", "height": 360}),
            of(ada, "stats", {"on": True}),
            of(ada, "caption", {"text": "hello"}),
            of(ada, "chapter", {"title": "One"}),
            of(cem, "text", {"message": "hello"}),
            of(ada, "people"),
            ("/enter-room", "studentOffer", self.pairs[1], self._no_offer),
            (LECTURE, "signal", self.pairs[0], self._signal),
            of(ada, "remove", {"member": bobs}),
            of(ada, "readmit", {"member": bobs}),
            of(cem, "leave"),
            ("/enter-room", "clientCandidate", self.doors[1], lambda: {"candidate": None}),
            ("/enter-room", "studentOffer", self.doors[1], self._offer),
            ("/create-room", "clientCandidate", self.doors[0], lambda: {"candidate": None}),
            ("/create-room", "presenterOffer", self.doors[0], self._offer),
            ("/create-room", "whiteboardInit", self.doors[0], self._board),
        ]

    def last(self) -> Step:
        """What ends the lecture: by whoever has the slot by then."""
        return ("/lecture", "end", self.doors[0], lambda: {"roomId": self.code})

    def _offer(self) -> dict[str, Any]:
        return {"roomId": self.code, "SDP": OFFER}

    def _board(self) -> dict[str, Any]:
        return {"roomId": self.code, "whiteboardDetails": BOARD}

    async def take(self, step: Step) -> Any:
        namespace, event, client, build = step
        answer = await client.ask(namespace, event, build())
        self.answers[event] = answer
        return answer


@pytest.fixture
async def walk(site: Site) -> Walk:
    return await Walk(site).begin()


async def test_each_event_is_taken_and_acknowledged_once(walk: Walk) -> None:
    # L21, L23, O22
    taken = set()
    for step in walk.steps():
        answer = await walk.take(step)
        assert answer["ok"] is True, (step[1], answer)
        taken.add(step[:2])
    seat = walk.doors[0].all("seat")[0]
    await walk.doors[0].join(LECTURE, seat["accessToken"])
    await walk.doors[0].event("state")
    assert (await walk.take(walk.last()))["ok"]
    taken.add(walk.last()[:2])
    assert taken == registered(walk.site.one), "a new event is to be walked through, too"
    assert {event for _, event in taken} == KNOWN_EVENTS, "counted under its own name"
    assert all(acks.each_once() for acks in walk.acks)


async def test_each_event_is_refused_with_an_error_once(walk: Walk) -> None:
    # L21, L23
    refused = set()
    steps = [*walk.steps(), (LECTURE, "end", walk.ada, lambda: {"roomId": walk.code})]
    walk.answers["ask"] = {"questionId": "1-1"}
    for namespace, event, client, build in steps:
        answer = await client.ask(namespace, event, "no object")
        assert answer["error"]["code"] == "bad_request", (event, answer)
        if namespace == LECTURE:
            elsewhere = {**build(), "roomId": "111111"}
            answer = await client.ask(namespace, event, elsewhere)
            assert answer["error"]["code"] == "not_joined", (event, answer)
        refused.add((namespace, event))
    assert refused == registered(walk.site.one), "a new event is to be refused here, too"
    ada, dee = walk.doors
    board = {"roomId": walk.code, "whiteboardDetails": BOARD}
    for client, space, event, data, code in (
        (ada, "/create-room", "whiteboardInit", board, "wrong_order"),
        (ada, "/create-room", "presenterOffer", {"roomId": "111111", "SDP": OFFER}, "forbidden"),
        (dee, "/enter-room", "studentOffer", {"roomId": "111111", "SDP": OFFER}, "not_found"),
        (dee, "/enter-room", "clientCandidate", {"candidate": {"candidate": "x" * 1025}},
         "bad_request"),
        (dee, "/enter-room", "login", {}, "bad_request"),
    ):  # fmt: skip
        answer = await client.ask(space, event, data)
        assert answer["error"]["code"] == code, (event, answer)
    assert all(acks.each_once() for acks in walk.acks)


async def test_who_waits_for_no_answer_hears_of_a_refusal_once(walk: Walk) -> None:
    # L23: there, an unknown stream is never answered
    unknown = {"roomId": walk.code, "speakerId": NOBODY}
    await walk.ada.tell(LECTURE, "invite", unknown)
    await walk.ada.tell(LECTURE, "mute", {**unknown, "source": "camera"})
    await walk.ada.tell(LECTURE, "follow", {"roomId": walk.code, "stream": NOBODY})
    assert (await walk.take((LECTURE, "people", walk.ada, lambda: {"roomId": walk.code})))["ok"]
    failed = walk.ada.all("failed")
    assert [(one["event"], one["code"]) for one in failed] == [
        ("invite", "not_found"), ("mute", "not_found"), ("follow", "not_found")
    ]  # fmt: skip


UNKNOWN = (
    ("invite", {"speakerId": NOBODY}, "not_found"),
    ("uninvite", {"speakerId": NOBODY}, None),
    ("mute", {"speakerId": NOBODY, "source": "microphone"}, "not_found"),
    ("follow", {"stream": NOBODY}, "not_found"),
    ("data", {"stream": NOBODY, "message": 1}, "forbidden"),
    ("attributes", {"stream": NOBODY, "attributes": {}}, "forbidden"),
)


async def test_requests_about_streams_that_nobody_has_are_answered(walk: Walk) -> None:
    # L23
    for event, fields, code in UNKNOWN:
        step: Step = (LECTURE, event, walk.ada, lambda f=fields: {"roomId": walk.code, **f})
        answer = await walk.take(step)
        assert answer.get("error", {}).get("code") == code, (event, answer)
    assert walk.acks[0].each_once()


async def test_a_second_entry_by_the_same_client_changes_nothing(walk: Walk) -> None:
    # L24
    site, bob = walk.site, walk.bob
    before = len(walk.ada.all("participant"))
    peer = bob.all("serverAnswer")[0]["peerId"]
    offer = {"roomId": walk.code, "SDP": OFFER, "peerId": peer}
    assert (await bob.ask("/enter-room", "studentOffer", offer))["peerId"] == peer
    opened = [one.peer for one in site.relay.opened if isinstance(one, OpenPeer)]
    assert opened.count(peer) == 2, "the relay is asked again: it restarts ICE of the same peer"
    assert peer not in site.relay.closed
    people = await walk.take((LECTURE, "people", walk.ada, lambda: {"roomId": walk.code}))
    assert [(one["name"], one["connections"]) for one in people["people"]].count(("Bob", 1)) == 1
    ident = walk.member(bob)
    speak = {"roomId": walk.code, "SDP": OFFER, "sources": {"0": "microphone"}}
    first = await bob.ask(LECTURE, "speak", speak)
    again = await bob.ask(LECTURE, "speak", {**speak, "peerId": first["peerId"]})
    assert again["peerId"] == first["peerId"]
    assert [one["id"] for one in walk.ada.all("tracks")[-1]["speakers"]] == [ident]
    follow = {"roomId": walk.code, "stream": ident}
    twice = [await walk.cem.ask(LECTURE, "follow", follow) for _ in range(2)]
    assert twice[0] == twice[1]
    assert (await bob.ask(LECTURE, "data", {"roomId": walk.code, "message": 1}))["ok"]
    assert (await bob.ask(LECTURE, "text", {"roomId": walk.code, "message": "after"}))["ok"]
    await walk.cem.event("text")
    assert len(walk.cem.all("data")) == 1
    joins = [one for one in walk.ada.all("participant")[before:] if one["action"] == "join"]
    assert joins == []


Shape = dict[str, type | tuple[type, ...]]

SEAT: Shape = {
    "id": str, "user": str, "role": str, "permission": dict, "roomId": str, "accessToken": str
}  # fmt: skip
STATE: Shape = {
    "roomId": str, "role": str, "startTime": str, "seq": int, "resumed": bool, "board": dict,
    "page": int, "drawing": dict, "presenterPresent": bool, "deadline": (str, type(None)),
    "listeners": int, "sources": dict, "whip": bool, "recording": dict, "speakers": list,
    "presenterMuted": dict, "memberId": str, "assistant": bool, "assistants": list,
    "moderation": bool, "questions": list,
}  # fmt: skip
ANSWER: Shape = {"SDP": dict, "peerId": str}


def fits(payload: dict[str, Any], shape: Shape) -> None:
    """The payload has exactly these fields, of these types (a bool is no int)."""
    assert set(payload) == set(shape)
    for name, kind in shape.items():
        value, kinds = payload[name], kind if isinstance(kind, tuple) else (kind,)
        assert type(value) in kinds, (name, value)


async def test_what_a_client_is_told_when_it_is_in(site: Site) -> None:
    # L20: what Licode's `connected` tells, and O24's answer to a login
    room = (await site.room())["id"]
    ada = await site.enter(room, "Ada", "presenter")
    assert ada.sio.eio.transport() == "websocket"
    bob = await site.enter(room, "Bob", process=site.two)
    for client in (ada, bob):
        fits(client.all("seat")[0], SEAT)
    fits(ada.all("serverAnswer")[0], {**ANSWER, "epoch": int})
    fits(bob.all("serverAnswer")[0],
         {**ANSWER, "whiteboard": dict, "startTime": str, "presenterPresent": bool})  # fmt: skip
    fits(ada.all("state")[0], {**STATE, "epoch": int, "hands": list})
    fits(bob.all("state")[0], {**STATE, "speakerId": str})
    assert bob.order().index("serverAnswer") < bob.order().index("state")
    assert (ada.sio.eio.ping_interval, ada.sio.eio.ping_timeout) == (3, 4)


async def test_what_one_who_was_in_is_told_of_streams(walk: Walk) -> None:
    # L20 `streams`: those that there are, to one who comes later
    bob = walk.bob
    speak = {"roomId": walk.code, "SDP": OFFER, "sources": {"0": "microphone"}}
    assert (await bob.ask(LECTURE, "speak", speak))["ok"]
    eve = await walk.site.enter(walk.room, "Eve", "viewer")
    (speaker,) = eve.all("state")[0]["speakers"]
    fits(speaker, {"id": str, "name": str, "sources": dict, "muted": dict})
    assert speaker["id"] == walk.member(bob)


Ask = Callable[..., Awaitable[dict[str, Any]]]


def asker(walk: Walk) -> Ask:
    async def ask(client: Client, event: str, **fields: Any) -> dict[str, Any]:
        return dict(await client.ask(LECTURE, event, {"roomId": walk.code, **fields}))

    return ask


async def test_data_reaches_the_followers_of_its_stream_in_order(walk: Walk) -> None:
    # L36, L13
    ask, (ada, bob, cem) = asker(walk), (walk.ada, walk.bob, walk.cem)
    refused = await ask(bob, "data", message="before it sends media")
    assert refused["error"]["code"] == "forbidden"
    assert (await ask(bob, "speak", SDP=OFFER, sources={"0": "microphone"}))["ok"]
    ident = walk.member(bob)
    assert (await ask(cem, "follow", stream=ident))["attributes"] == {}
    assert (await ask(cem, "follow", stream="presenter"))["ok"]
    for number in range(30):
        assert (await ask(bob, "data", message={"n": number, "empty": []}))["ok"]
    assert (await ask(ada, "data", message=["hers"]))["ok"]
    told = await cem.event("data", 31)
    assert (told["stream"], told["message"]) == ("presenter", ["hers"])
    bobs = cem.all("data")[:30]
    assert [one["message"] for one in bobs] == [{"n": n, "empty": []} for n in range(30)]
    assert [one["seq"] for one in bobs] == sorted(one["seq"] for one in bobs)
    assert {one["stream"] for one in bobs} == {ident}
    for value in ({"label": "a", "more": 1}, {"label": "b"}):
        assert (await ask(bob, "attributes", attributes=value))["ok"]
    assert (await cem.event("attributes", 2))["attributes"] == {"label": "b"}, "replaced"
    assert (await ask(ada, "follow", stream=ident))["attributes"] == {"label": "b"}
    assert (await ask(cem, "follow", stream=ident, on=False))["following"] == ["presenter"]
    assert (await ask(bob, "data", message="unheard"))["ok"]
    assert (await ask(bob, "text", message="after"))["ok"]
    for client in (cem, bob):
        await client.event("text")
    assert len(cem.all("data")) == 31
    assert bob.all("data") == bob.all("attributes") == [], "who follows nothing hears nothing"
    assert (await ask(cem, "data", message="not hers", stream=ident))["error"]["code"] == (
        "forbidden"
    )
    long = {"too_large": {"message": "x" * 4096}, "bad_request": {"message": b"binary"}}
    for code, fields in long.items():
        assert (await ask(ada, "data", **fields))["error"]["code"] == code
    assert (await ask(ada, "attributes", attributes=[1]))["error"]["code"] == "bad_request"


async def test_a_room_whose_media_goes_between_browsers(walk: Walk) -> None:
    # L37: signals to one person alone, and no relay hears of anybody
    ada, site = walk.pairs[0], walk.site
    rooms = [command.room for command in site.relay.opened]
    bob, cem = [await walk._door(user, "/enter-room") for user in ("Bob", "Cem")]
    for client in (bob, cem):
        refused = await client.ask("/enter-room", "studentOffer", {
            "roomId": walk.pair_code, "SDP": OFFER
        })  # fmt: skip
        assert refused["error"]["code"] == "forbidden", "by no relay"
        assert (await client.ask("/enter-room", "studentOffer", walk._no_offer()))["ok"]
        await client.join(LECTURE, client.all("seat")[0]["accessToken"])
        await client.event("state")
    ask = {"roomId": walk.pair_code, "to": "presenter", "message": {"wants": ["media"]}}
    assert (await bob.ask(LECTURE, "signal", ask))["ok"]
    heard = await ada.event("signal")
    assert (heard["from"], heard["message"]) == (walk.member(bob), {"wants": ["media"]})
    back = {"roomId": walk.pair_code, "to": heard["from"], "message": {"sdp": "v=0"}}
    assert (await ada.ask(LECTURE, "signal", back))["ok"]
    assert (await bob.event("signal"))["from"] == walk.member(ada)
    for client in (bob, cem):
        text = {"roomId": walk.pair_code, "message": "after"}
        assert (await ada.ask(LECTURE, "text", text))["ok"]
        await client.event("text")
    assert cem.all("signal") == []
    for fields, code in (({"to": NOBODY}, "not_found"), ({"message": "x" * 33_000}, "too_large")):
        answer = await bob.ask(LECTURE, "signal", {**ask, **fields})
        assert answer["error"]["code"] == code
    speak = {"roomId": walk.pair_code, "SDP": OFFER}
    assert (await bob.ask(LECTURE, "speak", speak))["error"]["code"] == "forbidden"
    assert [command.room for command in site.relay.opened] == rooms
    assert walk.pair_code not in rooms
    elsewhere = {"roomId": walk.code, "to": "presenter", "message": 1}
    refused = await walk.bob.ask(LECTURE, "signal", elsewhere)
    assert refused["error"]["code"] == "forbidden", "a room whose media goes by a relay"
    refused = await walk.doors[1].ask("/enter-room", "studentOffer", {"roomId": walk.code})
    assert refused["error"]["code"] == "bad_offer"
    token = bob.all("seat")[0]["accessToken"]
    await bob.drop()
    again = site.client(site.two)
    await again.join(LECTURE, token)
    await again.event("state")
    assert (await again.ask(LECTURE, "signal", ask))["ok"], "its return needs no media either"


async def test_who_comes_back_gets_the_data_that_it_missed(walk: Walk) -> None:
    # L36, L25
    ask, (ada, cem) = asker(walk), (walk.ada, walk.cem)
    assert (await ask(cem, "follow", stream="presenter"))["ok"]
    assert (await ask(ada, "data", message=1))["ok"]
    cursor = (await cem.event("data"))["seq"]
    await cem.drop()
    for number in (2, 3):
        assert (await ask(ada, "data", message=number))["ok"]
    for follow, expected in ((["presenter"], [2, 3]), ([], [])):
        again = walk.site.client(walk.site.two)
        token = cem.all("seat")[0]["accessToken"]
        await again.join(LECTURE, token, cursor=cursor, follow=follow)
        assert (await again.event("state"))["resumed"]
        assert (await ask(ada, "text", message="now"))["ok"]
        await again.event("text")
        assert [one["message"] for one in again.all("data")] == expected


async def test_a_role_without_data_follows_nothing(site: Site) -> None:
    # L12, L36
    roles = [
        {"role": "presenter", "publish": True, "subscribe": True},
        {"role": "listener", "subscribe": {"audio": True, "video": True, "data": False}},
    ]
    room = (await site.room(roles=roles))["id"]
    await site.enter(room, "Ada", "presenter")
    client = await site.enter(room, "Bob", "listener")
    code = await site.code(room)
    for event, fields in (("follow", {"stream": "presenter"}), ("data", {"message": 1}),
                          ("attributes", {"attributes": {}})):  # fmt: skip
        answer = await client.ask(LECTURE, event, {"roomId": code, **fields})
        assert answer["error"]["code"] == "forbidden", event


async def figures(site: Site) -> dict[str, float]:
    """What `/metrics` of this process says now; the two api processes of a test are one here."""
    text = (await site.one.http.get("/metrics")).text
    pairs = (line.rpartition(" ") for line in text.splitlines() if line and line[0] != "#")
    return {name: float(value) for name, _, value in pairs}


async def test_metrics_count_the_members_that_there_are(site: Site) -> None:
    # L35
    sockets = 'lectern_socket_connections{namespace="/lecture"}'
    joins = 'lectern_socket_events_total{event="studentOffer",outcome="ok"}'
    refused = 'lectern_socket_events_total{event="studentOffer",outcome="not_found"}'
    before = await figures(site)
    room = (await site.room())["id"]
    await site.enter(room, "Ada", "presenter")
    members = [await site.enter(room, f"Member {n}", process=site.two) for n in range(4)]
    stranger = site.client()
    await stranger.join("/enter-room", "")
    offer = {"roomId": "111111", "SDP": OFFER}
    assert not (await stranger.ask("/enter-room", "studentOffer", offer))["ok"]

    async def counted() -> dict[str, float]:
        now = await figures(site)
        return {name: now.get(name, 0) - before.get(name, 0) for name in (sockets, joins, refused)}

    assert await counted() == {sockets: 5, joins: 4, refused: 1}
    for member in members[:3]:
        await member.part()
    async with asyncio.timeout(5):
        while (await counted())[sockets] != 2:
            await asyncio.sleep(0.05)
