"""Server API: services. For superservices and the operator alone (L7)."""

from fastapi import APIRouter

from app.core.errors import Conflict, NotFound
from app.transport.http.v1.answers import ServiceMissing, refusals
from app.transport.http.v1.bodies import Done, NewService, ServiceBody, ServiceMade
from app.transport.http.v1.gate import By
from app.transport.http.v1.parts import ApiParts

PER_PAGE = 200


def add_services(router: APIRouter, parts: ApiParts) -> None:
    """Add the routes of ``/services``."""

    @router.post("/services", responses=refusals(400, 409, 413))
    async def create(caller: By, body: NewService) -> ServiceMade:
        """Make a service. Its key is shown in this answer, and never again."""
        caller.check_super()
        made = await parts.services.create(body.name, body.key, full_signatures=body.fullSignatures)
        return ServiceMade(**ServiceBody.of(made).model_dump(), key=made.key)

    @router.get("/services", responses=refusals())
    async def listed(caller: By) -> list[ServiceBody]:
        """List the services, without their keys."""
        caller.check_super()
        return [ServiceBody.of(service) for service in await parts.services.list()]

    @router.get("/services/{service}", responses=refusals(404))
    async def one(caller: By, service: str) -> ServiceBody:
        """Describe a service."""
        caller.check_super()
        try:
            return ServiceBody.of(await parts.services.get(service))
        except NotFound as fault:
            raise ServiceMissing("Service not found") from fault

    @router.delete("/services/{service}", responses=refusals(404, 409))
    async def delete(caller: By, service: str) -> Done:
        """Delete a service with its rooms: their lectures end, and everybody is sent away."""
        caller.check_super()
        if caller.service is not None and caller.service.id == service:
            raise Conflict("a service does not delete itself")
        try:
            found = await parts.services.get(service)
            while rooms := await parts.rooms.list(found.id, 1, PER_PAGE):
                for room in rooms:
                    await parts.end(room)
                    await parts.rooms.delete(found.id, room.id)
            await parts.services.delete(found.id)
        except NotFound as fault:
            raise ServiceMissing("Service not found") from fault
        return Done(message="Service deleted")
