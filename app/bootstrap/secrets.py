"""Where a role finds Redis and the secrets: in the settings, or in the data folder."""

from app.settings import Settings, SettingsError
from app.store.data_folder import DataFolder


def redis_url(settings: Settings) -> str:
    if settings.redis_url is None:
        raise SettingsError(
            ["REDIS_URL must be set: only `python -m app serve` brings a Redis of its own"]
        )
    return settings.redis_url


def jwt_secret(settings: Settings) -> str:
    if settings.jwt_secret_key is not None:
        return settings.jwt_secret_key.get_secret_value()
    return DataFolder(settings.data_dir).secret("jwt-secret")


def service_token(settings: Settings) -> str | None:
    if settings.service_token is not None:
        return settings.service_token.get_secret_value()
    if settings.is_production:
        return None
    return DataFolder(settings.data_dir).secret("service-token")
