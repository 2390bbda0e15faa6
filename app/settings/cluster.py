"""What a process tells the others of itself, and how they share the work."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from app.cluster.node import KINDS
from app.cluster.strategy import Strategy
from app.settings.kinds import SEPARATE, Group, setting, split


def _word(value: str) -> str:
    if not 1 <= len(value) <= 64 or any(c.isspace() for c in value):
        raise ValueError("no name")
    return value


def _placing(value: str) -> str:
    purpose, _, strategy = value.partition("=")
    if purpose not in KINDS:
        raise ValueError("no such purpose")
    Strategy(strategy)
    return value


Names = Annotated[
    tuple[Annotated[str, AfterValidator(_word)], ...], NoDecode, BeforeValidator(split)
]
Placing = Annotated[
    tuple[Annotated[str, AfterValidator(_placing)], ...], NoDecode, BeforeValidator(split)
]


class ClusterSettings(Group):
    """What a process tells the others of itself, and how they share the work."""

    regions: Names = setting(
        (),
        "Region(s) where this process stands. Clients that name one of them are given it before"
        " others.",
        f"names without spaces, {SEPARATE}",
    )
    isps: Names = setting(
        (),
        "Internet providers whose customers this process serves; clients that name another one are"
        " never given it. Unset: everybody's.",
        f"names without spaces, {SEPARATE}",
    )
    address: str | None = setting(
        None,
        "Where clients reach this api process, for tickets that name it. Unset: LECTERN_HOST and"
        " LECTERN_PORT.",
        "a host, a colon and a port",
        pattern=r"^[^\s/]{1,253}:\d{1,5}$",
    )
    max_load: float = setting(
        0.85,
        "Share of what it can carry (connections, packets, CPU of a core, memory: the fullest"
        " counts) from which a process is given nothing new. What it has, it keeps.",
        "a number from 0.05 to 1",
        ge=0.05,
        le=1,
    )
    max_memory_mb: int = setting(
        2048,
        "Megabytes of resident memory that count as all that an api or relay process can carry.",
        "a whole number from 64 to 1048576",
        ge=64,
        le=1_048_576,
    )
    drain_seconds: int = setting(
        20,
        "Seconds for which a process that is asked to end (SIGTERM, `drain`) waits until others"
        " have taken over what it has. Service managers must wait a little longer than this.",
        "a whole number from 0 to 86400",
        ge=0,
        le=86_400,
    )
    placing: Placing = setting(
        (),
        "How a process is picked for something new, by purpose. Unset:"
        " api=least-used,relay=least-used.",
        f"purposes (api, relay) with a strategy each ({', '.join(Strategy)}), such as"
        f" relay=round-robin, {SEPARATE}",
    )

    @property
    def strategies(self) -> dict[str, Strategy]:
        """The strategy of each purpose that was given one."""
        pairs = (one.partition("=") for one in self.placing)
        return {purpose: Strategy(strategy) for purpose, _, strategy in pairs}
