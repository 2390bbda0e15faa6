"""Puts a TURN process together: one coturn and its monitor."""

import contextlib
import shutil

from app.bootstrap.process import entered, signalled
from app.bootstrap.secrets import redis_url
from app.child import Child
from app.core import metrics
from app.core.clock import SystemClock
from app.settings import Settings, SettingsError
from app.store.data_folder import DataFolder
from app.store.redis import Redis
from app.turn import coturn
from app.turn.assembly import TurnRole
from app.turn.config import TurnConfig
from app.turn.store import TurnStore


async def run_turn(settings: Settings) -> None:
    """Run and watch one coturn until SIGTERM or SIGINT; then leave the registry, save, end it."""
    clock = SystemClock()
    config = _turn_config(settings)
    child = Child("coturn", lambda: coturn.command(config), {})
    async with contextlib.AsyncExitStack() as stack:
        redis = await entered(stack, Redis(redis_url(settings)))
        role = TurnRole(config, TurnStore(redis), child, clock, metrics.REGISTRY)
        try:
            await entered(stack, role)
        except OSError as error:
            port = f"TCP port {config.rest_port} of {config.rest_host}"
            raise SettingsError(
                [f"LECTERN_TURN_METRICS_PORT: cannot listen on {port} ({error.strerror})"]
            ) from None
        await signalled()


def _turn_config(settings: Settings) -> TurnConfig:
    executable = shutil.which("turnserver")
    if executable is None:
        raise SettingsError(
            ["LECTERN_TURN=on needs coturn: there is no turnserver on PATH (apt install coturn)"]
        )
    folder = DataFolder(settings.data_dir)
    folder.prepare()
    host = settings.turn_address
    return TurnConfig(
        folder=folder.path.absolute() / f"turn-{settings.turn_port}",
        executable=executable,
        host=host,
        name=settings.turn_tls_name or host,
        bind=settings.turn_bind or host,
        port=settings.turn_port,
        tls_port=settings.turn_tls_port,
        certificate=settings.turn_tls_cert and settings.turn_tls_cert.absolute(),
        key=settings.turn_tls_key and settings.turn_tls_key.absolute(),
        relay_ports=(settings.turn_first_port, settings.turn_last_port),
        peers=settings.turn_peers or settings.media_host,
        region=settings.turn_region,
        interface=settings.turn_interface,
        capacity_bps=settings.turn_capacity_mbps * 1_000_000,
        user_quota=settings.turn_user_quota,
        total_quota=settings.turn_last_port - settings.turn_first_port + 1,
        session_bytes_per_second=settings.turn_session_kbps * 1000 // 8,
        rest_host=settings.host,
        rest_port=settings.turn_metrics_port,
        credential_seconds=settings.turn_credential_seconds,
        secret_seconds=settings.turn_secret_seconds,
        long_term=settings.turn_users == "turnadmin",
    )
