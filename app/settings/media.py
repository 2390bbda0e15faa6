"""The relays: where they listen and how much they carry."""

import ipaddress
from typing import Annotated, Literal, Self

from pydantic import model_validator

from app.settings.kinds import (
    LAST_PORT,
    SEPARATE,
    Address,
    Addresses,
    Group,
    LowerCase,
    SettingsError,
    setting,
)


class MediaSettings(Group):
    """The relays: where they listen and how much they carry."""

    media_host: Addresses = setting(
        ("127.0.0.1",),
        "Address(es) at which browsers reach the relays; they are put into ICE candidates.",
        f"one or more IP addresses, {SEPARATE}",
        min_length=1,
    )
    media_bind: Address | None = setting(
        None,
        "Address on which the relays listen. Unset: 127.0.0.1 when LECTERN_MEDIA_HOST is this"
        " machine's loopback alone, otherwise all.",
        "an IP address of this machine, or 0.0.0.0 for all",
    )
    media_port: int = setting(
        7882,
        "UDP and TCP port of the first relay; relay k listens on this number + k.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    relays: int = setting(
        0,
        "Relay processes that `serve` starts; 0: one for every core but one, at least one.",
        "a whole number from 0 to 64",
        ge=0,
        le=64,
    )
    pin: Annotated[Literal["off", "on"], LowerCase] = setting(
        "on",
        "Whether `serve` keeps each relay on a core of its own, as far as there are cores.",
        "off or on",
    )
    max_peers: int = setting(
        1000,
        "Connections that one relay takes before it refuses more (some 60 KB of memory each).",
        "a whole number from 2 to 20000",
        ge=2,
        le=20_000,
    )

    pipe_host: Addresses | None = setting(
        None,
        "Address(es) at which other relays reach these, for a room on several relays; unset: as"
        " browsers do. A private network between the machines is cheaper, and mostly nearer.",
        f"one or more IP addresses, {SEPARATE}",
    )
    fan_out: int = setting(
        32,
        "Other relays that one relay feeds of one room, before some of those feed others instead.",
        "a whole number from 1 to 500",
        ge=1,
        le=500,
    )

    @model_validator(mode="after")
    def _media_ports_exist(self) -> Self:
        if self.media_port + max(self.relays, 1) - 1 > LAST_PORT:
            problem = f"{self.media_port} leaves no room for {self.relays} relays"
            raise SettingsError(
                [f"LECTERN_MEDIA_PORT: {problem}; the last one's port is at most {LAST_PORT}"]
            )
        return self

    @property
    def media_bind_host(self) -> str:
        """The address that relays bind: no wider than their candidates need."""
        if self.media_bind is not None:
            return self.media_bind
        addresses = [ipaddress.ip_address(host) for host in self.media_host]
        if all(address.is_loopback for address in addresses):
            return self.media_host[0]
        return "::" if any(address.version == 6 for address in addresses) else "0.0.0.0"  # noqa: S104

    def relay_count(self, cores: int) -> int:
        """How many relays to run on a machine with ``cores`` cores: the api has one of them."""
        return self.relays or max(1, cores - 1)
