"""What a gateway has in the place of models: the broker, shared sessions, the cluster's ledger."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Sequence

from inference.engine import Settles
from inference.jetstream_engine.accounts import Accounts
from inference.jetstream_engine.broker import Broker
from inference.jetstream_engine.engine import JetStreamEngine
from inference.jetstream_engine.jobs import Jobs
from inference.jetstream_engine.sessions import SharedSessions
from inference.jetstream_engine.usage import UsageFeed
from protocol.errors import StorageUnavailable
from protocol.jobs import JobId
from server.books import Books
from server.connection import Connection
from server.deliveries.outbox import Ending, Entry, State
from server.parts import Parts
from server.rates import CountsCalls
from server.routes import Routes
from server.session_registry import SessionRegistry
from server.settings import Settings
from server.shared_budgets import SharedBudgets
from server.shared_directory import SharedDirectory
from server.shared_rates import SharedRates

RECONCILE_S = 2.0
RECONCILED_AT_ONCE = 200
RETRY_S = 1.0
CLAIM_S = 30.0
"""How often a gateway looks whether the ledger has been released."""

_log = logging.getLogger(__name__)


class Gateway:
    """The distributed engine, as a gateway uses it."""

    def __init__(self, settings: Settings, settlement: Settles, books: Books) -> None:
        self.broker = Broker(settings.nats, f"cutwire gateway {socket.gethostname()}")
        self.engine = JetStreamEngine(
            self.broker,
            settlement,
            settings.engine_here,
            jobs_life_s=settings.journal.result_life_s,
        )
        self._jobs = Jobs(self.broker)
        books.watch_deliveries(self._note_ended)
        self._shared = SharedSessions(self.broker)
        self.directory = SharedDirectory(self._shared, settings.limits.resume_s)
        self.budget_shares = SharedBudgets(Accounts(self.broker), books.spending)
        self.engine.watch_results(self.budget_shares.settle)
        self._rates = SharedRates(self.broker)
        self._keeps_ledger = settings.nats.keeps_ledger
        self.is_sweeper = False
        """Whether this gateway is the one that removes old pictures: the one with the ledger."""
        self._books = books

    @contextlib.asynccontextmanager
    async def running(
        self, routes: Routes, sessions: SessionRegistry, parts: Parts
    ) -> AsyncIterator[None]:
        """Take tasks until the block ends."""
        async with self.broker.opened():
            await self.engine.open()

            async def taken(session_id: str) -> None:
                self.directory.forget(session_id)
                connection = sessions.drop(session_id)
                if isinstance(connection, Connection):
                    connection.lose_session()

            await self._shared.listen(taken)
            works = [
                self.directory.run(),
                self.budget_shares.run(),
                self._rates.run(),
                self._reconcile(),
            ]
            if self._keeps_ledger:
                works.append(self._keep_ledger())
            started = [parts.start(work, "a part of the gateway") for work in works]
            routes.is_ready = True
            try:
                yield
            finally:
                routes.is_ready = False
                for part in started:
                    part.cancel()
                await asyncio.wait(started)
                await self.engine.close(drain_s=0)
                await self.budget_shares.close()

    def count_together(self, limiters: Sequence[CountsCalls]) -> None:
        """Have limiters count for all gateways."""
        self._rates.share(limiters)

    async def upload_state(self, job_id: JobId) -> State | None:
        """Tell what the gateway that keeps the ledger noted of an upload."""
        with contextlib.suppress(StorageUnavailable):
            noted = await self._jobs.upload(job_id)
            return "delivered" if noted == "delivered" else "given_up" if noted else None
        return None

    async def _note_ended(self, entry: Entry, how: Ending) -> None:
        if entry.kind == "upload":
            with contextlib.suppress(StorageUnavailable):
                await self._jobs.note_upload((entry.tenant, entry.task_uuid.lower()), how)

    async def _keep_ledger(self) -> None:
        """Keep the cluster's ledger, once no other gateway does."""
        feed, identity = UsageFeed(self.broker), await self._books.identity()
        while True:
            try:
                if await feed.is_claimed(identity):
                    await self.budget_shares.recall(await self._books.spent())
                    break
            except StorageUnavailable:
                await asyncio.sleep(RETRY_S)
                continue
            await asyncio.sleep(CLAIM_S)
        _log.info("this gateway keeps the ledger and sends webhooks")
        self.is_sweeper = True
        await feed.run(self._books.record)

    async def _reconcile(self) -> None:
        """Settle what was set aside for tasks whose end did not come by here."""
        while True:
            await asyncio.sleep(RECONCILE_S)
            for job_id in self.budget_shares.unsettled()[:RECONCILED_AT_ONCE]:
                with contextlib.suppress(StorageUnavailable):
                    state = await self.engine.find(job_id)
                    if state is not None and state.outcome is not None:
                        self.budget_shares.settle(state.outcome)
