"""The OpenAPI document says what the archive's routes do, whatever is sent: schemathesis looks."""

import asyncio
import warnings
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.integration.archive.conftest import ArchiveWorld
from tests.integration.archive.site import SERVICE, ArchiveSite
from tests.integration.archive.test_archive_log import whole
from tests.web_server import web_server

EXAMPLES = 10
SEED = 4217
EXCLUDED: list[Any] = [positive_data_acceptance]
"""A schema cannot say which of all texts are a lecture's id."""

ROUTES = r"^/(lecture/(archive|record|log)/|lecture/\{code\}/text|profile/export)"


def fuzz(url: str, headers: dict[str, str], known: dict[str, str]) -> list[str]:
    schema: Any = schemathesis.openapi.from_url(f"{url}/openapi.json")
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    tried: list[str] = []
    for found in schema.include(path_regex=ROUTES).get_all_operations():
        operation = found.ok()
        if operation.method.upper() == "DELETE":
            continue
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
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known[name]
            case.call_and_validate(base_url=url, headers=headers, excluded_checks=EXCLUDED)

        run()
    return tried


@pytest.mark.parametrize("tables_url", ["postgresql"], indirect=True)
async def test_schemathesis_finds_nothing(world: ArchiveWorld) -> None:
    lecture = await world.start()
    await world.boards.edit(lecture.code, 1, whole("one"))
    await world.archiver.bring_all()
    site = ArchiveSite(world)
    known = {"ident": lecture.id, "code": lecture.code}
    try:
        async with web_server(site.app) as url:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for headers in (SERVICE, site.as_("ada")):
                    tried = await asyncio.to_thread(fuzz, url, headers, known)
    finally:
        await site.client.aclose()
    assert len(tried) >= 13, tried
