"""What a process tells the others about itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.ids import NodeId


@dataclass(frozen=True, slots=True)
class NodeInfo:
    """One live process."""

    id: NodeId
    kind: str
    """``"api"`` or ``"relay"``."""
    address: str
    """Where clients reach it (``host:port``); empty for a process that they do not."""
    load: float
    """How much it carries, in the unit of ``capacity``."""
    capacity: float
    """How much it can carry; 0 means that it takes nothing new."""

    def fields(self) -> dict[str, str]:
        """Return the node as the fields of a Redis hash."""
        return {
            "id": self.id,
            "kind": self.kind,
            "address": self.address,
            "load": repr(self.load),
            "capacity": repr(self.capacity),
        }


def read_node(fields: Mapping[bytes, bytes]) -> NodeInfo | None:
    """Return the node that a hash holds; None when the hash has expired."""
    if b"id" not in fields:
        return None
    return NodeInfo(
        NodeId(fields[b"id"].decode()),
        fields[b"kind"].decode(),
        fields[b"address"].decode(),
        float(fields[b"load"]),
        float(fields[b"capacity"]),
    )
