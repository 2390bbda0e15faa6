"""How a webhook proves that it is ours: Standard Webhooks (its specification, "Signature scheme").

Three headers: ``webhook-id`` (the event's id: the same on every try), ``webhook-timestamp``
(seconds, of this try) and ``webhook-signature`` (``v1,<base64>``: HMAC-SHA256 over
``id.timestamp.body``). A receiver refuses old timestamps and drops ids that it has had.
"""

import base64
import hashlib
import hmac
import secrets

SECRET_PREFIX = "whsec_"  # noqa: S105 what such a secret begins with
SECRET_BYTES = 32


def new_secret() -> str:
    """Return a secret as its owner is shown it: ``whsec_`` and base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(secret: str, unique: str, at_seconds: int, body: bytes) -> list[tuple[str, str]]:
    """Return the three headers of one try."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((unique.encode(), str(at_seconds).encode(), body))
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return [
        ("webhook-id", unique),
        ("webhook-timestamp", str(at_seconds)),
        ("webhook-signature", f"v1,{digest}"),
    ]
