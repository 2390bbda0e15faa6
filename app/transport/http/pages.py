"""The web client: a built folder, or a page that says how to build it."""

from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from app.core.errors import NotFound
from app.transport.http.compression import Compressed, takes_gzip
from app.transport.http.problems import refused

API_ROOTS = frozenset(
    {"auth", "profile", "lecture", "health", "ready", "metrics", "openapi.json", "docs"}
    | {"v1", "v1.1", "socket.io", "recordings"}
)
"""First path segments that are never pages: what is unknown under them is answered as JSON."""

HASHED = "assets/"
"""Where the build puts files whose names change with their content."""

NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Lectern</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><h1>Lectern is running</h1>
<p>The web client was not built, so there is no page to show here.</p>
<p>To build it, install Node.js 20 or newer, run <code>make serve</code> again (or
<code>npm ci</code> and <code>npm run build</code> in <code>web/</code>), and reload.</p>
<p>The REST and Socket.IO interfaces work: see <a href="/openapi.json">/openapi.json</a>.</p>
</body></html>
"""


class Pages:
    """Answers every path that no route has."""

    def __init__(self, dist: Path | None) -> None:
        # The folder may be built while we run: its absence is looked at anew each time.
        self._files = None if dist is None else StaticFiles(directory=dist, check_dir=False)
        self._compressed = Compressed()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a stray websocket
            await send({"type": "websocket.close", "code": 1000})
            return
        answer = await self._answer(Request(scope))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path.lstrip("/")
        root = path.partition("/")[0]
        if request.method in {"GET", "HEAD"} and root not in API_ROOTS:
            found = await self._file(path, request.scope) if path else None
            if found is not None:
                return found
            if _is_page(path, request):
                return await self._index(request.scope)
        return refused(NotFound("there is nothing at this address"))

    async def _file(self, path: str, scope: Scope) -> Response | None:
        if self._files is None or "\x00" in path:
            return None
        try:
            answer = await self._files.get_response(path, scope)
        except HTTPException:
            return None
        cached = path.startswith(HASHED) and answer.status_code in {200, 304}
        answer.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if cached else "no-cache"
        )
        if cached and isinstance(answer, FileResponse):
            return await self._smaller(answer, scope)
        return answer

    async def _smaller(self, answer: FileResponse, scope: Scope) -> Response:
        answer.headers.add_vary_header("Accept-Encoding")
        wanted = takes_gzip(Headers(scope=scope).get("accept-encoding", ""))
        if scope["method"] != "GET" or "range" in Headers(scope=scope) or not wanted:
            return answer
        version, size = answer.headers.get("etag", ""), int(answer.headers["content-length"])
        data = await self._compressed.get(Path(answer.path), version, size)
        if data is None:
            return answer
        headers = {name: answer.headers[name] for name in ("content-type", "cache-control", "vary")}
        return Response(data, headers={**headers, "content-encoding": "gzip"})

    async def _index(self, scope: Scope) -> Response:
        found = await self._file("index.html", scope)
        if found is not None:
            return found
        return HTMLResponse(NOT_BUILT, headers={"Cache-Control": "no-cache"})


def _is_page(path: str, request: Request) -> bool:
    accept = request.headers.get("accept", "*/*")
    return path == "" or ("." not in path and "text/html" in accept)
