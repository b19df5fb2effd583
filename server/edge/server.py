"""How the server starts, says that it is ready, drains and stops."""

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from types import FrameType

from uvicorn import Server

from inference.config import SettingsError
from server.edge.admission import Application
from server.edge.config import EdgeConfig
from server.edge.http_protocol import EdgeHttp
from server.edge.listening import base_url, close_sockets, open_sockets, raise_file_limit
from server.edge.settings import EdgeSettings
from server.edge.websocket_protocol import EdgeWebSocket

Drain = Callable[[], Awaitable[None]]

FORCED_EXIT_S = 1.0

logger = logging.getLogger(__name__)


async def drain_nothing() -> None:
    """Finish at once."""


class EdgeServer(Server):
    """uvicorn's server that lets the application finish before it closes the sockets.

    The first SIGTERM or SIGINT awaits `on_drain`, at most `drain_timeout_s`, and then stops; the
    second stops at once. `forced_by` tells which signal that was.
    """

    config: EdgeConfig

    def __init__(
        self,
        config: EdgeConfig,
        on_drain: Drain = drain_nothing,
        on_ready: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(config)
        self.forced_by: int | None = None
        self._on_drain = on_drain
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None
        self._signals = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, accept, and only then say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started and sockets and self._on_ready is not None:
            self._on_ready(base_url(sockets[0]))

    async def main_loop(self) -> None:
        """Wait for the end; once a second the date header is renewed."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._stop.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, stop on the second."""
        self._signals += 1
        if self._loop is None:
            self.should_exit = True
        elif self._signals == 1:
            self._loop.call_soon_threadsafe(self.drain)
        else:
            self.forced_by = sig
            self.force_exit = True
            self._loop.call_soon_threadsafe(self.stop)
            _exit_soon(128 + sig)

    def drain(self) -> None:
        """Let the application finish, then stop."""
        if self._draining is None:
            self._draining = asyncio.get_running_loop().create_task(self._drain())

    def stop(self) -> None:
        """Close all sockets and end `serve`."""
        self.should_exit = True
        self._stop.set()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self.config.edge.drain_timeout_s):
                await self._on_drain()
        except TimeoutError:
            logger.warning("drain: not finished in %g s", self.config.edge.drain_timeout_s)
        except Exception:  # whatever failed, a server that was told to stop stops
            logger.exception("drain failed")
        finally:
            self.stop()


def _exit_soon(code: int) -> None:
    """End the process even if a thread in a model run would hold it."""
    timer = threading.Timer(FORCED_EXIT_S, os._exit, (code,))
    timer.daemon = True
    timer.start()


def serve(
    app: Application,
    settings: EdgeSettings,
    on_ready: Callable[[str], None],
    on_drain: Drain = drain_nothing,
) -> int:
    """Serve until a signal ends it; the exit code: 0 after a drain, 128 + signal when forced.

    Raises SettingsError where it cannot listen as the settings say.
    """
    raise_file_limit()
    config = EdgeConfig(app, settings, EdgeHttp, EdgeWebSocket)
    server = EdgeServer(config, on_drain, on_ready)
    try:
        sockets = open_sockets(settings)
    except OSError as exc:
        raise SettingsError(
            f"cannot listen on {settings.host}, port {settings.port}: {exc.strerror}; choose "
            "others with --host and --port, or as edge.host and edge.port"
        ) from exc
    try:
        server.run(sockets)
    finally:
        close_sockets(sockets)
    return 128 + server.forced_by if server.forced_by is not None else 0
