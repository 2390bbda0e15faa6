"""Bad input is refused in one shape, with the field's name, before it costs anything."""

from typing import Any

import pytest

from tests.integration.http.conftest import Site

PERSON = {"username": "Ada", "email": "ada@example.org", "password": "secret"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def tables_url(sqlite_url: str) -> str:
    """One database is enough: nothing here reaches it."""
    return sqlite_url


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "   "),
        ("username", "x" * 65),
        ("username", "a\x00b"),
        ("username", "a\nb"),
        ("username", "a\u202eb"),
        ("username", "\u200d"),
        ("username", 7),
        ("username", None),
        ("email", "ada"),
        ("email", "a@" + "x" * 300),
        ("email", ["a@b.c"]),
        ("password", ""),
        ("password", "x" * 1001),
        ("password", 12345678),
    ],
)
async def test_sign_up_fields(site: Site, field: str, value: object) -> None:
    # X19
    answer = await site.client.post("/auth/signup", json={**PERSON, field: value})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert (error["code"], error["retryable"]) == ("bad_request", False)
    assert error["message"].startswith(f"{field}: ")


@pytest.mark.parametrize("name", ["김하늘", "می\u200cخواهم", "👩\u200d🏫", "O'Neil", " Ada  L. "])  # noqa: RUF001
async def test_names_of_all_the_world(site: Site, name: str) -> None:
    answer = await site.client.post("/auth/signup", json={**PERSON, "username": name})
    assert (answer.status_code, answer.json()["username"]) == (201, name.strip())


async def test_a_missing_field_is_named(site: Site) -> None:
    answer = await site.client.post("/auth/signup", json={"username": "Ada", "password": "hunter2"})
    assert answer.json()["error"]["message"].startswith("email: ")
    assert "hunter2" not in answer.text


async def test_the_sign_ups_of_existing_clients_are_taken(site: Site) -> None:
    for number, password in enumerate(["1", "1234", "\U0001f600", "x" * 1000, " "]):
        body = {**PERSON, "email": f"a{number}@school.local", "password": password, "extra": 1}
        assert (await site.client.post("/auth/signup", json=body)).status_code == 201
        answer = await site.client.post("/auth/signin", json=body)
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"[" * 60_000, b'{"email":"\xff"}', b'{"email":"\\ud800"}',
     b"{" + b'"a":' * 9000, b"9" * 60_000],
)  # fmt: skip
async def test_what_is_no_object_is_refused(site: Site, body: bytes) -> None:
    answer = await site.client.post("/auth/signin", content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


async def test_a_body_over_the_limit_is_refused(site: Site) -> None:
    body = b'{"title":"' + b"x" * 65_536 + b'"}'
    declared = await site.client.post("/lecture", content=body, headers=JSON)

    async def chunks() -> Any:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    streamed = await site.client.post("/lecture", content=chunks(), headers=JSON)
    for answer in (declared, streamed):
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "too_large"


async def test_lecture_fields(site: Site) -> None:
    # X19
    headers = await site.sign_up()
    for body, field in (
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "x\x00"}, "title"),
        ({"description": "x"}, "title"),
        ({"title": "x", "description": "x" * 5001}, "description"),
        ({"title": "x", "description": None}, "description"),
    ):
        answer = await site.client.post("/lecture", json=body, headers=headers)
        assert answer.status_code == 400, body
        assert answer.json()["error"]["message"].startswith(f"{field}: ")
    missing = await site.client.get("/lecture")
    assert (missing.status_code, missing.json()["error"]["message"][:5]) == (400, "code:")
    long = await site.client.patch(
        "/lecture/end", json={"code": "000001", "audio": "x" * 2001}, headers=headers
    )
    assert long.status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/lecture/log/000001", "/lecture/000001/text", "/lecture/record/1", "/v1/x", "/auth/nothing",
     "/lecture/", "/profile/", "/file.js", "/a/b.css"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_addresses_are_json_404(site: Site, path: str, method: str) -> None:
    answer = await site.client.request(method, path, headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


async def test_a_wrong_method_is_405(site: Site) -> None:
    answer = await site.client.delete("/profile")
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert answer.headers["Allow"] == "GET, POST"
    audience = await site.client.delete("/lecture/000001")
    assert audience.headers["Allow"] == "PATCH"


async def test_an_exception_is_a_500_without_a_traceback(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(code: str) -> None:
        raise RuntimeError(f"the secret of {code}")

    monkeypatch.setattr(site.catalogue, "open_by_code", broken)
    answer = await site.client.get(
        "/lecture?code=000001", headers={"Origin": "https://class.example"}
    )
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal"
    assert "secret" not in answer.text
    # A browser of another origin can read it too.
    assert answer.headers["Access-Control-Allow-Origin"] == "https://class.example"
