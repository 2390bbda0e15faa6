"""The TURN server."""

from typing import Annotated, Literal, Self

from pydantic import FilePath, model_validator

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


class TurnSettings(Group):
    """The TURN server."""

    turn: Annotated[Literal["off", "on"], LowerCase] = setting(
        "off",
        "Whether clients are given TURN servers, and whether `serve` runs one (coturn must be"
        " installed): for networks that let no UDP through but to it, or none at all.",
        "off or on",
    )
    turn_host: Address | None = setting(
        None,
        "Address at which browsers reach the TURN server. Unset: the first of LECTERN_MEDIA_HOST.",
        "an IP address",
    )
    turn_bind: Address | None = setting(
        None,
        "Address on which it listens and relays. Unset: LECTERN_TURN_HOST. Another one says that a"
        " one-to-one NAT is between the two.",
        "an IP address of this machine",
    )
    turn_port: int = setting(
        3478,
        "UDP and TCP port of the TURN server.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    turn_tls_port: int = setting(
        5349,
        "TCP port of the TURN server for TLS; 443 is let through by the most networks.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )
    turn_tls_name: str | None = setting(
        None,
        "Host name that its certificate is for. Unset: LECTERN_TURN_HOST.",
        "a host name",
        pattern=r"^[A-Za-z0-9.:-]{1,253}$",
    )
    turn_tls_cert: FilePath | None = setting(
        None,
        "Certificate chain of the TURN server (PEM). Unset: no TLS.",
        "a file that is there",
    )
    turn_tls_key: FilePath | None = setting(
        None,
        "Private key of that certificate (PEM).",
        "a file that is there",
    )
    turn_first_port: int = setting(
        49_160,
        "First UDP port of allocations. Open them to the relays.",
        f"a whole number from 1024 to {LAST_PORT}",
        ge=1024,
        le=LAST_PORT,
    )
    turn_last_port: int = setting(
        51_160,
        "Last UDP port of allocations; each takes one.",
        f"a whole number from 1024 to {LAST_PORT}, not below LECTERN_TURN_FIRST_PORT",
        ge=1024,
        le=LAST_PORT,
    )
    turn_peers: Addresses = setting(
        (),
        "Addresses of all relays: the only ones that a client reaches through the TURN server."
        " Unset: LECTERN_MEDIA_HOST.",
        f"IP addresses, {SEPARATE}",
    )
    turn_region: str = setting(
        "",
        "Region of this machine: an api process gives its clients the TURN servers of its own"
        " region first.",
        "up to 32 letters, digits and hyphens",
        pattern=r"^[A-Za-z0-9-]{0,32}$",
    )
    turn_interface: str | None = setting(
        None,
        "Network interface whose traffic tells how busy the TURN server is. Unset: all but"
        " loopback.",
        "an interface's name, such as eth0",
        pattern=r"^[^\s/:]{1,32}$",
    )
    turn_capacity_mbps: int = setting(
        1000,
        "Mbit/s that it carries in one direction; a TURN server with none left is offered to"
        " nobody.",
        "a whole number from 1 to 400000",
        ge=1,
        le=400_000,
    )
    turn_user_quota: int = setting(
        24,
        "Allocations that one person may have open at once on one TURN server: a browser makes one"
        " for each transport and network, and again when it changes its network.",
        "a whole number from 1 to 1000",
        ge=1,
        le=1000,
    )
    turn_session_kbps: int = setting(
        0,
        "Kbit/s of one allocation in each direction; 0: no limit.",
        "a whole number from 0 to 1000000",
        ge=0,
        le=1_000_000,
    )
    turn_credential_seconds: int = setting(
        300,
        "Seconds for which a TURN credential opens allocations; clients are given the next one in"
        " time, and what is open stays open.",
        "a whole number from 30 to 86400",
        ge=30,
        le=86_400,
    )
    turn_secret_seconds: int = setting(
        3600,
        "Seconds after which the secrets that sign TURN credentials are replaced; the old ones are"
        " taken for one more life of a credential.",
        "a whole number from 60 to 604800",
        ge=60,
        le=604_800,
    )
    turn_users: Annotated[Literal["secrets", "turnadmin"], LowerCase] = setting(
        "secrets",
        "What opens the TURN server: a credential for each person, signed by secrets in Redis; or,"
        " where coturn may not reach Redis, one user after the other in coturn's own database.",
        "secrets or turnadmin",
    )
    turn_metrics_port: int = setting(
        9641,
        "TCP port on which `turn` answers /metrics, on LECTERN_HOST.",
        f"a whole number from 1 to {LAST_PORT}",
        ge=1,
        le=LAST_PORT,
    )

    @model_validator(mode="after")
    def _turn_is_whole(self) -> Self:
        if self.turn_last_port < self.turn_first_port:
            raise SettingsError(
                ["LECTERN_TURN_LAST_PORT: it must not be below LECTERN_TURN_FIRST_PORT"]
            )
        if (self.turn_tls_cert is None) != (self.turn_tls_key is None):
            raise SettingsError(
                ["LECTERN_TURN_TLS_CERT and LECTERN_TURN_TLS_KEY: set both, or neither"]
            )
        return self
