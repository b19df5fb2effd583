"""How many bytes come and go over HTTP? WebSockets are counted where their messages are."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.metrics import Metrics


class CountedTraffic:
    """The application, with the bytes of HTTP bodies counted on their way."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def receive_counted() -> Message:
            message = await receive()
            self._metrics.received("http", len(message.get("body", b"")))
            return message

        async def send_counted(message: Message) -> None:
            self._metrics.sent("http", len(message.get("body", b"")))
            await send(message)

        await self._app(scope, receive_counted, send_counted)
