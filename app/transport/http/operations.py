"""What an operator's machines ask: alive, ready, metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import structlog
from fastapi import APIRouter, Response

from app.core.errors import LecternError
from app.core.metrics import CONTENT_TYPE, exposition
from app.transport.http.bodies import Alive, Readiness

log = structlog.get_logger(__name__)

CHECK_TIMEOUT_SECONDS = 2.0
"""A part that does not say that it is ready in this time is not."""

Check = Callable[[], Awaitable[bool]]


RelayFigures = Callable[[], Awaitable[Mapping[str, Mapping[str, int]]]]
"""Returns every live relay's counters, by the relay's node id."""


def operation_routes(
    checks: Mapping[str, Check], relay_figures: RelayFigures | None = None
) -> APIRouter:
    """Return ``/health/live``, ``/health/ready`` (asks every check, by name) and ``/metrics``; and
    ``/health`` and ``/ready``, as they were called first."""
    router = APIRouter(tags=["operation"])

    @router.get("/health/live")
    @router.get("/health", operation_id="health")
    async def health() -> Alive:
        """Tell that the process runs, whatever else is away."""
        return Alive()

    not_ready: dict[int | str, dict[str, Any]] = {
        503: {"model": Readiness, "description": "Not ready"}
    }

    @router.get("/health/ready", responses=not_ready)
    @router.get("/ready", responses=not_ready, operation_id="ready")
    async def ready(response: Response) -> Readiness:
        """Tell whether lectures can be served, and what is missing."""
        answers = await asyncio.gather(*(_passes(name, check) for name, check in checks.items()))
        missing = [name for name, good in zip(checks, answers, strict=True) if not good]
        if missing:
            response.status_code = 503
            return Readiness(status="unavailable", missing=missing)
        return Readiness(status="ok", missing=[])

    @router.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        text = exposition() + await _relay_exposition(relay_figures)
        return Response(text, media_type=CONTENT_TYPE)

    return router


async def _relay_exposition(relay_figures: RelayFigures | None) -> bytes:
    """Return the relays' counters; nothing for those that do not answer in time."""
    if relay_figures is None:
        return b""
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            found = await relay_figures()
    except (LecternError, TimeoutError) as fault:
        log.warning("no figures of relays", fault=type(fault).__name__)
        return b""
    return "".join(f"{line}\n" for line in _relay_lines(found)).encode()


def _relay_lines(found: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Yield every relay's figures; one that carries labels (``a{b="c"}``) keeps them."""
    last = ""
    keys = {key for figures in found.values() for key in figures}
    for key in sorted(keys, key=lambda key: key.partition("{")[::2]):
        name, _, labels = key.partition("{")
        if name != last:
            last = name
            yield f"# TYPE lectern_relay_{name} untyped"
        own = f",{labels.removesuffix('}')}" if labels else ""
        for relay, figures in sorted(found.items()):
            if key in figures:
                yield f'lectern_relay_{name}{{relay="{relay}"{own}}} {figures[key]}'


async def _passes(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            return await check()
    except Exception as fault:  # noqa: BLE001 a check that fails in any way is an answer: no
        log.warning("readiness check failed", check=name, fault=type(fault).__name__)
        return False
