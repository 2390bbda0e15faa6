"""What a process tells the others about itself."""

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.core.ids import NodeId

KINDS = ("api", "relay")
"""The purposes: what joins the registry, and what things are placed on."""

DEFAULT_MAX_LOAD = 0.85
"""Share of its capacity from which a process is given nothing new (seed row O7)."""


class NodeState(enum.StrEnum):
    """Whether a process takes anything new. What it has already stays, whatever its state."""

    INITIALIZING = "initializing"
    """It has not said yet how much it carries (seed row O8)."""
    READY = "ready"
    FULL = "full"
    DRAINING = "draining"
    """It ends as soon as others have taken over what it has."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process uses, as it measures it."""

    cpu: float = 0.0
    """CPU seconds per second: 1 is one core, which is all that an event loop can use."""
    packets_per_second: float = 0.0
    """Datagrams sent; 0 for a process without media."""
    memory_bytes: int = 0
    """Resident memory."""
    network_bps: float = 0.0
    """Bits per second sent as media."""


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One live process."""

    id: NodeId
    kind: str
    """Its purpose: ``"api"`` or ``"relay"``."""
    address: str
    """Where clients reach it (``host:port``); empty for a process that they do not."""
    load: float | None = None
    """How much it carries, in the unit of ``capacity``: the fullest of all that can fill it.
    None before its first report."""
    capacity: float = 1.0
    """How much it can carry; 0 means that it takes nothing new."""
    state: NodeState = NodeState.READY
    regions: tuple[str, ...] = ()
    """Where it stands; a wish of placement. Empty: nowhere in particular."""
    isps: tuple[str, ...] = ()
    """Whose customers it serves; a must of placement. Empty: everybody's."""
    max_load: float = DEFAULT_MAX_LOAD
    """Share of ``capacity`` from which it is given nothing new, 0 to 1."""
    usage: Usage = field(default_factory=Usage)
    has_lifeline: bool = False
    """It listens to its own channel in Redis for as long as it lives (``lifeline.Lifeline``)."""

    @property
    def share(self) -> float:
        """How full it is: 0 is empty, 1 is all of its capacity."""
        if self.capacity <= 0:
            return 1.0
        return self.max_load if self.load is None else self.load / self.capacity

    @property
    def is_available(self) -> bool:
        """Tell whether it takes anything new."""
        return self.state is NodeState.READY and self.capacity > 0 and self.share < self.max_load

    def fields(self) -> dict[str, str]:
        """Return the node as the fields of a Redis hash."""
        return {
            "id": self.id,
            "kind": self.kind,
            "address": self.address,
            "load": "" if self.load is None else repr(self.load),
            "capacity": repr(self.capacity),
            "state": self.state.value,
            "regions": json.dumps(self.regions),
            "isps": json.dumps(self.isps),
            "maxLoad": repr(self.max_load),
            "cpu": repr(self.usage.cpu),
            "packets": repr(self.usage.packets_per_second),
            "memory": str(self.usage.memory_bytes),
            "network": repr(self.usage.network_bps),
            "lifeline": "1" if self.has_lifeline else "",
        }


def read_node(fields: Mapping[bytes, bytes]) -> NodeInfo | None:
    """Return the node that a hash holds; None when the hash has expired.

    What a process of another version does not say has its default.
    """
    if b"id" not in fields:
        return None

    def text(name: str, default: str = "") -> str:
        return fields.get(name.encode(), default.encode()).decode()

    load = text("load")
    return NodeInfo(
        NodeId(text("id")),
        text("kind"),
        text("address"),
        float(load) if load else None,
        float(text("capacity", "1")),
        NodeState(text("state", NodeState.READY.value)),
        tuple(json.loads(text("regions", "[]"))),
        tuple(json.loads(text("isps", "[]"))),
        float(text("maxLoad", repr(DEFAULT_MAX_LOAD))),
        Usage(
            float(text("cpu", "0")),
            float(text("packets", "0")),
            int(text("memory", "0")),
            float(text("network", "0")),
        ),
        bool(text("lifeline")),
    )
