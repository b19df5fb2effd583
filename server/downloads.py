"""Stored pictures by signed URL: no key needed, nothing to guess, nothing that a browser runs."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from inference.keys import RESULTS, UPLOADS
from inference.stores import BlobNotFound, Store
from protocol.errors import StorageUnavailable
from server.replier import EXTENSIONS
from server.signing import UrlSigner

MEDIA_TYPES = {extension: media_type for media_type, extension in EXTENSIONS.items()}
_log = logging.getLogger(__name__)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Referrer-Policy": "no-referrer",
}


class Downloads:
    """Serves the pictures that replies point to."""

    def __init__(self, store: Store, signer: UrlSigner) -> None:
        self._store = store
        self._signer = signer

    async def serve_result(self, request: Request) -> Response:
        """Answer with a result."""
        return await self._serve(request, RESULTS)

    async def serve_upload(self, request: Request) -> Response:
        """Answer with an upload."""
        return await self._serve(request, UPLOADS)

    async def _serve(self, request: Request, prefix: str) -> Response:
        """Any fault of the URL, and an expired one, is the same 404."""
        query = request.query_params
        expires = query.get("exp", "")
        if not self._signer.is_valid(request.url.path, expires, query.get("sig", "")):
            return _not_found()
        name, _, extension = request.path_params["file"].rpartition(".")
        try:
            data = await self._store.get(f"{prefix}/{request.path_params['folder']}/{name}")
        except BlobNotFound:
            return _not_found()
        except StorageUnavailable as error:
            _log.warning("picture not served", extra={"detail": error.detail})
            return _refusal("The store does not answer now; try again.", 503, {"Retry-After": "1"})
        headers = HEADERS | {
            "Content-Disposition": f'inline; filename="{name}.{extension}"',
            "Cache-Control": f"private, max-age={self._signer.seconds_left(expires)}, immutable",
        }
        return Response(data, media_type=MEDIA_TYPES[extension], headers=headers)


def _not_found() -> Response:
    return _refusal("Not found, or expired.", 404, {})


def _refusal(told: str, status: int, headers: dict[str, str]) -> Response:
    headers = {**HEADERS, "Cache-Control": "no-store", **headers}
    return PlainTextResponse(f"{told}\n", status, headers=headers)
