"""A service that cannot start says why in one line, and what to do; no traceback hides it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocol.errors import CutwireError


class StartFailure:
    """Remembers why the start failed, for `PlainStart` to tell."""

    def __init__(self) -> None:
        self.reason: CutwireError | None = None

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Remember a known reason that ends the block, also where task groups wrapped it."""
        try:
            yield
        except (CutwireError, ExceptionGroup) as error:
            self.reason = _known(error)
            raise


class PlainStart:
    """The application, with the known reason in place of Starlette's traceback."""

    def __init__(self, app: ASGIApp, failure: StartFailure) -> None:
        self._app = app
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on but the message of a failed start."""

        async def tell(message: Message) -> None:
            reason = self._failure.reason
            if message["type"] == "lifespan.startup.failed" and reason is not None:
                message = {**message, "message": f"{reason.message} {reason.detail}".strip()}
            await send(message)

        await self._app(scope, receive, tell if scope["type"] == "lifespan" else send)


def _known(error: Exception) -> CutwireError | None:
    if isinstance(error, ExceptionGroup):
        return next(filter(None, map(_known, error.exceptions)), None)
    return error if isinstance(error, CutwireError) else None
