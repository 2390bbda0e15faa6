"""What a process tells the others of itself that does not change."""

from app.cluster.node import NodeInfo
from app.cluster.placement import Preference
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


def home_of(settings: Settings) -> Preference:
    """Return where whoever is connected to this process is taken to be: in its first region, and a
    customer of its provider where it serves one provider's alone."""
    region = settings.regions[0] if settings.regions else None
    return Preference(settings.isps[0] if len(settings.isps) == 1 else None, region)
