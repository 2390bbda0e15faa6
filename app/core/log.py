"""How this server logs: one line per event, JSON in production, readable in development.

Ours and the libraries' lines take one way out, and all of them are redacted on it.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from app.core.redaction import redact

QUIET = ("aioice", "aiortc", "engineio", "socketio", "alembic", "asyncio", "httpx", "aiosqlite")
"""Libraries that tell too much (addresses, SDP, packets) below WARNING."""


def configure(
    role: str, level: str = "INFO", *, as_json: bool, stream: TextIO | None = None
) -> None:
    """Set up structlog and the standard library's logging for this process.

    ``role`` names the process in every line. ``level`` is a standard name (``"DEBUG"``); an
    unknown one raises ValueError. Lines go to ``stream``, or to standard error. Call it again to
    change it.
    """
    out = sys.stderr if stream is None else stream
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"unknown log level {level!r}")
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(role),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=_renderers(as_json, out)
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(number)
    _quieten(number)


def _quieten(number: int) -> None:
    for name in QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # its lines hold addresses


def _renderers(as_json: bool, out: TextIO) -> list[Any]:
    last: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact,
        last,
    ]


def _named(role: str) -> Any:
    def add_role(
        _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event.setdefault("role", role)
        return event

    return add_role
