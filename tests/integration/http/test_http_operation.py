"""Health, readiness, metrics, CORS, headers, the OpenAPI document."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from tests.integration.http.conftest import Site

ORIGIN = "https://class.example"


@pytest.fixture
def tables_url(sqlite_url: str) -> str:
    return sqlite_url


async def test_health_says_that_it_runs(site: Site) -> None:
    site.parts.redis = False
    answer = await site.client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_no_request_waits_until_schemas_are_built(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:  # row 26: refused within 50 ms, the first time too
    built: list[object] = []

    def begin(adapter: object, of: object, **_: object) -> None:
        built.append(of)

    monkeypatch.setattr(TypeAdapter, "__init__", begin)
    for path in ("/health", "/profile", "/lecture/record/x", "/nothing-at-all"):
        _ = await site.client.get(path)
    assert built == []


async def test_ready_names_what_is_missing(site: Site) -> None:
    good = await site.client.get("/ready")
    assert (good.status_code, good.json()) == (200, {"status": "ok", "missing": []})
    site.parts.redis, site.parts.relay = False, False
    bad = await site.client.get("/ready")
    assert bad.status_code == 503
    assert bad.json() == {"status": "unavailable", "missing": ["redis", "relay"]}


async def test_metrics_count_by_route_and_never_by_path(site: Site) -> None:
    code = await site.lecture(await site.sign_up())
    await site.client.patch(f"/lecture/{code}")
    await site.client.get("/nothing-at-all")
    answer = await site.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert (
        'lectern_http_requests_total{method="PATCH",route="/lecture/{code}",status="401"}'
        in answer.text
    )
    assert 'route="pages"' in answer.text
    for personal in (code, "nothing-at-all", "ada@"):
        assert personal not in answer.text
    assert "lectern_sign_ins_total" in answer.text


async def test_cors_lets_the_web_client_of_another_origin_in(site: Site) -> None:
    # B11
    preflight = await site.client.options(
        "/lecture/000001",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
    for path in ("/health", "/profile", "/lecture?code=1"):
        answer = await site.client.get(path, headers={"Origin": ORIGIN})
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    too_large = await site.client.post(
        "/lecture", content=b"x" * 70_000, headers={"Origin": ORIGIN}
    )
    assert too_large.headers["Access-Control-Allow-Origin"] == ORIGIN
    foreign = await site.client.get("/health", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in foreign.headers


async def test_every_answer_has_the_security_headers(site: Site) -> None:
    for path in ("/", "/health", "/profile", "/nothing.js"):
        headers = (await site.client.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "unsafe-eval'" not in headers["Content-Security-Policy"].replace("wasm-unsafe", "")


async def test_the_openapi_document_tells_how_we_refuse(site: Site) -> None:
    document: dict[str, Any] = (await site.client.get("/openapi.json")).json()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == {
        "POST /auth/signup", "POST /auth/signin", "POST /auth/refresh", "GET /profile",
        "POST /profile", "POST /lecture", "GET /lecture", "PATCH /lecture/{code}",
        "PATCH /lecture/end", "GET /lecture/list", "GET /lecture/open", "GET /health", "GET /ready",
        "GET /health/live", "GET /health/ready", "GET /turncredential",
    }  # fmt: skip
    for name, operation in operations.items():
        assert "422" not in operation["responses"], name
        for status, answer in operation["responses"].items():
            schema = answer["content"]["application/json"]["schema"]
            if status[0] in "45" and name not in {"GET /ready", "GET /health/ready"}:
                assert schema == {"$ref": "#/components/schemas/Problem"}, (name, status)
        assert ("401" in operation["responses"]) == ("security" in operation), name


async def test_docs_are_for_development(site: Site) -> None:
    assert (await site.client.get("/docs")).status_code == 404
