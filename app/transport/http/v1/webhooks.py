"""Server API: webhooks of a service, which hear of its own rooms' lectures (docs/events.md)."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.core.errors import NotFound
from app.feed.webhooks import Webhooks
from app.transport.http.feed_routes import NewWebhook, WebhookBody, WebhookMade, body_of, made
from app.transport.http.v1.answers import refusals
from app.transport.http.v1.gate import By

HookId = Annotated[str, Path(max_length=64)]


def add_webhooks(router: APIRouter, webhooks: Webhooks) -> None:
    """Add the routes of ``/webhooks``."""

    @router.get("/webhooks", responses=refusals(403))
    async def listed(caller: By) -> list[WebhookBody]:
        """Return the service's webhooks, the oldest first; ended ones included."""
        caller.check("roomAdmin")
        return [body_of(hook) for hook in await webhooks.of(caller.owner().id)]

    @router.post("/webhooks", status_code=201, responses=refusals(400, 403, 409, 413))
    async def create(caller: By, body: NewWebhook) -> WebhookMade:
        """Have a server called for what happens in the service's lectures from now on. The answer
        has the secret that signs the calls."""
        caller.check("roomAdmin")
        return made(await webhooks.create(caller.owner().id, body.url, frozenset(body.types)))

    @router.delete("/webhooks/{hook}", status_code=204, responses=refusals(403, 404))
    async def remove(caller: By, hook: HookId) -> None:
        """Call it no more."""
        caller.check("roomAdmin")
        if not hook.isalnum():
            raise NotFound("there is no such webhook")
        await webhooks.remove(caller.owner().id, hook)
