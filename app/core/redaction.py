"""Keeps out of the log what is nobody's business: tokens, e-mails, addresses, SDP."""

import ipaddress
import re
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

HIDDEN = "[redacted]"
MAX_DEPTH = 6
MAX_TEXT_CHARS = 20_000

_SECRET_KEYS = re.compile(
    r"token|secret|password|passwd|authorization|cookie|credential|api_?key|e_?mail|\bsdp\b"
    r"|candidate|ufrag|ice_?pwd|\bip\b|remote_addr|^address$|^addr$|^client$|^peername$",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[^\s@<>\"'(){}\[\],;:=]+@[^\s@<>\"'(){}\[\],;:=]+")
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*")
_URL_PASSWORD = re.compile(r"(?<=://)[^/\s@]+@")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%\w+)?(?![\w:])")
_SDP_MARKS = ("v=0\r\n", "v=0\n", "a=candidate:", "a=ice-ufrag", "a=fingerprint")


def redacted(text: str) -> str:
    """Return ``text`` without tokens, e-mails, IP addresses (but this machine's own) and SDP."""
    if any(mark in text for mark in _SDP_MARKS):
        return "[sdp]"
    text = text[:MAX_TEXT_CHARS]
    text = _JWT.sub("[token]", text)
    text = _URL_PASSWORD.sub("[credentials]@", text)
    text = _EMAIL.sub(_email, text)
    text = _IPV6.sub(_address, text)  # before IPv4, which one may end with
    return _IPV4.sub(_address, text)


def _email(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith("[credentials]") else "[email]"


def _address(match: re.Match[str]) -> str:
    try:
        address = ipaddress.ip_address(match[0].split("%", 1)[0].rstrip("."))
    except ValueError:
        return match[0]
    return match[0] if address.is_loopback or address.is_unspecified else "[ip]"


def clean(value: Any, depth: int = 0) -> Any:
    """Return ``value`` with every string in it redacted and every blob replaced by its size."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= MAX_DEPTH:
        return "[…]"
    if isinstance(value, Mapping):
        return {str(key): _field(str(key), item, depth) for key, item in value.items()}
    if isinstance(value, Sequence | set | frozenset):
        return [clean(item, depth + 1) for item in value]
    return redacted(str(value))


def _field(key: str, value: Any, depth: int) -> Any:
    if _SECRET_KEYS.search(key) and not isinstance(value, bool | int | float | None):
        return HIDDEN
    return clean(value, depth + 1)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor; it comes after the traceback is text and before the rendering."""
    for key in list(event):
        if not key.startswith("_"):
            event[key] = _field(key, event[key], 0)
    return event
