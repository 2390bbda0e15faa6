"""REST: events for other systems, as webhooks or read from the stream, for the operator."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from app.feed.door import MAX_URL_CHARS
from app.feed.hooks import Hook
from app.feed.model import TYPES
from app.feed.stream import FeedStream
from app.feed.webhooks import Webhooks
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals

MAX_EVENTS = 500


class NewWebhook(BaseModel):
    """Who is to be called, for what."""

    url: Annotated[str, Field(min_length=8, max_length=MAX_URL_CHARS, examples=["https://a.b/c"])]
    types: Annotated[
        list[Annotated[str, Field(max_length=64, examples=["lectern.room.ended"])]],
        Field(max_length=len(TYPES), description="Empty: every type."),
    ] = []


class WebhookBody(BaseModel):
    """One webhook."""

    id: str
    url: str
    types: list[str]
    created_at: datetime = Field(serialization_alias="createdAt")
    ended_at: datetime | None = Field(serialization_alias="endedAt")
    ended_why: str | None = Field(serialization_alias="endedWhy")


class WebhookMade(WebhookBody):
    """A webhook that was just made, with its secret: it is shown this once."""

    secret: str


class EventsBody(BaseModel):
    """A piece of the stream."""

    events: list[dict[str, Any]] = Field(description="CloudEvents 1.0, oldest first.")
    next: str = Field(description="`after` of the next piece.")


def feed_routes(stream: FeedStream, webhooks: Webhooks, callers: Callers) -> APIRouter:
    """Return ``/operator/webhooks`` and ``/operator/events``, for the service token."""
    router = APIRouter(tags=["operator"], prefix="/operator")
    operator = Annotated[Service, Depends(callers.operator())]

    @router.get("/webhooks", responses=refusals(401, 503))
    async def listed(_: operator) -> list[WebhookBody]:
        """Return the operator's webhooks, the oldest first; ended ones included."""
        return [body_of(hook) for hook in await webhooks.of(None)]

    @router.post("/webhooks", status_code=201, responses=refusals(400, 401, 409, 503))
    async def create(body: NewWebhook, _: operator) -> WebhookMade:
        """Have a server called for what happens from now on; the answer has its secret."""
        return made(await webhooks.create(None, body.url, frozenset(body.types)))

    @router.delete("/webhooks/{hook}", status_code=204, responses=refusals(401, 404, 503))
    async def remove(hook: Annotated[str, Path(max_length=64)], _: operator) -> None:
        """Call it no more."""
        await webhooks.remove(None, hook)

    @router.get("/events", responses=refusals(400, 401, 503))
    async def events(
        _: operator,
        after: Annotated[str, Query(pattern=r"^[0-9]{1,15}(-[0-9]{1,10})?$")] = "0",
        count: Annotated[int, Query(ge=1, le=MAX_EVENTS)] = 100,
    ) -> EventsBody:
        """Return what happened after an event, as far as the stream reaches back."""
        entries = await stream.after(after, count)
        found = [orjson.loads(entry.body) for entry in entries if entry.body is not None]
        return EventsBody(events=found, next=entries[-1].id if entries else after)

    return router


def body_of(hook: Hook) -> WebhookBody:
    """Return a webhook as its owner sees it later."""
    return WebhookBody(
        id=hook.id,
        url=hook.url,
        types=sorted(hook.types),
        created_at=hook.created_at,
        ended_at=hook.ended_at,
        ended_why=hook.ended_why,
    )


def made(hook: Hook) -> WebhookMade:
    """Return a webhook as its owner sees it once."""
    return WebhookMade(**body_of(hook).model_dump(), secret=hook.secret or "")
