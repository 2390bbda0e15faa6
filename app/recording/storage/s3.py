"""Recordings in a service that speaks S3."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from app.core.errors import NotFound, Unavailable
from app.recording.storage.port import StoredObject

if TYPE_CHECKING:
    from collections.abc import Awaitable

PART_BYTES: Final = 8 * 1024 * 1024
"""A larger file goes up in parts of this size (S3 takes no smaller ones than 5 MiB, and 10,000 of
them: 80 GB)."""
PARTS_AT_ONCE: Final = 3
RETRIES: Final = 3
"""Of one request, within ``RETRY_SECONDS``; whoever called tries the whole again much later."""
RETRY_SECONDS: Final = 20
TIMEOUT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class S3Config:
    """Where the bucket is. Raises ValueError for an address that is none."""

    bucket: str
    prefix: str = ""
    """Put before every key; without slashes at its ends."""
    region: str = "us-east-1"
    endpoint: str | None = None
    """Of a service that is not AWS; browsers must reach it, too. None: AWS itself."""
    key_id: str = ""
    secret: str = field(default="", repr=False)

    @classmethod
    def of(
        cls, url: str, *, endpoint: str | None, region: str, key_id: str, secret: str
    ) -> "S3Config":
        """Read ``s3://bucket/prefix``."""
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc or parts.query:
            raise ValueError("not s3://bucket or s3://bucket/prefix")
        return cls(parts.netloc, parts.path.strip("/"), region, endpoint, key_id, secret)


class S3Storage:
    """``Storage`` in one bucket. Uploads are whole or absent, in parts where they are large."""

    def __init__(self, config: S3Config) -> None:
        options: dict[str, Any] = {
            "bucket": config.bucket,
            "region": config.region,
            "access_key_id": config.key_id,
            "secret_access_key": config.secret,
        }
        if config.endpoint is not None:
            # The bucket in the path: what every service understands, without names of its own.
            options |= {"endpoint": config.endpoint, "virtual_hosted_style_request": False}
        self._store = S3Store(
            **options,
            prefix=config.prefix or None,
            client_options={
                "timeout": timedelta(seconds=TIMEOUT_SECONDS),
                "connect_timeout": timedelta(seconds=5),
                "allow_http": bool(config.endpoint and config.endpoint.startswith("http://")),
            },
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=200),
                    "max_backoff": timedelta(seconds=5),
                    "base": 2,
                },
            },
        )

    async def put(self, key: str, path: Path, content_type: str) -> None:
        """As the port says; the file stays where it is."""
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        await _answered(
            obstore.put_async(
                self._store,
                key,
                path,
                attributes={"Content-Type": content_type},
                use_multipart=size > PART_BYTES,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
        )

    async def fetch(self, key: str, path: Path) -> None:
        found = await _answered(obstore.get_async(self._store, key))
        try:
            with path.open("wb") as file:
                async for chunk in found.stream(min_chunk_size=1 << 20):
                    file.write(chunk)
        except BaseError as error:
            raise _away(error) from error
        except OSError as error:
            raise Unavailable(f"no room for a recording ({error.strerror})") from error

    async def names(self, prefix: str) -> list[StoredObject]:
        try:
            found = [entry async for page in obstore.list(self._store, prefix) for entry in page]
        except BaseError as error:
            raise _away(error) from error
        return sorted(
            (StoredObject(entry["path"], entry["size"]) for entry in found),
            key=lambda one: one.key,
        )

    async def delete(self, key: str) -> None:
        try:
            await _answered(obstore.delete_async(self._store, key))
        except NotFound:
            return

    async def url(self, key: str, seconds: int, now: float) -> str:  # noqa: ARG002 (the library signs by its own clock)
        signed = obstore.sign_async(self._store, "GET", key, timedelta(seconds=seconds))
        return str(await _answered(signed))


async def _answered(request: "Awaitable[Any]") -> Any:
    try:
        return await request
    except (NotFoundError, FileNotFoundError):
        raise NotFound("there is no such recording") from None
    except (BaseError, OSError) as error:
        raise _away(error) from error


def _away(error: Exception) -> Unavailable:
    # Its text may name hosts and keys: it goes to the log by ``__cause__`` alone.
    return Unavailable(f"the recordings' storage fails ({type(error).__name__})")
