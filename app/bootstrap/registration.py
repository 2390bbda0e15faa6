"""What a process tells the others of itself that does not change."""

from app.cluster.node import NodeInfo
from app.core.ids import NodeId
from app.settings import Settings


def node_info(settings: Settings, kind: str, node: NodeId, address: str) -> NodeInfo:
    """Return what a process tells of itself that does not change."""
    return NodeInfo(
        node,
        kind,
        address,
        regions=settings.regions,
        isps=settings.isps,
        max_load=settings.max_load,
    )
