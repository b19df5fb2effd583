"""Who does the tasks: this process, or workers elsewhere?"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from inference.inputs.fetch import Fetcher
from inference.inputs.reader import InputReader
from inference.journal import Journal
from inference.local_engine import LocalEngine
from inference.stores import Store
from inference.worker import Worker
from server.allowances import WholeBudgets
from server.books import Books
from server.machine import Machine
from server.parts import Parts
from server.rates import CountsCalls
from server.routes import Routes
from server.session_directory import NoDirectory
from server.session_registry import SessionRegistry
from server.settings import Settings
from server.settlement import Settlement

if TYPE_CHECKING:  # nats-py is an extra
    from server.gateway import Gateway


def hire(
    settings: Settings,
    machine: Machine,
    store: Store,
    settlement: Settlement,
    record: Journal,
    books: Books,
) -> Labour | Gateway:
    """Choose as the settings say."""
    if settings.engine_kind == "embedded":
        engine = LocalEngine(settings.engine_here, record, settlement)
        return Labour(settings, store, engine, machine)
    from server.gateway import Gateway

    return Gateway(settings, settlement, books)


@dataclass(frozen=True, slots=True)
class Labour:
    """The worker's side of the service: the pull loop, on this process's machine."""

    settings: Settings
    store: Store
    engine: LocalEngine
    machine: Machine
    directory: ClassVar[NoDirectory] = NoDirectory()
    budget_shares: ClassVar[WholeBudgets] = WholeBudgets()
    is_sweeper: ClassVar[bool] = True
    upload_state: ClassVar[None] = None
    """Uploads are this process's own."""

    def count_together(self, limiters: Sequence[CountsCalls]) -> None:
        """Have limiters count for all gateways: here there is one."""

    @contextlib.asynccontextmanager
    async def running(
        self, routes: Routes, _: SessionRegistry, parts: Parts
    ) -> AsyncIterator[None]:
        """Take jobs until the block ends."""
        fetcher = Fetcher(self.settings.fetch, self.settings.allow_private_networks)
        inputs = InputReader(self.store, fetcher)
        await self.engine.open()
        async with self.machine.running(inputs, self.store) as runner:
            worker = Worker(self.engine, runner, concurrency=self.settings.work.slot_count)
            serving = parts.start(worker.run(), "the worker")
            routes.is_ready = True
            try:
                yield
            finally:
                routes.is_ready = False
                await self.engine.close(drain_s=0)
                serving.cancel()
                await asyncio.wait({serving})
                await fetcher.close()
