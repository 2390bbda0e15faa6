"""The contract of existing clients, one test per route (seed row B11), on both databases."""

import asyncio

import pytest

from app.core.ids import Email, RoomId
from tests.integration.http.conftest import SERVICE_TOKEN, Site


async def test_sign_up(site: Site) -> None:
    # B11: POST /auth/signup {username,email,password} → 201 {username,email}; known e-mail 409
    body = {"username": "Ada", "email": "Ada@Example.org", "password": "x"}
    made = await site.client.post("/auth/signup", json=body)
    assert (made.status_code, made.json()) == (201, {"username": "Ada", "email": "ada@example.org"})
    again = await site.client.post("/auth/signup", json={**body, "email": "ada@example.ORG"})
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "conflict"


async def test_twenty_parallel_sign_ups_with_one_e_mail(site: Site) -> None:
    # X19
    body = {"username": "Ada", "email": "ada@example.org", "password": "secret"}
    ends = await asyncio.gather(*(site.client.post("/auth/signup", json=body) for _ in range(20)))
    assert sorted(end.status_code for end in ends) == [201] + [409] * 19


async def test_sign_in(site: Site) -> None:
    # B11: POST /auth/signin {email,password} → 200 {token,email,username}; unknown or wrong 404
    await site.sign_up()
    body = {"email": " Ada@example.org", "password": "secret"}
    good = await site.client.post("/auth/signin", json=body)
    assert good.status_code == 200
    assert set(good.json()) == {"token", "email", "username"}
    assert (good.json()["email"], good.json()["username"]) == ("ada@example.org", "Ada")
    account = site.tokens.read(good.json()["token"], site.clock.wall())
    assert (account.email, account.expired) == ("ada@example.org", False)
    wrong = await site.client.post("/auth/signin", json={**body, "password": "Secret"})
    unknown = await site.client.post("/auth/signin", json={**body, "email": "eve@example.org"})
    nonsense = await site.client.post("/auth/signin", json={"email": "x", "password": ""})
    assert [wrong.status_code, unknown.status_code, nonsense.status_code] == [404] * 3
    assert wrong.json() == unknown.json() == nonsense.json()


async def test_profile(site: Site) -> None:
    # B11: GET, POST /profile → {username,email}; POST {username} renames; no/expired token 401
    headers = await site.sign_up()
    read = await site.client.get("/profile", headers=headers)
    assert (read.status_code, read.json()) == (200, {"username": "Ada", "email": "ada@example.org"})
    renamed = await site.client.post("/profile", headers=headers, json={"username": "Lady Ada"})
    assert renamed.status_code == 200
    assert renamed.json() == {"username": "Lady Ada", "email": "ada@example.org"}
    assert (await site.client.get("/profile", headers=headers)).json() == renamed.json()


@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer ", "BEARER   "])
async def test_a_token_is_taken_bare_or_as_a_bearer(site: Site, scheme: str) -> None:
    # B1
    token = (await site.sign_up())["Authorization"]
    answer = await site.client.get("/profile", headers={"Authorization": scheme + token})
    assert answer.status_code == 200


async def test_no_forged_or_expired_token_is_taken(site: Site) -> None:
    # B1
    headers = await site.sign_up()
    routes = [
        ("GET", "/profile", None),
        ("POST", "/profile", {"username": "x"}),
        ("POST", "/auth/refresh", None),
        ("POST", "/lecture", {"title": "x", "description": ""}),
        ("PATCH", "/lecture/000001", None),
        ("PATCH", "/lecture/end", {"code": "000001"}),
        ("GET", "/lecture/list", None),
        ("GET", "/lecture/open", None),
    ]
    bad = [{}, {"Authorization": "x"}, {"Authorization": "Bearer"}]
    bad.append({"Authorization": headers["Authorization"][:-4] + "AAAA"})
    site.clock.advance(3600)
    bad.append(headers)
    for method, path, body in routes:
        for each in bad:
            answer = await site.client.request(method, path, json=body, headers=each)
            assert answer.status_code == 401, (method, path, each)
            assert answer.json()["error"]["code"] == "unauthorized"
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_refresh(site: Site) -> None:
    headers = await site.sign_up()
    await site.client.post("/profile", headers=headers, json={"username": "Lady Ada"})
    site.clock.advance(3000)
    fresh = await site.client.post("/auth/refresh", headers=headers)
    assert (fresh.status_code, set(fresh.json())) == (200, {"token"})
    site.clock.advance(3000)
    account = site.tokens.read(fresh.json()["token"], site.clock.wall())
    assert (account.username, account.expired) == ("Lady Ada", False)


