"""The server API, put together: routes of ``/v1`` for other systems' servers."""

from typing import Any

from fastapi import APIRouter

from app.transport.http.v1.answers import ApiProblem, V1Route
from app.transport.http.v1.gate import DOCUMENTED, Gate
from app.transport.http.v1.parts import ApiParts
from app.transport.http.v1.rooms import add_rooms
from app.transport.http.v1.services import add_services
from app.transport.http.v1.streams import add_streams
from app.transport.http.v1.tokens import add_tokens
from app.transport.http.v1.unserved import add_stream_engine, add_unknown, add_unserved
from app.transport.http.v1.users import add_bans, add_participants, add_users
from app.transport.http.v1.webhooks import add_webhooks


def server_api(gate: Gate, parts: ApiParts) -> list[APIRouter]:
    """Return the routers, to be included after any other that begins with ``/v1``."""
    gated: Any = type("GatedRoute", (V1Route,), {"gate": gate})
    api = APIRouter(prefix="/v1", tags=["server API"], route_class=gated, dependencies=DOCUMENTED)
    add_services(api, parts)
    add_rooms(api, parts)
    add_tokens(api, parts)
    add_users(api, parts)
    add_participants(api, parts)
    add_bans(api, parts)
    add_streams(api, parts)
    if parts.webhooks is not None:
        add_webhooks(api, parts.webhooks)
    add_unserved(api, parts)
    add_unknown(api)
    engine = APIRouter(route_class=gated, dependencies=DOCUMENTED)
    add_stream_engine(engine)
    return [api, engine]


def problem_schemas() -> dict[str, Any]:
    """Return the schemas of refusals, which routes name by reference (``answers.refusals``)."""
    schema = ApiProblem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "ApiProblem": schema}
