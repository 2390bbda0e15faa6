"""What an operator may choose about the HTTP side."""

from dataclasses import dataclass, field
from pathlib import Path

from app.auth.attempts import AttemptLimits


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """Frozen settings of the REST interface and the pages."""

    allowed_origins: tuple[str, ...] = ()
    """Origins whose pages may call us (``"https://class.example"``); ``("*",)`` is any of them,
    for development."""

    web_dist: Path | None = None
    """The built web client's folder; without it (or before it is built) ``/`` says so."""

    media_origins: tuple[str, ...] = ()
    """Origins, besides our own, from which pages may play recordings: the storage's."""

    service_token: str | None = None
    """What a service of the operator's shows as ``Authorization``; None lets no service in."""

    docs: bool = False
    """Serve ``/docs``, which loads its script from a public network: for development."""

    body_limit_bytes: int = 64 * 1024
    """Largest request body; a bigger one is refused (413) before it is parsed."""

    body_timeout_seconds: float = 15.0
    """How long a client may take to send its body (408)."""

    sign_in_limits: AttemptLimits = field(default_factory=AttemptLimits)
    """Sign-ins that may fail, counted in this process."""