async def test_create_a_lecture(site: Site) -> None:
    # B11: POST /lecture {title,description,email} → 201 {code}: six digits, a string; owner X3
    ada, _ = await site.sign_up(), await site.sign_up("Bob")
    body = {"title": "Graphs", "description": "All", "email": "bob@example.org"}
    made = await site.client.post("/lecture", json=body, headers=ada)
    assert (made.status_code, set(made.json())) == (201, {"code"})
    code = made.json()["code"]
    assert isinstance(code, str)
    assert len(code) == 6
    assert code.isdigit()
    assert code != "000000"
    card = (await site.client.get("/lecture", params={"code": code})).json()
    # X3: whose it is comes from the token, whatever the body says.
    assert card["presenter"]["email"] == "ada@example.org"


async def test_look_a_lecture_up(site: Site) -> None:
    # B11: GET /lecture?code= → 200 {title,description,presenter:{username,email}}; unknown 404
    code = await site.lecture(await site.sign_up())
    found = await site.client.get("/lecture", params={"code": code})
    assert found.status_code == 200
    assert found.json() == {
        "title": "Graphs",
        "description": "All of them",
        "presenter": {"username": "Ada", "email": "ada@example.org"},
    }
    for unknown in ("000000", "1", "abcdef", "", "1\x0023456"):
        answer = await site.client.get("/lecture", params={"code": unknown})
        assert answer.status_code == 404, unknown


async def test_join_a_lecture(site: Site) -> None:
    # B11: PATCH /lecture/:code joins the caller to the audience list; 404 unknown
    code = await site.lecture(await site.sign_up())
    bob = await site.sign_up("Bob")
    ends = await asyncio.gather(
        *(site.client.patch(f"/lecture/{code}", headers=bob) for _ in range(20))
    )
    assert {end.status_code for end in ends} == {200}
    unknown = await site.client.patch("/lecture/000000", headers=bob)
    assert unknown.status_code == 404


async def test_a_service_ends_a_lecture(site: Site) -> None:
    # B11, X17: PATCH /lecture/end {code,audio} → 200
    code = await site.lecture(await site.sign_up())
    body = {"code": code, "audio": "https://files.example/1.mp3"}
    for header in (SERVICE_TOKEN, f"Bearer {SERVICE_TOKEN}x", SERVICE_TOKEN[:-1]):
        answer = await site.client.patch(
            "/lecture/end", json=body, headers={"Authorization": header}
        )
        if header == SERVICE_TOKEN:
            assert answer.status_code == 200
            assert site.endings.by_service == [(code, "https://files.example/1.mp3")]
        else:
            assert answer.status_code == 401
    assert len(site.endings.by_service) == 1
    for unknown in (body, {"code": "nonsense"}, {"code": "000000"}):
        again = await site.client.patch(
            "/lecture/end", json=unknown, headers={"Authorization": SERVICE_TOKEN}
        )
        assert again.status_code == 404


async def test_only_its_own_presenter_ends_a_lecture(site: Site) -> None:
    # X17
    ada, bob = await site.sign_up(), await site.sign_up("Bob")
    code = await site.lecture(ada)
    refused = await site.client.patch("/lecture/end", json={"code": code}, headers=bob)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "forbidden"
    assert site.endings.by_owner == []
    good = await site.client.patch("/lecture/end", json={"code": code, "audio": "x"}, headers=ada)
    assert good.status_code == 200
    assert site.endings.by_owner == [("ada@example.org", code)]
    assert site.endings.by_service == []


