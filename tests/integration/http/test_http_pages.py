"""The web client's pages."""

import asyncio
from pathlib import Path

import pytest

from app.transport.http import compression
from tests.integration.http.conftest import Site

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def tables_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>the client</title>")
    (folder / "assets" / "index-3f9a1c.js").write_text("run()")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("not yours")
    return folder


PAGES = ["/", "/signin", "/signup", "/home", "/present/004217", "/join/004217", "/join"]


@pytest.mark.parametrize("path", [*PAGES, "/somewhere/else"])
async def test_every_page_is_the_client(site: Site, dist: Path, path: str) -> None:
    answer = await site.client.get(path, headers=HTML)
    assert answer.status_code == 200
    assert answer.text == "<title>the client</title>"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_hashed_assets_are_kept_for_long(site: Site, dist: Path) -> None:
    answer = await site.client.get("/assets/index-3f9a1c.js")
    assert (answer.status_code, answer.text) == (200, "run()")
    assert "javascript" in answer.headers["Content-Type"]
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    again = await site.client.get(
        "/assets/index-3f9a1c.js", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304
    assert "immutable" in again.headers["Cache-Control"]
    icon = await site.client.get("/favicon.svg")
    assert icon.headers["Cache-Control"] == "no-cache"
    head = await site.client.head("/assets/index-3f9a1c.js")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path",
    ["/assets/gone.js", "/assets/../../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt",
     "/link.txt", "/favicon.svg%00", "/assets%5c..%5c..%5csecret.txt"],
)  # fmt: skip
async def test_nothing_outside_is_served(site: Site, dist: Path, path: str) -> None:
    (dist / "link.txt").symlink_to(dist.parent / "secret.txt")
    answer = await site.client.get(path, headers=HTML)
    assert "not yours" not in answer.text
    assert answer.status_code in {200, 404}


async def test_a_program_that_wants_no_page_gets_json(site: Site, dist: Path) -> None:
    answer = await site.client.get("/home", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    posted = await site.client.post("/home", headers=HTML)
    assert posted.status_code == 404


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_build_the_page_says_so(site: Site, path: str) -> None:
    answer = await site.client.get(path, headers=HTML)
    assert answer.status_code == 200
    assert "was not built" in answer.text
    assert "make serve" in answer.text


async def test_a_build_that_comes_later_is_served(
    site: Site, request: pytest.FixtureRequest
) -> None:
    assert "was not built" in (await site.client.get("/", headers=HTML)).text
    request.getfixturevalue("dist")
    assert "the client" in (await site.client.get("/", headers=HTML)).text


async def test_scripts_are_compressed_for_who_takes_it(site: Site, dist: Path) -> None:
    script = "let lecture = 'a lecture';" * 1000
    (dist / "assets" / "big-1.js").write_text(script)
    plain = await site.client.get("/assets/big-1.js", headers={"Accept-Encoding": "br, gzip;q=0"})
    assert (plain.text, "Content-Encoding" in plain.headers) == (script, False)
    many = await asyncio.gather(
        *(
            site.client.get("/assets/big-1.js", headers={"Accept-Encoding": "gzip, br"})
            for _ in range(10)
        )
    )
    for answer in many:
        assert answer.text == script
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < 1000
        assert "javascript" in answer.headers["Content-Type"]
        assert "immutable" in answer.headers["Cache-Control"]
        assert "Accept-Encoding" in answer.headers["Vary"]
    part = await site.client.get("/assets/big-1.js", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.text) == (206, script[:10])


async def test_compressed_files_are_bounded(
    site: Site, dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "MAX_KEPT_BYTES", 10)
    for number in range(3):
        (dist / "assets" / f"big-{number}.js").write_text("x = 1;" * 1000)
        answer = await site.client.get(f"/assets/big-{number}.js")
        assert len(answer.text) == 6000
        assert ("Content-Encoding" in answer.headers) == (number == 0)
