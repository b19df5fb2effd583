"""Signs of life for the tasks in hand, from a thread: a loop that is held up sends them still."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import Final

import msgspec

from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.settings import NatsSettings
from protocol.errors import StorageUnavailable
from protocol.jobs import JobId

IN_PROGRESS: Final = b"+WPI"
PER_ACK_WAIT: Final = 3
"""Signs of life within the time after which the broker gives a task to another worker."""
CONNECT_S: Final = 5.0

_log = logging.getLogger(__name__)


class Heartbeat:
    """Tells the broker which tasks are still in hand, by a connection of its own."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = msgspec.structs.replace(settings, connect_s=CONNECT_S)
        self._addresses: dict[JobId, str] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self, job_id: JobId, address: str) -> None:
        """Keep a task; `address` is where the broker is answered about it."""
        self._addresses[job_id] = address

    def drop(self, job_id: JobId) -> None:
        """Let go of a task."""
        self._addresses.pop(job_id, None)

    def start(self) -> None:
        """Begin, if that was not done."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
            self._thread.start()

    async def stop(self) -> None:
        """End the thread."""
        if self._thread is None:
            return
        self._is_over.set()
        if self._loop is not None and self._woken is not None:
            with contextlib.suppress(RuntimeError):  # the thread's loop may have ended
                self._loop.call_soon_threadsafe(self._woken.set)
        await asyncio.to_thread(self._thread.join)
        self._thread = None

    def _run(self) -> None:
        asyncio.run(self._beat())

    async def _beat(self) -> None:
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        while not self._is_over.is_set():  # it may be set before there is a loop to be told in
            try:
                async with Broker(self._settings, "cutwire heartbeat").opened() as broker:
                    await self._beat_with(broker)
            except StorageUnavailable as error:
                _log.warning("no signs of life can be sent", extra={"detail": error.detail})

    async def _beat_with(self, broker: Broker) -> None:
        assert self._woken is not None
        while not self._is_over.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.ack_wait_s / PER_ACK_WAIT):
                    await self._woken.wait()
            for address in list(self._addresses.values()):
                await broker.tell(address, IN_PROGRESS)