async def test_list_lectures(site: Site) -> None:
    # B11, X19: GET /lecture/list → ended, given and attended, each once
    ada, bob = await site.sign_up(), await site.sign_up("Bob")
    hers = await site.lecture(ada, "Hers")
    site.clock.advance(1)
    his = await site.lecture(bob, "His")
    for _ in range(2):
        await site.client.patch(f"/lecture/{his}", headers=ada)
    assert (await site.client.get("/lecture/list", headers=ada)).json() == []
    for code, owner in ((hers, ada), (his, bob)):
        await site.client.patch("/lecture/end", json={"code": code}, headers=owner)
    listed = await site.client.get("/lecture/list", headers=ada)
    assert listed.status_code == 200
    first, second = listed.json()
    assert (first["title"], second["title"]) == ("His", "Hers")
    assert first["presenter_id"] == {"username": "Bob", "email": "bob@example.org"}
    assert second["presenter_id"] == {"username": "Ada", "email": "ada@example.org"}
    assert first["_id"] != second["_id"]
    assert second["description"] == "All of them"
    assert [
        one["title"] for one in (await site.client.get("/lecture/list", headers=bob)).json()
    ] == ["His"]


async def test_open_lectures(site: Site) -> None:
    ada, bob = await site.sign_up(), await site.sign_up("Bob")
    code = await site.lecture(ada)
    [one] = (await site.client.get("/lecture/open", headers=ada)).json()
    assert set(one) == {"id", "code", "title", "description", "created_at", "started_at"}
    assert (one["code"], one["started_at"]) == (code, None)
    assert one["created_at"].endswith("Z")
    assert (await site.client.get("/lecture/open", headers=bob)).json() == []


async def test_an_account_that_is_gone_is_signed_out(site: Site) -> None:
    from app.auth.principal import Account
    from app.core.ids import Email

    token = site.tokens.issue(Account(Email("gone@example.org"), "Gone"), site.clock.wall())
    headers = {"Authorization": token}
    for method, path, body in (
        ("GET", "/profile", None),
        ("POST", "/profile", {"username": "x"}),
        ("POST", "/auth/refresh", None),
        ("POST", "/lecture", {"title": "x"}),
    ):
        answer = await site.client.request(method, path, json=body, headers=headers)
        assert answer.status_code == 401, path


async def test_failed_sign_ins_are_limited(site: Site) -> None:
    await site.sign_up()
    body = {"email": "ada@example.org", "password": "wrong"}
    for _ in range(3):
        assert (await site.client.post("/auth/signin", json=body)).status_code == 404
    limited = await site.client.post("/auth/signin", json={**body, "password": "secret"})
    assert limited.status_code == 429
    assert limited.json()["error"] == {
        "code": "rate_limited",
        "message": limited.json()["error"]["message"],
        "retryable": True,
    }
    assert limited.headers["Retry-After"] == "300"
    site.clock.advance(300)
    await site.sign_in("ada@example.org")


async def test_the_database_away_is_a_retryable_refusal(site: Site) -> None:
    headers = await site.sign_up()
    await site.sql.close()
    answer = await site.client.get("/profile", headers=headers)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"
    assert answer.json()["error"]["retryable"] is True
    assert "Retry-After" in answer.headers
    assert (await site.client.get("/health")).status_code == 200
    ready = await site.client.get("/ready")
    assert (ready.status_code, ready.json()["missing"]) == (503, ["sql"])
    await site.sql.open()
    assert (await site.client.get("/profile", headers=headers)).status_code == 200


async def test_a_service_adds_a_recording_by_id_long_after_the_end(site: Site) -> None:
    # X16: the code may be another lecture's by then
    owner = await site.sign_up()
    code = await site.lecture(owner)
    service = {"Authorization": SERVICE_TOKEN}
    lecture = await site.catalogue.open_by_code(RoomId(code))
    assert lecture is not None
    body = {"code": lecture.id, "audio": "late.mp3"}
    for headers in (service, owner):  # it is not over yet
        early = await site.client.patch("/lecture/end", json=body, headers=headers)
        assert early.status_code == 404
    ended = await site.client.patch("/lecture/end", json={"code": code}, headers=service)
    assert ended.status_code == 200
    answer = await site.client.patch("/lecture/end", json=body, headers=service)
    assert (answer.status_code, answer.json()) == (200, {"code": code})
    (kept,) = await site.catalogue.ended_of(Email("ada@example.org"))
    assert kept.audio == "late.mp3"
    unknown = {**body, "code": "0" * 32}
    missing = await site.client.patch("/lecture/end", json=unknown, headers=service)
    assert missing.status_code == 404
