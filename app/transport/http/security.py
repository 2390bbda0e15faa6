"""The headers that tell a browser what our pages may do (decision 0034)."""

from collections.abc import Callable, Sequence

_POLICY = {
    "default-src": "'self'",
    # Excalidraw compiles WebAssembly to cut its fonts down, and no text to script.
    "script-src": "'self' 'wasm-unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",  # Excalidraw sets style attributes
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' blob:",
    "worker-src": "'self' blob:",
    "connect-src": "'self' data: blob:",
    "object-src": "'none'",
    "frame-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
_DOCS = "https://cdn.jsdelivr.net"


def _policy(policy: dict[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in policy.items())


_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": (
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=()"
    ),
}
_PAGES = {**_FIXED, "Content-Security-Policy": _policy(_POLICY)}
_DOCS_PAGE = {
    **_FIXED,
    "Content-Security-Policy": _policy(
        {
            **_POLICY,
            "script-src": f"'self' 'unsafe-inline' {_DOCS}",
            "style-src": f"'self' 'unsafe-inline' {_DOCS}",
            "img-src": "'self' data: https://fastapi.tiangolo.com",
        }
    ),
}


def security_headers(path: str) -> dict[str, str]:
    """Return the headers of an answer to ``path``; ``/docs`` alone loads a foreign script."""
    return _DOCS_PAGE if path == "/docs" else _PAGES


def headers_with_media(origins: Sequence[str]) -> Callable[[str], dict[str, str]]:
    """Return ``security_headers`` for pages that play media from these origins, too."""
    if not origins:
        return security_headers
    policy = {**_POLICY, "media-src": " ".join((_POLICY["media-src"], *origins))}
    pages = {**_FIXED, "Content-Security-Policy": _policy(policy)}
    return lambda path: _DOCS_PAGE if path == "/docs" else pages
