"""How the playground reaches a browser: files, their types, how long they keep, what they may do.

The files are read once and lie under a path that names their content, so a browser keeps them for
good; the page itself is asked for again each time, and answered with 304 while it is the same.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.playground.task_forms import Json

ASSETS = Path(__file__).parent / "assets"
PAGE = "index.html"
FORMS = "tasks.json"
PLACEHOLDER = b"{{assets}}"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    media_type: str


class Playground:
    """Serves the page and its files."""

    def __init__(self, forms: Json, picture_origin: str = "") -> None:
        """`picture_origin` is where results lie that this service does not serve itself."""
        files = {path.relative_to(ASSETS).as_posix(): _read(path) for path in _paths()}
        files[FORMS] = _File(msgspec.json.encode(forms), MEDIA_TYPES[".json"])
        page = files.pop(PAGE)
        self._digest = _digest(page.body, *(name.encode() + files[name].body for name in files))
        self._files = files
        folder = f"playground/{self._digest}".encode()
        self._page = _File(page.body.replace(PLACEHOLDER, folder), page.media_type)
        self._headers = HEADERS | {"Content-Security-Policy": _policy(picture_origin)}

    def table(self) -> list[BaseRoute]:
        """List the routes."""
        return [
            Route("/", self._serve_page, methods=["GET"]),
            Route("/playground/{digest}/{file:path}", self._serve_file, methods=["GET"]),
        ]

    async def _serve_page(self, request: Request) -> Response:
        tag = f'"{self._digest}"'
        headers = self._headers | {"ETag": tag, "Cache-Control": ASK_AGAIN}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self._page.body, media_type=self._page.media_type, headers=headers)

    async def _serve_file(self, request: Request) -> Response:
        file = self._files.get(request.path_params["file"])
        if file is None or request.path_params["digest"] != self._digest:
            raise HTTPException(404)
        headers = self._headers | {"Cache-Control": FOR_GOOD}
        return Response(file.body, media_type=file.media_type, headers=headers)


def _paths() -> list[Path]:
    return sorted(path for path in ASSETS.rglob("*") if path.suffix in MEDIA_TYPES)


def _read(path: Path) -> _File:
    return _File(path.read_bytes(), MEDIA_TYPES[path.suffix])


def _digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:16]


def _policy(picture_origin: str) -> str:
    """Allow our own files and sockets, pictures made in the page, and nothing written into it."""
    there = f" {picture_origin}" if picture_origin else ""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' blob: data:{there}",
            f"connect-src 'self'{there}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
