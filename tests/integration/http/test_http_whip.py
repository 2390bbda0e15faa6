"""WHIP and WHEP as HTTP: tokens, headers, preconditions, problem documents (RFC 9725)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import httpx
import pytest

from app.auth.principal import Account
from app.auth.room_tokens import LIFETIME_SECONDS, RoomGrant, RoomTokens
from app.auth.tokens import UserTokens
from app.core.errors import NotFound, NotStarted
from app.core.ids import Email, LectureId, NodeId, PeerId, RoomId
from app.lecture.broadcast import Opened, Restarted
from app.relay.answers import Candidate, IceRestarted, PeerOpened
from app.rooms.sessions import Session
from app.transport.http.app import create_http
from app.transport.http.config import HttpConfig
from app.transport.http.whip import MediaEndpoints
from tests.integration.http.conftest import Site
from tests.manual_clock import ManualClock

if TYPE_CHECKING:
    from app.auth.accounts import Accounts

SECRET = "the tests' secret of at least 32 bytes"
SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
CANDIDATE = "candidate:1 1 udp 2130706431 192.0.2.7 7882 typ host"
ROOM = RoomId("004217")
ADA = Account(Email("ada@example.org"), "Ada")


@dataclass
class FakeBroadcasts:
    """Sessions in memory."""

    sessions: dict[str, Session] = field(default_factory=dict)
    offers: list[tuple[str, str]] = field(default_factory=list)
    is_live: bool = True
    revoked: list[tuple[str, str]] = field(default_factory=list)

    async def publish(self, grant: RoomGrant, sdp: str) -> Opened:
        return self._open(grant, sdp)

    async def play(self, grant: RoomGrant, sdp: str) -> Opened:
        if not self.is_live:
            raise NotStarted("the lecture has not started")
        return self._open(grant, sdp)

    def _open(self, grant: RoomGrant, sdp: str) -> Opened:
        self.offers.append((grant.role, sdp))
        peer = PeerId(f"peer{len(self.offers)}")
        session = Session(peer, grant.role, grant.email, NodeId("relay-1"), "tag1", "theirs")
        self.sessions[peer] = session
        return Opened(session, PeerOpened(sdp="v=0 answer", candidates=[]))

    async def session(self, grant: RoomGrant, peer: PeerId) -> Session:
        if peer not in self.sessions:
            raise NotFound("there is no such session")
        return self.sessions[peer]

    async def restart(
        self, grant: RoomGrant, session: Session, ufrag: str, password: str
    ) -> Restarted:
        renewed = Session(session.peer, session.role, session.email, session.relay, "tag2", ufrag)
        self.sessions[session.peer] = renewed
        candidate = Candidate(candidate=CANDIDATE, sdpMid="0", sdpMLineIndex=0)
        return Restarted(renewed, IceRestarted(ufrag="ours", password="q" * 24,
                                               candidates=[candidate]))  # fmt: skip

    async def end(self, grant: RoomGrant, session: Session) -> None:
        self.sessions.pop(session.peer, None)

    async def generation(self, lecture: LectureId, role: str) -> int:
        return len(self.revoked)

    async def revoke(self, room: RoomId, lecture: LectureId, role: str) -> None:
        self.revoked.append((room, role))


@dataclass
class MediaSite:
    client: httpx.AsyncClient
    broadcasts: FakeBroadcasts
    tokens: RoomTokens
    clock: ManualClock

    def bearer(self, role: str = "presenter", room: RoomId = ROOM) -> dict[str, str]:
        token, _ = self.tokens.issue(
            room, LectureId("l"), role, Email("ada@example.org"), "Ada", self.clock.wall()
        )
        return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def media(site: Site) -> AsyncIterator[MediaSite]:
    async def ready() -> bool:
        return True

    def servers(room: RoomId, identity: str) -> list[dict[str, object]]:
        return [{"urls": ["turn:t.example:3478"], "username": "u", "credential": "c"}]

    broadcasts, tokens = FakeBroadcasts(), RoomTokens(SECRET)
    app = create_http(
        HttpConfig(allowed_origins=("https://class.example",)),
        accounts=cast("Accounts", None),  # nobody signs in here
        catalogue=site.catalogue,
        tokens=UserTokens(SECRET),
        lectures=site.endings,
        redis_ready=ready,
        sql_ready=ready,
        relay_ready=ready,
        clock=site.clock,
        media=MediaEndpoints(broadcasts, tokens, site.clock, servers),
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern.test") as client:
        yield MediaSite(client, broadcasts, tokens, site.clock)


async def test_a_session_from_its_offer_to_its_end(media: MediaSite) -> None:
    headers = {**media.bearer(), **SDP}
    made = await media.client.post(f"/whip/{ROOM}", content="v=0 offer", headers=headers)
    assert made.status_code == 201
    assert made.headers["content-type"] == "application/sdp"
    assert made.headers["etag"] == '"tag1"'
    assert made.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
    assert made.headers["link"] == (
        '<turn:t.example:3478>; rel="ice-server"; username="u"; credential="c"; '
        'credential-type="password"'
    )
    assert made.text == "v=0 answer"
    at = made.headers["location"]
    fragment = f"a=ice-ufrag:theirs\r\na=ice-pwd:{'p' * 24}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
    patched = await media.client.patch(
        at,
        content=fragment + f"a={CANDIDATE}\r\na=end-of-candidates\r\n",
        headers={**media.bearer(), **FRAGMENT, "If-Match": '"tag1"'},
    )
    assert patched.status_code == 204
    restarted = await media.client.patch(
        at,
        content=fragment.replace("theirs", "fresh"),
        headers={**media.bearer(), **FRAGMENT, "If-Match": "*"},
    )
    assert restarted.status_code == 200
    assert restarted.headers["etag"] == '"tag2"'
    assert "a=ice-ufrag:ours" in restarted.text
    assert f"a={CANDIDATE}" in restarted.text
    ended = await media.client.delete(at, headers=media.bearer())
    assert ended.status_code == 200
    again = await media.client.delete(at, headers=media.bearer())
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"If-Match": '"tag0"'}, 412),
        ({"If-Match": None}, 428),
        ({"Content-Type": "text/plain"}, 415),
        ({"Authorization": "Bearer nonsense"}, 401),
    ],
)
async def test_a_patch_is_refused_with_a_problem(
    media: MediaSite, changed: dict[str, str | None], status: int
) -> None:
    made = await media.client.post(
        f"/whip/{ROOM}", content="v=0", headers={**media.bearer(), **SDP}
    )
    headers = {**media.bearer(), **FRAGMENT, "If-Match": '"tag1"', **changed}
    answer = await media.client.patch(
        made.headers["location"],
        content=f"a=ice-ufrag:theirs\r\na=ice-pwd:{'p' * 24}\r\n",
        headers={name: value for name, value in headers.items() if value is not None},
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"a=ice-ufrag:theirs\r\n", b"no sdp\r\n" * 10,
     b"a=ice-ufrag:x\r\na=ice-pwd:short\r\n",
     b"a=ice-ufrag:theirs\r\na=ice-ufrag:other\r\na=ice-pwd:" + b"p" * 24],
)  # fmt: skip
async def test_a_bad_fragment_changes_nothing(media: MediaSite, body: bytes) -> None:
    made = await media.client.post(
        f"/whip/{ROOM}", content="v=0", headers={**media.bearer(), **SDP}
    )
    headers = {**media.bearer(), **FRAGMENT, "If-Match": "*"}
    answer = await media.client.patch(made.headers["location"], content=body, headers=headers)
    assert answer.status_code == 400
    assert media.broadcasts.sessions["peer1"].etag == "tag1"


async def test_too_many_candidates_are_refused(media: MediaSite) -> None:
    made = await media.client.post(
        f"/whip/{ROOM}", content="v=0", headers={**media.bearer(), **SDP}
    )
    body = f"a=ice-ufrag:theirs\r\na=ice-pwd:{'p' * 24}\r\n" + f"a={CANDIDATE}\r\n" * 33
    headers = {**media.bearer(), **FRAGMENT, "If-Match": "*"}
    answer = await media.client.patch(made.headers["location"], content=body, headers=headers)
    assert answer.status_code == 413


async def test_a_token_is_good_for_one_room_and_one_role(media: MediaSite) -> None:
    other = media.bearer(room=RoomId("111111"))
    for path, headers in (
        (f"/whip/{ROOM}", other),
        (f"/whip/{ROOM}", media.bearer("listener")),
        (f"/whep/{ROOM}", media.bearer("presenter")),
    ):
        answer = await media.client.post(path, content="v=0", headers={**headers, **SDP})
        assert answer.status_code == 403, path
    user = UserTokens(SECRET).issue(ADA, media.clock.wall())
    headers = {"Authorization": f"Bearer {user}", **SDP}
    answer = await media.client.post(f"/whip/{ROOM}", content="v=0", headers=headers)
    assert answer.status_code == 401
    assert media.broadcasts.offers == []


async def test_an_expired_token_begins_nothing_but_ends_its_own_session(media: MediaSite) -> None:
    bearer = media.bearer()
    made = await media.client.post(f"/whip/{ROOM}", content="v=0", headers={**bearer, **SDP})
    media.clock.advance(LIFETIME_SECONDS["presenter"] + 1)
    late = await media.client.post(f"/whip/{ROOM}", content="v=0", headers={**bearer, **SDP})
    assert late.status_code == 401
    assert late.headers["www-authenticate"] == "Bearer"
    ended = await media.client.delete(made.headers["location"], headers=bearer)
    assert ended.status_code == 200


async def test_a_player_that_comes_too_early_is_told_when_to_try_again(media: MediaSite) -> None:
    media.broadcasts.is_live = False
    headers = {**media.bearer("listener"), **SDP}
    answer = await media.client.post(f"/whep/{ROOM}", content="v=0", headers=headers)
    assert answer.status_code == 409
    assert answer.headers["retry-after"] == "2"


async def test_options_tell_what_may_be_posted(media: MediaSite) -> None:
    plain = await media.client.options(f"/whip/{ROOM}")
    assert (plain.status_code, plain.headers["accept-post"]) == (200, "application/sdp")
    assert "link" not in plain.headers
    known = await media.client.options(f"/whip/{ROOM}", headers=media.bearer())
    assert 'rel="ice-server"' in known.headers["link"]


async def test_pages_of_other_origins_may_use_it(media: MediaSite) -> None:
    asked = {
        "Origin": "https://class.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization, if-match",
    }
    answer = await media.client.options(f"/whep/{ROOM}/peer1", headers=asked)
    assert answer.status_code == 200
    made = await media.client.post(
        f"/whep/{ROOM}",
        content="v=0",
        headers={**media.bearer("listener"), **SDP, "Origin": "https://class.example"},
    )
    assert "Location" in made.headers["access-control-expose-headers"]


async def test_the_session_itself_takes_no_other_method(media: MediaSite) -> None:
    made = await media.client.post(
        f"/whip/{ROOM}", content="v=0", headers={**media.bearer(), **SDP}
    )
    for method in ("GET", "POST", "PUT"):
        answer = await media.client.request(
            method, made.headers["location"], headers=media.bearer()
        )
        assert answer.status_code == 405, method
    wrong = await media.client.post(f"/whip/{ROOM}", content="{}", headers=media.bearer())
    assert wrong.status_code == 415


async def test_tokens_are_given_by_role(media: MediaSite, site: Site) -> None:
    ada, sam = await site.sign_up("Ada"), await site.sign_up("Sam")
    code = await site.lecture(ada)
    own = (await media.client.post(f"/lecture/{code}/token", headers=ada)).json()
    assert own["role"] == "presenter"
    assert own["whip"] == f"http://lectern.test/whip/{code}"
    assert own["whep"] is None
    assert media.tokens.read(own["token"], media.clock.wall()).room == code
    heard = (await media.client.post(f"/lecture/{code}/token", headers=sam)).json()
    assert (heard["role"], heard["whip"]) == ("listener", None)
    refused = await media.client.post(
        f"/lecture/{code}/token", json={"role": "presenter"}, headers=sam
    )
    assert refused.status_code == 403
    unknown = await media.client.post("/lecture/999999/token", headers=sam)
    assert unknown.status_code == 404
    assert (await media.client.post(f"/lecture/{code}/token")).status_code == 401


async def test_the_owner_takes_tokens_back(media: MediaSite, site: Site) -> None:
    ada, sam = await site.sign_up("Ada"), await site.sign_up("Sam")
    code = await site.lecture(ada)
    path = f"/lecture/{code}/token"
    first = (await media.client.post(path, headers=ada)).json()["token"]
    assert (await media.client.delete(path, headers=sam)).status_code == 403
    assert (await media.client.delete(path)).status_code == 401
    assert (await media.client.delete("/lecture/999999/token", headers=ada)).status_code == 404
    wrong = await media.client.delete(f"{path}?role=king", headers=ada)
    assert wrong.status_code in (400, 422)
    assert media.broadcasts.revoked == []
    assert (await media.client.delete(path, headers=ada)).status_code == 204
    assert media.broadcasts.revoked == [(code, "presenter")]
    second = (await media.client.post(path, headers=ada)).json()["token"]
    generations = [media.tokens.read(t, media.clock.wall()).generation for t in (first, second)]
    assert generations == [0, 1]


async def test_one_person_offers_only_so_fast(media: MediaSite) -> None:  # P8
    headers = {**media.bearer(), **SDP}

    async def offer() -> httpx.Response:
        return await media.client.post(f"/whip/{ROOM}", content="v=0 offer", headers=headers)

    answers = [await offer() for _ in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert answers[-1].headers["retry-after"] == "5"
    assert answers[-1].json()["code"] == "rate_limited"
    assert answers[-1].headers["content-type"] == "application/problem+json"
    other = {**media.bearer("listener"), **SDP}
    assert (
        await media.client.post(f"/whep/{ROOM}", content="v=0 offer", headers=other)
    ).status_code == 201
    media.clock.advance(5.1)
    assert (await offer()).status_code == 201
    assert (await offer()).status_code == 429
    assert len(media.broadcasts.offers) == 12


async def test_metrics_hold_what_the_relays_counted(site: Site) -> None:
    async def ready() -> bool:
        return True

    async def figures() -> dict[str, dict[str, int]]:
        return {
            "relay-1": {"bytes_forwarded": 12, 'tracks{source="camera"}': 3, "tracks_lost": 1},
            "relay-2": {"bytes_forwarded": 30, 'tracks{source="screen"}': 1},
        }

    app = create_http(
        HttpConfig(),
        accounts=cast("Accounts", None),
        catalogue=site.catalogue,
        tokens=UserTokens(SECRET),
        lectures=site.endings,
        redis_ready=ready,
        sql_ready=ready,
        relay_ready=ready,
        clock=site.clock,
        relay_figures=figures,
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern.test") as client:
        text = (await client.get("/metrics")).text
    assert 'lectern_relay_bytes_forwarded{relay="relay-1"} 12\n' in text
    assert 'lectern_relay_bytes_forwarded{relay="relay-2"} 30\n' in text
    assert text.count("# TYPE lectern_relay_bytes_forwarded untyped") == 1
    assert (
        "# TYPE lectern_relay_tracks untyped\n"
        'lectern_relay_tracks{relay="relay-1",source="camera"} 3\n'
        'lectern_relay_tracks{relay="relay-2",source="screen"} 1\n'
    ) in text
