"""Which path leads where, and how a client reached us."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from inference.engine import Engine
from server.closing import SERVICE_RESTART
from server.connection import Connection
from server.description import asyncapi, openapi
from server.downloads import Downloads
from server.edge import EXTENSION
from server.edit_routes import EditRoutes
from server.error_page import error_page
from server.http_requests import address_of
from server.http_tasks import HttpTasks
from server.metrics import CONTENT_TYPE
from server.parts import Parts
from server.reception import Reception


class Routes:
    """The paths of the service."""

    def __init__(
        self,
        reception: Reception,
        downloads: Downloads,
        engine: Engine,
        edits: EditRoutes,
        parts: Parts,
        *,
        public_url: str,
    ) -> None:
        self._reception = reception
        self._http_tasks = HttpTasks(reception)
        self._downloads = downloads
        self._engine = engine
        self._edits = edits
        self._parts = parts
        self._public_url = public_url.rstrip("/")
        self._connections: set[Connection] = set()
        self.is_ready = False

    def table(self) -> list[BaseRoute]:
        """List the routes."""
        return [
            WebSocketRoute("/v1", self._connect),
            Route("/v1", self._post, methods=["POST"]),
            *self._edits.table(self._base_url),
            Route("/im/{folder}/{file}", self._downloads.serve_result, methods=["GET"]),
            Route("/up/{folder}/{file}", self._downloads.serve_upload, methods=["GET"]),
            Route("/docs/errors", self._explain_errors, methods=["GET"]),
            Route("/openapi.json", self._describe(openapi), methods=["GET"]),
            Route("/asyncapi.json", self._describe(asyncapi), methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]

    def is_serving(self) -> bool:
        """Tell whether new tasks are taken just now."""
        return self.is_ready and self._parts.are_whole and not self._engine.trouble()

    async def drain(self) -> None:
        """Refuse new tasks, wait until every client has its replies, then close the sockets."""
        self.is_ready = False
        self._reception.dispatcher.is_draining = True
        await asyncio.gather(
            self._reception.under_way.answered(),
            *(connection.caught_up() for connection in self._connections),
        )
        reason = "the service restarts"
        await asyncio.gather(*(one.close(SERVICE_RESTART, reason) for one in self._connections))

    async def _connect(self, socket: WebSocket) -> None:
        peer = socket.scope["extensions"][EXTENSION]
        connection = Connection(
            socket,
            self._reception,
            peer,
            base_url=self._base_url(socket),
            address=address_of(socket),
        )
        self._connections.add(connection)
        with self._reception.metrics.connections.track_inprogress():
            try:
                await connection.serve()
            finally:
                self._connections.discard(connection)

    async def _post(self, request: Request) -> Response:
        self._reception.under_way.note()
        return await self._http_tasks.answer(
            request, base_url=self._base_url(request), address=address_of(request)
        )

    def _describe(
        self, document: Callable[[str, str], bytes]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def describe(request: Request) -> Response:
            from importlib.metadata import version

            body = document(self._base_url(request), version("cutwire"))
            headers = {"Access-Control-Allow-Origin": "*"}
            return Response(body, headers=headers, media_type="application/json")

        return describe

    async def _explain_errors(self, _: Request) -> Response:
        return error_page()

    async def _metrics(self, _: Request) -> Response:
        metrics, stats = self._reception.metrics, await self._engine.stats()
        metrics.gauged(stats, is_ready=self.is_serving(), trouble=self._engine.trouble())
        metrics.sessions.set(len(self._reception.sessions))
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    def _base_url(self, connection: HTTPConnection) -> str:
        """How the client reaches us: as configured, else the address bound; never its Host."""
        if self._public_url:
            return self._public_url
        host, port = connection.scope["server"]
        scheme = "https" if connection.scope["scheme"] in ("https", "wss") else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
