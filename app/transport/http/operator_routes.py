"""REST for the operator: processes, rooms, draining. What the page ``/operator`` shows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from app.cluster.node import NodeInfo
from app.cluster.registry import Registry
from app.core.clock import Clock
from app.core.ids import NodeId
from app.feed.model import iso_of
from app.rooms.overview import Overview, RoomGlance
from app.transport.http.identity import Callers, Service
from app.transport.http.problems import refusals

MAX_DRAIN_SECONDS = 86_400


class UsageBody(BaseModel):
    """What a process uses, as it measures it."""

    cpu: float = Field(description="CPU seconds per second.")
    packets_per_second: float = Field(serialization_alias="packetsPerSecond")
    memory_bytes: int = Field(serialization_alias="memoryBytes")
    network_bps: float = Field(serialization_alias="networkBps")


class NodeBody(BaseModel):
    """One live process."""

    id: str
    kind: str = Field(description="api or relay")
    address: str = Field(description="Where clients reach it, if they do.")
    state: str = Field(description="initializing, ready, full or draining")
    load: float | None = Field(description="0 to 1 of its capacity; null before its first report.")
    regions: list[str]
    isps: list[str]
    usage: UsageBody
    rooms: int = Field(description="Live rooms whose presenter's media it has.")


class RoomBody(BaseModel):
    """One live room."""

    code: str
    lecture_id: str = Field(serialization_alias="lectureId")
    status: str = Field(description="LIVE, or AWAY while its presenter is")
    start_time: str = Field(serialization_alias="startTime")
    listeners: int
    relay: str | None


class State(BaseModel):
    """Everything that the operator's page shows."""

    time: datetime
    nodes: list[NodeBody]
    rooms: list[RoomBody] = Field(description="By code; the first 2,000.")
    room_count: int = Field(serialization_alias="roomCount")


class Drain(BaseModel):
    """How long a process may take to give away what it has."""

    seconds: Annotated[int, Field(ge=0, le=MAX_DRAIN_SECONDS)] = 30


@dataclass(frozen=True, slots=True)
class OperatorPort:
    """What the routes need."""

    registry: Registry
    overview: Overview
    clock: Clock


def operator_routes(port: OperatorPort, callers: Callers) -> APIRouter:
    """Return ``/operator/state`` and ``/operator/nodes/:node/drain``, for the service token."""
    router = APIRouter(tags=["operator"], prefix="/operator")
    operator = Annotated[Service, Depends(callers.operator())]

    @router.get("/state", responses=refusals(401, 503))
    async def state(_: operator, response: Response) -> State:
        """Return the live processes and rooms."""
        response.headers["Cache-Control"] = "no-store"
        nodes = await port.registry.all()
        glance = await port.overview.rooms()
        now_ms = round(port.clock.wall() * 1000)
        return State(
            time=datetime.fromisoformat(iso_of(now_ms)),
            nodes=[_node(node, glance.rooms) for node in nodes],
            rooms=[_room(room) for room in glance.rooms],
            room_count=glance.total,
        )

    @router.post("/nodes/{node}/drain", status_code=202, responses=refusals(400, 401, 404, 503))
    async def drain(
        node: Annotated[str, Path(max_length=64)], body: Drain, _: operator
    ) -> dict[str, bool]:
        """Have a process give away what it has, and end; at the latest when the time is up."""
        await port.registry.order_drain(NodeId(node), float(body.seconds))
        return {"ok": True}

    return router


def _node(node: NodeInfo, rooms: list[RoomGlance]) -> NodeBody:
    usage = node.usage
    return NodeBody(
        id=node.id,
        kind=node.kind,
        address=node.address,
        state=node.state.value,
        load=None if node.load is None else round(node.share, 4),
        regions=list(node.regions),
        isps=list(node.isps),
        usage=UsageBody(
            cpu=round(usage.cpu, 3),
            packets_per_second=round(usage.packets_per_second, 1),
            memory_bytes=usage.memory_bytes,
            network_bps=round(usage.network_bps, 1),
        ),
        rooms=sum(room.relay == node.id for room in rooms),
    )


def _room(room: RoomGlance) -> RoomBody:
    return RoomBody(
        code=room.code,
        lecture_id=room.lecture,
        status=room.status,
        start_time=room.start_time,
        listeners=room.listeners,
        relay=room.relay,
    )
