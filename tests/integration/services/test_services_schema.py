"""The OpenAPI document says what the server API does: schemathesis finds nothing."""

import asyncio
import warnings
from typing import Any

import hypothesis
import jwt
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.core.clock import SystemClock
from tests.integration.services.conftest import Site

EXAMPLES = 12
SEED = 20_240_229


def fuzz(url: str, headers: dict[str, str], room: str, paths: str) -> list[str]:
    """Call every operation of these paths with what its schema says and what it forbids."""
    schema: Any = schemathesis.openapi.from_url(f"{url}/openapi.json")
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    tried: list[str] = []
    for found in schema.include(path_regex=paths).get_all_operations():
        operation = found.ok()
        tried.append(f"{operation.method.upper()} {operation.path}")

        @hypothesis.seed(SEED)
        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy())
        def run(case: Any) -> None:
            if "room" in (case.path_parameters or {}) and case.method != "DELETE":
                case.path_parameters["room"] = room
            case.call_and_validate(base_url=url, headers=headers, excluded_checks=EXCLUDED)

        run()
    return tried


EXCLUDED: list[Any] = [positive_data_acceptance, not_a_server_error]
"""A role that the room has not is refused (O3), and so is what is no permission (O27): a schema
cannot say which. 503 is in the document; 500 is not, so conformance of the status finds it."""


async def test_schemathesis_finds_nothing(site: Site) -> None:
    room = (await site.room())["id"]
    await site.enter(room, "Ada", "presenter")
    supers = await site.one.services.create("Super", is_super=True)
    claims = {"iss": supers.id, "exp": int(SystemClock().wall()) + 600}
    own = {**claims, "iss": site.service.id}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tried: list[str] = []
        for service, said, paths in (
            (supers, claims, "^/v1/services"),
            (site.service, own, "^/v1/rooms"),
        ):
            token = jwt.encode(said, service.key, algorithm="HS256")
            headers = {"Authorization": f"Bearer {token}"}
            tried += await asyncio.to_thread(fuzz, site.one.url, headers, room, paths)
    assert len(tried) >= 24, tried
